//! Keyset paging: a page begins after the last row of the one before, wherever that row is now.
//!
//! A cursor names a row by the values it is sorted by, so a row that is added meanwhile moves no
//! other row to another page, as it would with page numbers (OFFSET).

use std::fmt::{self, Write as _};
use std::str::FromStr;

use time::OffsetDateTime;

use super::{RestaurantSummary, Review, Search};

/// The orders of the list of restaurants.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// By name, A to Z.
    #[default]
    Name,
    /// Best average first; of equal ones the one with more reviews.
    Rating,
    /// Most reviews first.
    Reviews,
    /// The last added first.
    Newest,
}

impl Sort {
    /// Every order, as the page offers them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Rating, Self::Reviews, Self::Newest];

    /// The value of `?sort=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rating => "rating",
            Self::Reviews => "reviews",
            Self::Newest => "newest",
        }
    }

    /// What the page calls it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Rating => "Highest rated",
            Self::Reviews => "Most reviewed",
            Self::Newest => "Newest",
        }
    }

    /// The order of that name; an unknown one is the default, since a mistyped address should still
    /// show restaurants.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|sort| sort.as_str() == text)
            .unwrap_or_default()
    }
}

/// Which way to go from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The page that follows the cursor.
    After,
    /// The page that ends right before it.
    Before,
}

/// The values by which a restaurant has its place in an order, beside its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// [`Sort::Name`].
    Name(String),
    /// [`Sort::Rating`]: the average in thousandths of a star, and the number of reviews.
    Rating {
        /// Thousandths of a star, rounded down; 0 without ratings.
        milli_stars: i64,
        /// How many reviews.
        count: i64,
    },
    /// [`Sort::Reviews`]: the number of reviews.
    Reviews(i64),
    /// [`Sort::Newest`]: the id alone decides.
    Newest,
}

impl SortKey {
    /// Its parts, as a query takes them: name, thousandths of a star, number of reviews.
    #[must_use]
    pub fn values(&self) -> (Option<&str>, Option<i64>, Option<i64>) {
        match self {
            Self::Name(name) => (Some(name), None, None),
            Self::Rating { milli_stars, count } => (None, Some(*milli_stars), Some(*count)),
            Self::Reviews(count) => (None, None, Some(*count)),
            Self::Newest => (None, None, None),
        }
    }
}

/// A place in the list of restaurants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// The restaurant at that place.
    pub id: i64,
    /// Its sort key there.
    pub key: SortKey,
    /// The reviews that were there when the first page was read. Later ones are left out of the order
    /// (not of what is shown), so that a restaurant reviewed between two pages keeps its place and is
    /// neither skipped nor shown twice.
    pub as_of: AsOf,
}

/// A moment, by the reviews that were saved then. Each store counts in numbers of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// The newest of them.
    pub newest: i64,
    /// Older ones that were just being saved, and not there yet.
    pub pending: Vec<i64>,
}

impl AsOf {
    /// How many may be pending: a cursor has to fit into an address.
    pub const PENDING_MAX: usize = 100;

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('~').map(str::parse);
        let newest = numbers.next()?.ok()?;
        let pending = numbers.collect::<Result<Vec<_>, _>>().ok()?;
        (pending.len() <= Self::PENDING_MAX).then_some(Self { newest, pending })
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.newest)?;
        self.pending.iter().try_for_each(|number| write!(f, "~{number}"))
    }
}

impl ListCursor {
    /// Reads a cursor of that order from an address; `None` if it is not one, for instance of
    /// another order.
    #[must_use]
    pub fn parse(sort: Sort, text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let id = parts.next()?.parse().ok()?;
        let as_of = AsOf::parse(parts.next()?)?;
        let key = parts.next()?;
        let key = match sort {
            Sort::Name if !key.is_empty() && !key.contains('\0') => SortKey::Name(key.to_owned()),
            Sort::Name => return None,
            Sort::Rating => {
                let (milli_stars, count) = key.split_once('.')?;
                SortKey::Rating {
                    milli_stars: milli_stars.parse().ok()?,
                    count: count.parse().ok()?,
                }
            }
            Sort::Reviews => SortKey::Reviews(key.parse().ok()?),
            Sort::Newest => SortKey::Newest,
        };
        Some(Self { id, key, as_of })
    }
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.id, self.as_of)?;
        match &self.key {
            SortKey::Name(name) => f.write_str(name),
            SortKey::Rating { milli_stars, count } => write!(f, "{milli_stars}.{count}"),
            SortKey::Reviews(count) => write!(f, "{count}"),
            SortKey::Newest => f.write_char('-'),
        }
    }
}

/// Which restaurants to list, in which order, from where on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// What they must match.
    pub search: Search,
    /// Their order.
    pub sort: Sort,
    /// Where the page begins or ends; `None`: the first page.
    pub from: Option<(Direction, ListCursor)>,
}

/// One page of the list of restaurants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Its rows, in order.
    pub restaurants: Vec<RestaurantSummary>,
    /// The place before its first row, when rows come before it.
    pub before: Option<ListCursor>,
    /// The place after its last row, when more follow.
    pub after: Option<ListCursor>,
}

/// A place in a restaurant's reviews, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewCursor {
    /// The review's date, in milliseconds since 1970.
    pub date_ms: i64,
    /// The review's number.
    pub id: i64,
}

impl ReviewCursor {
    /// The place of that review.
    #[must_use]
    pub fn of(review: &Review) -> Self {
        let date_ms = i64::try_from(review.review_date.unix_timestamp_nanos().div_euclid(1_000_000))
            .expect("every date that `time` can hold fits");
        Self { date_ms, id: review.id }
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
        let (date, id) = text.split_once('.').ok_or(())?;
        let date_ms = date.parse().map_err(|_| ())?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(date_ms) * 1_000_000).map_err(|_| ())?;
        Ok(Self {
            date_ms,
            id: id.parse().map_err(|_| ())?,
        })
    }
}

impl fmt::Display for ReviewCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.date_ms, self.id)
    }
}

/// One page of a restaurant's reviews, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPage {
    /// The reviews.
    pub reviews: Vec<Review>,
    /// The place before its first review, when newer ones come before it.
    pub before: Option<ReviewCursor>,
    /// The place after its last review, when older ones follow.
    pub after: Option<ReviewCursor>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_cursor() -> impl Strategy<Value = (Sort, ListCursor)> {
        let key = prop_oneof![
            "[^\0]{1,50}".prop_map(|name| (Sort::Name, SortKey::Name(name))),
            (any::<i64>(), any::<i64>())
                .prop_map(|(milli_stars, count)| (Sort::Rating, SortKey::Rating { milli_stars, count })),
            any::<i64>().prop_map(|count| (Sort::Reviews, SortKey::Reviews(count))),
            Just((Sort::Newest, SortKey::Newest)),
        ];
        let as_of = (
            any::<i64>(),
            proptest::collection::vec(any::<i64>(), 0..=AsOf::PENDING_MAX),
        )
            .prop_map(|(newest, pending)| AsOf { newest, pending });
        (key, any::<i64>(), as_of).prop_map(|((sort, key), id, as_of)| (sort, ListCursor { id, key, as_of }))
    }

    proptest! {
        #[test]
        fn a_cursor_survives_the_way_through_an_address((sort, cursor) in any_cursor()) {
            prop_assert_eq!(ListCursor::parse(sort, &cursor.to_string()), Some(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".*") {
            for sort in Sort::ALL {
                let _ = ListCursor::parse(sort, &text);
            }
            if let Ok(cursor) = text.parse::<ReviewCursor>() {
                let _ = cursor.date();
            }
        }

        #[test]
        fn a_review_cursor_survives_the_way_through_an_address(date_ms in -60_000_000_000_000i64..200_000_000_000_000, id: i64) {
            let cursor = ReviewCursor { date_ms, id };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            prop_assert_eq!(cursor.date().unix_timestamp_nanos(), i128::from(date_ms) * 1_000_000);
        }
    }

    #[test]
    fn a_date_beyond_the_calendar_is_no_cursor() {
        assert!("9223372036854775807.1".parse::<ReviewCursor>().is_err());
    }
}
