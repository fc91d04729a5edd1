//! One page of the list of restaurants: its query and its rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};

use super::{photo, rating_summary};
use crate::model::{AsOf, Direction, ListCursor, RestaurantId, RestaurantSummary, Search, Sort, SortKey};

/// The query for one page of the list. Only the fixed texts below go into it; what people type is bound:
/// ?1 the review up to which ratings count for the order, ?2 how many rows, ?3 the search, ?4 to ?7 the
/// cursor's id, name, average and count.
pub(super) fn sql(sort: Sort, direction: Option<Direction>, search: &Search) -> String {
    let found = match search.words() {
        None => "true",
        Some(_) => "r.id in (select rowid from restaurants_search where restaurants_search match ?3)",
    };
    // The sort key, the cursor's values for it, and whether the order is ascending.
    let (key, values, ascending): (&[&str], &[&str], bool) = match sort {
        Sort::Name => (&["name", "id"], &["?5", "?4"], true),
        Sort::Rating => (&["milli_stars", "review_count", "id"], &["?6", "?7", "?4"], false),
        Sort::Reviews => (&["review_count", "id"], &["?7", "?4"], false),
        Sort::Newest => (&["id"], &["?4"], false),
    };
    let ascending = ascending != (direction == Some(Direction::Before));
    let (comparison, order) = if ascending { (">", "asc") } else { ("<", "desc") };
    let beyond = match direction {
        None => "true".to_owned(),
        // The first term adds nothing but a range that the index can be searched for.
        Some(_) => format!(
            "{} {comparison}= {} and ({}) {comparison} ({})",
            key[0],
            values[0],
            key.join(", "),
            values.join(", ")
        ),
    };
    let ordered = |table: &str| {
        let terms: Vec<_> = key.iter().map(|column| format!("{table}{column} {order}")).collect();
        terms.join(", ")
    };
    let order_by = ordered("");

    // Ratings as they were at ?1: reviews after it (`later`) are taken out again. They are few, so the
    // rest comes from the index of the order, and the few are sorted in beside it.
    let milli_stars = |sum: &str, count: &str| format!("case when {count} > 0 then {sum} * 1000 / {count} else 0 end");
    let unchanged = milli_stars("review.rating_sum", "review.review_count").replace("review.", "");
    let changed = milli_stars(
        "(r.rating_sum - later.rating_sum)",
        "(r.review_count - later.review_count)",
    );
    format!(
        "with
         newest (id) as (select coalesce(max(id), 0) from reviews),
         as_of (id) as (select max(coalesce(?1, id), id - 10000) from newest),
         later as materialized (
             select restaurant_id, count(*) as review_count, sum(rating) as rating_sum
             from reviews not indexed where id > (select id from as_of) group by restaurant_id
         ),
         page as (
             select * from (
                 select id, name, review_count, {unchanged} as milli_stars from restaurants r
                 where {beyond_unchanged} and {found} and id not in (select restaurant_id from later)
                 order by {order_unchanged} limit ?2
             )
             union all
             select * from (
                 select r.id, r.name, r.review_count - later.review_count as review_count, {changed} as milli_stars
                 from later join restaurants r on r.id = later.restaurant_id
                 where {found}
             ) where {beyond}
         )
         select r.id, r.name, r.street_address, r.rating_sum, r.review_count,
                page.milli_stars as milli_stars_then, page.review_count as review_count_then,
                (select id from as_of) as as_of,
                (select image_name from reviews
                 where restaurant_id = r.id and image_name is not null
                 order by review_date desc, id desc limit 1) as cover
         from (select * from page order by {order_by} limit ?2) page join restaurants r on r.id = page.id
         order by {order_page}",
        // The index is on the expression, not on a column of that name.
        beyond_unchanged = beyond.replace("milli_stars", &format!("({unchanged})")),
        order_unchanged = order_by.replace("milli_stars", &format!("({unchanged})")),
        order_page = ordered("page."),
    )
}

/// The search in FTS5's query syntax: every word, quoted, as a prefix. <https://sqlite.org/fts5.html>
pub(super) fn match_expression(search: &Search) -> Option<String> {
    let words = search.words()?;
    if words.is_empty() {
        // Nothing but punctuation: an empty phrase, which no row has.
        return Some("\"\"".to_owned());
    }
    Some(
        words
            .iter()
            .map(|word| format!("\"{}\"*", word.replace('"', "\"\"")))
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// A row of the list, with its sort key as it was at ?1.
pub(super) struct Row {
    pub(super) restaurant: RestaurantSummary,
    milli_stars_then: i64,
    review_count_then: i64,
    as_of: i64,
}

impl Row {
    pub(super) fn cursor(&self, sort: Sort) -> ListCursor {
        let key = match sort {
            Sort::Name => SortKey::Name(self.restaurant.name.clone()),
            Sort::Rating => SortKey::Rating {
                milli_stars: self.milli_stars_then,
                count: self.review_count_then,
            },
            Sort::Reviews => SortKey::Reviews(self.review_count_then),
            Sort::Newest => SortKey::Newest,
        };
        ListCursor {
            id: self.restaurant.id.0,
            key,
            as_of: AsOf {
                newest: self.as_of,
                // One writer at a time: reviews are there in the order of their ids.
                pending: Vec::new(),
            },
        }
    }
}

impl FromRow<'_, SqliteRow> for Row {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            restaurant: RestaurantSummary {
                id: RestaurantId(row.try_get("id")?),
                name: row.try_get("name")?,
                street_address: row.try_get("street_address")?,
                rating: rating_summary(row)?,
                cover: photo(row, "cover")?,
            },
            milli_stars_then: row.try_get("milli_stars_then")?,
            review_count_then: row.try_get("review_count_then")?,
            as_of: row.try_get("as_of")?,
        })
    }
}
