//! The reviews of a restaurant: one query for each order and direction.
//!
//! ?1 is the restaurant; ?2 and ?3 are the date and the id of the cursor's review, and ?6 its rating or null; ?4 is the
//! wanted rating or null; ?5 tells whether only reviews with a photo are wanted.

use crate::model::{Direction, ReviewSort};

/// The query that reads a page and one more row, in that direction from a cursor.
pub(super) fn sql(sort: ReviewSort, direction: Direction) -> &'static str {
    use Direction::{After, Before};
    match (sort, direction) {
        (ReviewSort::Newest, After) => include_str!("details/newest_after.sql"),
        (ReviewSort::Newest, Before) => include_str!("details/newest_before.sql"),
        (ReviewSort::Highest, After) => include_str!("details/highest_after.sql"),
        (ReviewSort::Highest, Before) => include_str!("details/highest_before.sql"),
        (ReviewSort::Lowest, After) => include_str!("details/lowest_after.sql"),
        (ReviewSort::Lowest, Before) => include_str!("details/lowest_before.sql"),
    }
}
