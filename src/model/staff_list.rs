//! The staff's lists: their filters, and the orders and pages of reviews.

use std::fmt;

use time::OffsetDateTime;

use super::{Direction, Rating, RestaurantId, Review, ReviewCursor, StaffReview, alike};

/// Which restaurants the staff wants to see, beyond those that a search finds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RestaurantFilter {
    /// Those whose average rating has this many whole stars, 1 to 5; 0 for those without ratings.
    pub average: Option<u8>,
    /// Those with a photo that visitors see, or those without.
    pub photo: Option<bool>,
    /// Those with a hidden review, or those without.
    pub hidden: Option<bool>,
}

/// Which reviews the staff wants to see.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ReviewFilter {
    /// Words, each of which is in the author's name or in the text; empty for all.
    pub text: String,
    /// Reviews of this restaurant.
    pub restaurant: Option<RestaurantId>,
    /// Reviews with this rating.
    pub rating: Option<Rating>,
    /// Hidden ones, or those that visitors see.
    pub hidden: Option<bool>,
    /// Those with a photo, or those without.
    pub photo: Option<bool>,
    /// Those written at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Those written before this time.
    pub until: Option<OffsetDateTime>,
}

impl ReviewFilter {
    /// The most words that are searched for, and the most characters of each. The others are not.
    const WORDS_MAX: usize = 8;
    const WORD_MAX: usize = 50;

    /// The words, each with the characters that are [`alike`] in place of one character. `None` for all reviews.
    #[must_use]
    pub fn words(&self) -> Option<Vec<Vec<String>>> {
        let words = self.text.split_whitespace().take(Self::WORDS_MAX);
        let words: Vec<_> = words
            .map(|word| alike(&word.chars().take(Self::WORD_MAX).collect::<String>()))
            .collect();
        (!words.is_empty()).then_some(words)
    }
}

/// The orders of the staff's list of reviews.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ReviewOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// The best rating first.
    Highest,
    /// The worst rating first.
    Lowest,
}

impl ReviewOrder {
    /// Every order, in the sequence in which the page offers them.
    pub const ALL: [Self; 4] = [Self::Newest, Self::Oldest, Self::Highest, Self::Lowest];

    /// The value of `?sort=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Highest => "highest",
            Self::Lowest => "lowest",
        }
    }

    /// Its name on the page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Newest => "Newest",
            Self::Oldest => "Oldest",
            Self::Highest => "Highest rated",
            Self::Lowest => "Lowest rated",
        }
    }

    /// The order with that name; an unknown name gives the default.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let order = Self::ALL.into_iter().find(|order| order.as_str() == text);
        order.unwrap_or_default()
    }

    /// The order in which a query must read: backwards from a cursor, it is the opposite one.
    #[must_use]
    pub fn towards(self, direction: Direction) -> Self {
        match (direction, self) {
            (Direction::After, order) => order,
            (Direction::Before, Self::Newest) => Self::Oldest,
            (Direction::Before, Self::Oldest) => Self::Newest,
            (Direction::Before, Self::Highest) => Self::Lowest,
            (Direction::Before, Self::Lowest) => Self::Highest,
        }
    }

    fn is_by_rating(self) -> bool {
        matches!(self, Self::Highest | Self::Lowest)
    }
}

/// A position in the staff's list of reviews: what the review is sorted by, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaffCursor {
    /// The date in milliseconds since 1970, or the stars.
    key: i64,
    /// The review's id.
    pub id: i64,
}

impl StaffCursor {
    /// The position before every review.
    #[must_use]
    pub fn start(order: ReviewOrder) -> Self {
        // The tables accept only dates from the year 1 to the year 9999.
        let (key, id) = match order {
            ReviewOrder::Newest => (253_370_764_800_000, i64::MAX),
            ReviewOrder::Oldest => (-62_135_596_800_000, i64::MIN),
            ReviewOrder::Highest => (6, i64::MAX),
            ReviewOrder::Lowest => (0, i64::MIN),
        };
        Self { key, id }
    }

    /// The position of that review.
    #[must_use]
    pub fn of(order: ReviewOrder, review: &Review) -> Self {
        let key = if order.is_by_rating() {
            review.rating.stars().into()
        } else {
            i64::try_from(review.review_date.unix_timestamp_nanos().div_euclid(1_000_000))
                .expect("every date that `time` can hold fits")
        };
        Self { key, id: review.id }
    }

    /// Parses a cursor of that order from an address.
    #[must_use]
    pub fn parse(order: ReviewOrder, text: &str) -> Option<Self> {
        let (key, id) = text.split_once('.')?;
        let cursor = Self {
            key: key.parse().ok()?,
            id: id.parse().ok()?,
        };
        let is_valid = if order.is_by_rating() {
            (0..=6).contains(&cursor.key)
        } else {
            ReviewCursor::DATES_MS.contains(&cursor.key)
        };
        is_valid.then_some(cursor)
    }

    /// The date, in an order by date.
    #[must_use]
    pub fn date(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.key) * 1_000_000).expect("checked when it was parsed")
    }

    /// The stars, in an order by rating.
    #[must_use]
    pub fn stars(self) -> i16 {
        i16::try_from(self.key).expect("checked when it was parsed")
    }
}

impl fmt::Display for StaffCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.id)
    }
}

/// Which reviews to list, in which order, and from which position.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StaffReviewQuery {
    /// Which ones.
    pub filter: ReviewFilter,
    /// Their order.
    pub order: ReviewOrder,
    /// Where the page begins or ends; `None` asks for the first page.
    pub from: Option<(Direction, StaffCursor)>,
}

/// One page of the staff's list of reviews.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StaffReviewPage {
    /// Its rows, in order.
    pub reviews: Vec<StaffReview>,
    /// The position of its first row, if rows come before it.
    pub before: Option<StaffCursor>,
    /// The position of its last row, if more rows follow.
    pub after: Option<StaffCursor>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_cursor_that_reads_the_same_or_refused(text in ".*|-?[0-9]{1,20}\\.-?[0-9]{1,20}") {
            for order in ReviewOrder::ALL {
                if let Some(cursor) = StaffCursor::parse(order, &text) {
                    prop_assert_eq!(StaffCursor::parse(order, &cursor.to_string()), Some(cursor));
                    let _ = if order.is_by_rating() { i64::from(cursor.stars()) } else { cursor.date().unix_timestamp() };
                }
            }
        }
    }

    #[test]
    fn the_first_page_has_a_cursor_too() {
        for order in ReviewOrder::ALL {
            let start = StaffCursor::start(order);
            assert_eq!(StaffCursor::parse(order, &start.to_string()), Some(start));
        }
    }
}
