//! The list of restaurants: one query for each order and direction.
//!
//! ?1 is the search, or null; ?2 to ?5 are the id, folded name, average and number of reviews of the cursor's restaurant.

use crate::model::{Direction, Sort};

/// The query that reads a page and one more row, in that direction from a cursor.
pub(super) fn sql(sort: Sort, direction: Direction) -> &'static str {
    use Direction::{After, Before};
    match (sort, direction) {
        (Sort::Name, After) => include_str!("list/name_after.sql"),
        (Sort::Name, Before) => include_str!("list/name_before.sql"),
        (Sort::Rating, After) => include_str!("list/rating_after.sql"),
        (Sort::Rating, Before) => include_str!("list/rating_before.sql"),
        (Sort::Reviews, After) => include_str!("list/reviews_after.sql"),
        (Sort::Reviews, Before) => include_str!("list/reviews_before.sql"),
        (Sort::Newest, After) => include_str!("list/newest_after.sql"),
        (Sort::Newest, Before) => include_str!("list/newest_before.sql"),
    }
}
