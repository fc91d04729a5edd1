//! Keyset paging: the next page begins after the last row of the page before, wherever that row is now.
//!
//! A cursor holds the values that a row is sorted by. A row that is added between two pages therefore moves no other
//! row to another page, as it would with page numbers (OFFSET).

use std::fmt;

use super::number::written_number;
use super::{RestaurantSummary, Search, sort_key};

/// The orders of the list of restaurants.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sort {
    /// By name, A to Z.
    #[default]
    Name,
    /// Best weighted average first: as if each restaurant had five more reviews of three stars, so that one review of
    /// five stars ranks below fifty that average 4.9. Among equals, most reviews first; without reviews, last.
    Rating,
    /// Most reviews first.
    Reviews,
    /// The most recently added first.
    Newest,
}

impl Sort {
    /// Every order, in the sequence in which the page offers them.
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

    /// Its name on the page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Rating => "Highest rated",
            Self::Reviews => "Most reviewed",
            Self::Newest => "Newest",
        }
    }

    /// What the name does not tell.
    #[must_use]
    pub fn explanation(self) -> Option<&'static str> {
        match self {
            Self::Rating => Some("By weighted average, as if each restaurant had five more reviews of three stars"),
            Self::Name | Self::Reviews | Self::Newest => None,
        }
    }

    /// The order with that name. An unknown name gives the default, because a mistyped URL should still show
    /// restaurants.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|sort| sort.as_str() == text)
            .unwrap_or_default()
    }
}

/// The direction in which to read from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The page that follows the cursor.
    After,
    /// The page that ends right before it.
    Before,
}

impl Direction {
    /// The parameter of an address that holds the cursor.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// The values that a restaurant is sorted by, apart from its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    /// [`Sort::Name`].
    Name(String),
    /// [`Sort::Rating`]: the weighted average in thousandths of a star, and the number of reviews.
    Rating {
        /// Thousandths of a star, rounded down; 0 without ratings.
        milli_stars: i64,
        /// The number of reviews.
        count: i64,
    },
    /// [`Sort::Reviews`]: the number of reviews.
    Reviews(i64),
    /// [`Sort::Newest`]: the id alone decides.
    Newest,
}

impl SortKey {
    /// Its parts, as a query takes them: folded name, thousandths of a star, number of reviews.
    #[must_use]
    pub fn values(&self) -> (String, i64, i64) {
        match self {
            Self::Name(name) => (sort_key(name), 0, 0),
            Self::Rating { milli_stars, count } => (String::new(), *milli_stars, *count),
            Self::Reviews(count) => (String::new(), 0, *count),
            Self::Newest => (String::new(), 0, 0),
        }
    }
}

/// A position in the list of restaurants.
///
/// Paging by name and by newest shows each restaurant once, even if others are added meanwhile. By rating and by number
/// of reviews, a restaurant whose ratings change meanwhile may be shown twice or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// The restaurant at that position.
    pub id: i64,
    /// Its number in the list when the page was made: 1 for the first restaurant. It only tells visitors where they are.
    pub number: u64,
    /// Its sort key.
    pub key: SortKey,
}

impl ListCursor {
    /// The position before the first restaurant.
    #[must_use]
    pub fn start(sort: Sort) -> Self {
        let (id, key) = match sort {
            Sort::Name => (i64::MIN, SortKey::Name(String::new())),
            Sort::Rating => {
                let (milli_stars, count) = (i64::MAX, i64::MAX);
                (i64::MAX, SortKey::Rating { milli_stars, count })
            }
            Sort::Reviews => (i64::MAX, SortKey::Reviews(i64::MAX)),
            Sort::Newest => (i64::MAX, SortKey::Newest),
        };
        Self { id, number: 0, key }
    }

    /// Parses a cursor of that order from an address. `None` if the text is not one, for instance because it is a
    /// cursor of another order.
    #[must_use]
    pub fn parse(sort: Sort, text: &str) -> Option<Self> {
        let (id, text) = text.split_once('_')?;
        let (number, key) = text.split_once('_')?;
        let key = match sort {
            Sort::Name if !key.is_empty() && !key.contains('\0') => SortKey::Name(key.to_owned()),
            Sort::Rating => {
                let (milli_stars, count) = key.split_once('_')?;
                SortKey::Rating {
                    milli_stars: written_number(milli_stars)?,
                    count: written_number(count)?,
                }
            }
            Sort::Reviews => SortKey::Reviews(written_number(key)?),
            Sort::Newest if key.is_empty() => SortKey::Newest,
            Sort::Name | Sort::Newest => return None,
        };
        let (id, number) = (written_number(id)?, u64::try_from(written_number(number)?).ok()?);
        Some(Self { id, number, key })
    }
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_", self.id, self.number)?;
        match &self.key {
            SortKey::Name(name) => f.write_str(name),
            SortKey::Rating { milli_stars, count } => write!(f, "{milli_stars}_{count}"),
            SortKey::Reviews(count) => write!(f, "{count}"),
            SortKey::Newest => Ok(()),
        }
    }
}

/// Restaurants are counted up to this number, so that the count stays cheap. One more stands for any larger number.
pub const COUNTED_MAX: u64 = 1000;

/// Which restaurants to list, in which order, and from which position.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The words that they must contain.
    pub search: Search,
    /// Their order.
    pub sort: Sort,
    /// Where the page begins or ends; `None` asks for the first page.
    pub from: Option<(Direction, ListCursor)>,
}

/// One page of the list of restaurants.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Its rows, in order.
    pub restaurants: Vec<RestaurantSummary>,
    /// The number of restaurants before them. If rows were added or deleted meanwhile, roughly.
    pub skipped: u64,
    /// The number of restaurants on all pages, counted up to [`COUNTED_MAX`] and one more.
    pub total: u64,
    /// The position of its first row, if rows come before it.
    pub before: Option<ListCursor>,
    /// The position of its last row, if more rows follow.
    pub after: Option<ListCursor>,
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
        (key, any::<i64>(), 0..=i64::MAX.unsigned_abs())
            .prop_map(|((sort, key), id, number)| (sort, ListCursor { id, number, key }))
    }

    proptest! {
        #[test]
        fn a_cursor_survives_a_round_trip_through_an_address((sort, cursor) in any_cursor()) {
            prop_assert_eq!(ListCursor::parse(sort, &cursor.to_string()), Some(cursor));
        }

        #[test]
        fn a_cursor_is_written_as_it_was_read(text in "([+-]?[0-9]{1,3}[_.]){0,3}.{0,5}") {
            for sort in Sort::ALL {
                if let Some(cursor) = ListCursor::parse(sort, &text) {
                    prop_assert_eq!(cursor.to_string(), text.clone());
                }
            }
        }
    }

    /// Earlier versions wrote cursors with dots, or without the number.
    #[test]
    fn a_cursor_in_an_earlier_format_is_refused() {
        for (sort, text) in [
            (Sort::Name, "5.123.Bistro"),
            (Sort::Name, "5.123~124.Bistro_Bar"),
            (Sort::Rating, "5.123.4000.17"),
            (Sort::Rating, "5.123~124~125.4000.17"),
            (Sort::Reviews, "5.123.17"),
            (Sort::Reviews, "5.123~17.17"),
            (Sort::Newest, "5.123.-"),
            (Sort::Name, "5_Bistro"),
            (Sort::Rating, "5_4000_17"),
            (Sort::Reviews, "5_17"),
            (Sort::Newest, "5_"),
        ] {
            assert_eq!(ListCursor::parse(sort, text), None, "{text}");
        }
    }
}
