//! Keyset paging of the reviews of a restaurant.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use time::OffsetDateTime;

use super::number::written_number;
use super::{Direction, Rating, Review};
use crate::photos::PhotoName;

/// The orders of a restaurant's reviews. Among equal ratings, the newest are first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ReviewSort {
    /// The newest first.
    #[default]
    Newest,
    /// The most stars first.
    Highest,
    /// The fewest stars first.
    Lowest,
}

impl ReviewSort {
    /// Every order, in the sequence in which the page offers them.
    pub const ALL: [Self; 3] = [Self::Newest, Self::Highest, Self::Lowest];

    /// The value of `?sort=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Highest => "highest",
            Self::Lowest => "lowest",
        }
    }

    /// Its name on the page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Newest => "Newest",
            Self::Highest => "Highest",
            Self::Lowest => "Lowest",
        }
    }

    /// The order with that name; the default if there is none.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|sort| sort.as_str() == text)
            .unwrap_or_default()
    }
}

/// Which reviews of a restaurant to show, in which order, and from which position.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ReviewQuery {
    /// Only those with this rating.
    pub rating: Option<Rating>,
    /// Only those with a photo.
    pub with_photo: bool,
    /// Their order.
    pub sort: ReviewSort,
    /// Where the page begins or ends; `None` asks for the first page.
    pub from: Option<(Direction, ReviewCursor)>,
}

impl ReviewQuery {
    /// Whether it leaves out reviews.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.rating.is_some() || self.with_photo
    }

    /// The direction to read in, and the position to read from.
    #[must_use]
    pub fn start(&self) -> (Direction, ReviewCursor) {
        self.from.unwrap_or((Direction::After, ReviewCursor::START))
    }
}

/// A position in the reviews of a restaurant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewCursor {
    /// The review's date, in milliseconds since 1970.
    pub date_ms: i64,
    /// The review's id.
    pub id: i64,
    /// The review's rating; `None` before the first review.
    pub rating: Option<Rating>,
}

impl ReviewCursor {
    /// The dates that the tables accept, the years 1 to 9998, and the moment after them; in milliseconds since 1970.
    pub(super) const DATES_MS: RangeInclusive<i64> = -62_135_596_800_000..=253_370_764_800_000;

    /// The position before every review.
    pub const START: Self = Self {
        date_ms: *Self::DATES_MS.end(),
        id: i64::MAX,
        rating: None,
    };

    /// The position of that review.
    #[must_use]
    pub fn of(review: &Review) -> Self {
        let date_ms = i64::try_from(review.review_date.unix_timestamp_nanos().div_euclid(1_000_000))
            .expect("every date that `time` can hold fits");
        Self {
            date_ms,
            id: review.id,
            rating: Some(review.rating),
        }
    }

    /// The review's date.
    #[must_use]
    pub fn date(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.date_ms) * 1_000_000)
            .expect("checked when it was parsed")
    }
}

impl FromStr for ReviewCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let mut next = || parts.next().and_then(written_number).ok_or(());
        let (date_ms, id, rating): (i64, i64, i64) = (next()?, next()?, next()?);
        // PostgreSQL has fewer dates than `time`.
        if !Self::DATES_MS.contains(&date_ms) {
            return Err(());
        }
        let rating = Some(Rating::new(rating).ok_or(())?);
        match parts.next() {
            None => Ok(Self { date_ms, id, rating }),
            Some(_) => Err(()),
        }
    }
}

impl fmt::Display for ReviewCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rating = self.rating.map_or(0, Rating::stars);
        write!(f, "{}.{}.{rating}", self.date_ms, self.id)
    }
}

/// One page of a restaurant's reviews.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReviewPage {
    /// The reviews.
    pub reviews: Vec<Review>,
    /// The position of its first review, if others come before it.
    pub before: Option<ReviewCursor>,
    /// The position of its last review, if more follow.
    pub after: Option<ReviewCursor>,
}

/// A photo of a restaurant, from one of its reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPhoto {
    /// The review's id.
    pub review: i64,
    /// The photo.
    pub photo: PhotoName,
    /// Who wrote the review.
    pub user_name: String,
    /// When (UTC).
    pub review_date: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_a_round_trip(date_ms in -60_000_000_000_000i64..200_000_000_000_000, id: i64, stars in 1..6i64) {
            let cursor = ReviewCursor { date_ms, id, rating: Rating::new(stars) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            prop_assert_eq!(cursor.date().unix_timestamp_nanos(), i128::from(date_ms) * 1_000_000);
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in "[-+.0-9]*|.*") {
            if let Ok(cursor) = text.parse::<ReviewCursor>() {
                let _ = cursor.date();
            }
        }
    }

    #[test]
    fn what_is_beyond_the_calendar_or_the_stars_is_not_a_cursor() {
        for text in [
            "9223372036854775807.1.5",
            "253370764800001.1.5",
            "-62135596800001.1.5",
            "-377705116800000.1.5",
            "1.1",
            "1.1.0",
            "1.1.6",
            "1.1.5.5",
            "",
        ] {
            assert!(text.parse::<ReviewCursor>().is_err(), "{text}");
        }
    }
}
