//! What the staff sees and changes: reviews with what visitors do not see of them, and the history of changes.

use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;

use super::{NewRestaurant, NewReview, RestaurantId, Review};
use crate::photos::PhotoName;

/// A restaurant with what its deletion would delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffRestaurant {
    /// Its id.
    pub id: RestaurantId,
    /// Its texts.
    pub texts: NewRestaurant,
    /// The number of its reviews, hidden ones included.
    pub reviews: u64,
    /// The number of photos among them.
    pub photos: u64,
    /// Changes with each change of the restaurant or of one of its reviews.
    pub seen: SeenRestaurant,
}

impl StaffRestaurant {
    /// The restaurant in the version that was read.
    #[must_use]
    pub fn versioned(&self) -> Versioned {
        Versioned {
            id: self.id.0,
            version: self.seen.version,
        }
    }
}

/// A restaurant and its reviews as someone saw them, as a form carries it: `12:3:2:40:5:71`.
///
/// A new review raises the largest id, a deletion lowers the number of reviews, and every other change raises a version.
/// In PostgreSQL, a review can become visible after others with larger ids. If another one is deleted meanwhile, only the
/// history shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenRestaurant {
    /// Its id.
    pub id: RestaurantId,
    /// Changes with each change of its texts.
    pub version: i64,
    /// The number of its reviews, hidden ones included.
    pub reviews: i64,
    /// The largest id of its reviews; 0 if there are none.
    pub last_review: i64,
    /// The sum of the versions of its reviews.
    pub review_versions: i64,
    /// The number of the last change in its history; 0 if there is none.
    pub last_change: i64,
}

impl fmt::Display for SeenRestaurant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            version,
            reviews,
            last_review,
            review_versions,
            last_change,
        } = self;
        write!(
            f,
            "{id}:{version}:{reviews}:{last_review}:{review_versions}:{last_change}"
        )
    }
}

impl FromStr for SeenRestaurant {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.split(':').map(|number| number.parse().map_err(|_| ()));
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        let [id, version, reviews, last_review, review_versions, last_change] = numbers[..] else {
            return Err(());
        };
        Ok(Self {
            id: RestaurantId(id),
            version,
            reviews,
            last_review,
            review_versions,
            last_change,
        })
    }
}

/// A review with what visitors do not see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffReview {
    /// What visitors see of it.
    pub review: Review,
    /// Its restaurant.
    pub restaurant: RestaurantId,
    /// Its restaurant's name.
    pub restaurant_name: String,
    /// Whether visitors do not see it, and its rating does not count.
    pub is_hidden: bool,
    /// Changes with each change of the review.
    pub version: i64,
}

impl StaffReview {
    /// The review in the version that was read.
    #[must_use]
    pub fn versioned(&self) -> Versioned {
        Versioned {
            id: self.review.id,
            version: self.version,
        }
    }

    /// The review as the history keeps it.
    #[must_use]
    pub fn text(&self) -> String {
        let new = NewReview {
            user_name: self.review.user_name.clone(),
            rating: self.review.rating,
            review_text: self.review.review_text.clone(),
        };
        review_text(&new, self.review.photo.as_ref())
    }
}

/// A review's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewId(pub i64);

impl ReviewId {
    /// The path of this review's page for the staff.
    #[must_use]
    pub fn staff_url(self) -> String {
        format!("/admin/reviews/{}", self.0)
    }
}

impl FromStr for ReviewId {
    type Err = ();

    /// Accepts digits only.
    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().map(|RestaurantId(id)| Self(id))
    }
}

/// A row in the version that someone saw, as a form carries it: `12:3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versioned {
    /// Its id.
    pub id: i64,
    /// Its version.
    pub version: i64,
}

impl fmt::Display for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.version)
    }
}

impl FromStr for Versioned {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, version) = text.split_once(':').ok_or(())?;
        Ok(Self {
            id: id.parse().map_err(|_| ())?,
            version: version.parse().map_err(|_| ())?,
        })
    }
}

/// What to do with the photo of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhotoChange {
    /// It stays.
    Keep,
    /// The review loses it.
    Remove,
    /// This photo, which is stored already, takes its place.
    Replace(PhotoName),
}

/// A review as it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewChange {
    /// Its author, rating and text.
    pub new: NewReview,
    /// Its photo.
    pub photo: PhotoChange,
}

/// What can be done to several reviews at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewAction {
    /// They are deleted, with their photos.
    Delete,
    /// Visitors no longer see them.
    Hide,
    /// Visitors see them again.
    Show,
}

impl ReviewAction {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Hide, Self::Show, Self::Delete];

    /// Its name in forms and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Hide => "hide",
            Self::Show => "show",
        }
    }

    /// Its name on buttons.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Hide => "Hide",
            Self::Show => "Show again",
        }
    }

    /// How the history calls it.
    #[must_use]
    pub fn done(self) -> Done {
        match self {
            Self::Delete => Done::Deleted,
            Self::Hide => Done::Hidden,
            Self::Show => Done::Shown,
        }
    }
}

impl FromStr for ReviewAction {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let action = Self::ALL.into_iter().find(|action| action.as_str() == text);
        action.ok_or(())
    }
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made, or there was nothing to change.
    Done,
    /// Someone else has changed the row meanwhile, so nothing was changed.
    Stale,
    /// The row does not exist (any more).
    Missing,
}

/// The kinds of change that the history has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was added.
    Added,
    /// Its text or photo was changed.
    Changed,
    /// It was deleted.
    Deleted,
    /// It was hidden.
    Hidden,
    /// It was shown again.
    Shown,
}

impl Done {
    const ALL: [Self; 5] = [Self::Added, Self::Changed, Self::Deleted, Self::Hidden, Self::Shown];

    /// Its name, as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Hidden => "hidden",
            Self::Shown => "shown",
        }
    }
}

impl FromStr for Done {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|done| done.as_str() == text).ok_or(())
    }
}

/// A change, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was done.
    pub done: Done,
    /// The restaurant.
    pub restaurant: RestaurantId,
    /// The review; `None` if the restaurant itself was changed.
    pub review: Option<i64>,
    /// The text before.
    pub before: Option<String>,
    /// The text after.
    pub after: Option<String>,
}

/// A change in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number: later changes have higher ones.
    pub id: i64,
    /// When it was made.
    pub at: OffsetDateTime,
    /// Who made it.
    pub by: String,
    /// What was changed.
    pub entry: Entry,
}

/// What a history is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Everything.
    All,
    /// A restaurant, and all of its reviews.
    Restaurant(RestaurantId),
    /// A review.
    Review(i64),
}

/// The restaurant's texts as the history keeps them.
#[must_use]
pub fn restaurant_text(texts: &NewRestaurant) -> String {
    format!(
        "Name: {}\nStreet address: {}\nDescription: {}",
        texts.name, texts.street_address, texts.description
    )
}

/// A review as the history keeps it.
#[must_use]
pub fn review_text(new: &NewReview, photo: Option<&PhotoName>) -> String {
    format!(
        "Name: {}\nRating: {}\nPhoto: {}\nReview: {}",
        new.user_name,
        new.rating.stars(),
        photo.map_or("none", PhotoName::as_str),
        new.review_text
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_version_survives_a_form(id: i64, version: i64, text in ".*") {
            let row = Versioned { id, version };
            prop_assert_eq!(row.to_string().parse(), Ok(row));
            let _ = text.parse::<Versioned>();
        }

        #[test]
        fn a_seen_restaurant_survives_a_form(numbers: [i64; 6], text in ".*") {
            let row = SeenRestaurant {
                id: RestaurantId(numbers[0]),
                version: numbers[1],
                reviews: numbers[2],
                last_review: numbers[3],
                review_versions: numbers[4],
                last_change: numbers[5],
            };
            prop_assert_eq!(row.to_string().parse(), Ok(row));
            let _ = text.parse::<SeenRestaurant>();
        }
    }
}
