//! A review, its rating, and the form that adds one.

use time::OffsetDateTime;

use super::text::{self, FieldErrors};
use crate::photos::PhotoName;

/// A rating: 1 to 5 stars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rating(u8);

impl Rating {
    /// The rating of that many stars; `None` outside 1 to 5.
    #[must_use]
    pub fn new(stars: i64) -> Option<Self> {
        u8::try_from(stars)
            .ok()
            .filter(|stars| (1..=5).contains(stars))
            .map(Self)
    }

    /// 1 to 5.
    #[must_use]
    pub fn stars(self) -> u8 {
        self.0
    }
}

/// The sum and the number of a restaurant's ratings.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RatingSummary {
    /// The sum of all ratings.
    pub sum: u64,
    /// The number of ratings.
    pub count: u64,
}

impl RatingSummary {
    /// The average in tenths of a star, rounded half up; `None` without ratings.
    fn tenths(self) -> Option<u64> {
        (self.count > 0).then(|| (self.sum * 10 + self.count / 2) / self.count)
    }

    /// The average to one decimal, such as `4.3`; `None` without ratings.
    #[must_use]
    pub fn average(self) -> Option<String> {
        self.tenths().map(|tenths| format!("{}.{}", tenths / 10, tenths % 10))
    }

    /// The average in half stars (2 to 10), for drawing; 0 without ratings.
    #[must_use]
    pub fn half_stars(self) -> u64 {
        self.tenths().map_or(0, |tenths| (tenths * 2 + 5) / 10)
    }
}

/// A review as its restaurant's page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id.
    pub id: i64,
    /// The author.
    pub user_name: String,
    /// Its stars.
    pub rating: Rating,
    /// The text; may be empty.
    pub review_text: String,
    /// The time of writing (UTC).
    pub review_date: OffsetDateTime,
    /// Its photo.
    pub photo: Option<PhotoName>,
}

/// A valid review, to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReview {
    /// 1 to 20 characters.
    pub user_name: String,
    /// 1 to 5 stars.
    pub rating: Rating,
    /// At most 500 characters.
    pub review_text: String,
}

/// The fields of "Add new review", as they were sent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReviewForm {
    /// Field `user_name`.
    pub user_name: String,
    /// Field `rating`.
    pub rating: String,
    /// Field `review_text`.
    pub review_text: String,
}

impl ReviewForm {
    /// The longest user name.
    pub const USER_NAME_MAX: usize = 20;
    /// The longest text.
    pub const TEXT_MAX: usize = 500;

    /// The review, or the errors of the fields.
    pub fn validate(&self) -> Result<NewReview, FieldErrors> {
        let user_name = text::normalised(&self.user_name);
        let review_text = text::normalised(&self.review_text);
        let rating = self.rating.trim();
        let mut errors = FieldErrors::default();
        if user_name.is_empty() {
            errors.add("user_name", "Enter your name.");
        }
        text::check(
            &mut errors,
            "user_name",
            "Your name",
            &user_name,
            Self::USER_NAME_MAX,
            false,
        );
        text::check(&mut errors, "review_text", "Review", &review_text, Self::TEXT_MAX, true);
        let parsed = rating.parse().ok().and_then(Rating::new);
        match parsed {
            Some(rating) if errors.is_empty() => {
                return Ok(NewReview {
                    user_name,
                    rating,
                    review_text,
                });
            }
            Some(_) => {}
            None if rating.is_empty() => errors.add("rating", "Choose a rating."),
            None => errors.add("rating", "The rating must be a whole number from 1 to 5."),
        }
        Err(errors)
    }

    /// Whether a field that the sample requires is missing. The page then shows the sample's own message.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        text::normalised(&self.user_name).is_empty() || self.rating.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_has_one_decimal_rounded_half_up() {
        let average = |sum, count| RatingSummary { sum, count }.average();
        assert_eq!(average(0, 0), None);
        assert_eq!(average(5, 1).as_deref(), Some("5.0"));
        assert_eq!(average(13, 3).as_deref(), Some("4.3"));
        assert_eq!(average(14, 3).as_deref(), Some("4.7"));
        assert_eq!(average(17, 4).as_deref(), Some("4.3"), "4.25 rounds up");
        assert_eq!(average(199, 40).as_deref(), Some("5.0"));
    }

    #[test]
    fn stars_are_drawn_in_halves() {
        let halves = |sum, count| RatingSummary { sum, count }.half_stars();
        assert_eq!(halves(0, 0), 0);
        assert_eq!(halves(1, 1), 2);
        assert_eq!(halves(5, 1), 10);
        assert_eq!(halves(9, 2), 9);
        assert_eq!(halves(13, 3), 9, "4.3 is nearest to four and a half");
        assert_eq!(halves(21, 5), 8, "4.2 is nearest to four");
    }

    fn form(user_name: &str, rating: &str, review_text: &str) -> ReviewForm {
        ReviewForm {
            user_name: user_name.into(),
            rating: rating.into(),
            review_text: review_text.into(),
        }
    }

    #[test]
    fn text_is_optional_name_and_rating_are_not() {
        assert!(form("Ada", "5", "").validate().is_ok());
        let errors = form("", "", "text").validate().expect_err("invalid");
        assert_eq!(errors.get("user_name"), Some("Enter your name."));
        assert_eq!(errors.get("rating"), Some("Choose a rating."));
    }

    #[test]
    fn rating_is_one_to_five() {
        for good in ["1", "5", " 3 "] {
            assert!(form("Ada", good, "").validate().is_ok(), "{good:?}");
        }
        for bad in ["0", "6", "-1", "4.5", "five", "1e0", "99999999999999999999", "5\0"] {
            let errors = form("Ada", bad, "").validate().expect_err(bad);
            assert_eq!(
                errors.get("rating"),
                Some("The rating must be a whole number from 1 to 5."),
                "{bad:?}"
            );
        }
    }
}
