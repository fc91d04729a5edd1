//! One page of the list of restaurants: its queries and its rows.
//!
//! The order is that of the moment when the first page was read ([`AsOf`]): whoever pages sees every
//! restaurant once, whatever is reviewed meanwhile. Ids cannot tell which reviews were there at that
//! moment: an id is given before its review can be seen, so a lower one may appear later. Transactions
//! can: a snapshot says which of them had ended, and each review knows the transaction that added it. So
//! the cursor carries the first page's snapshot, and on every page the reviews that were not in it are
//! taken out of the order again. What holds is exact for reviews that are added, as long as no more than
//! 10,000 follow and no more than [`AsOf::PENDING_MAX`] transactions were under way.

use std::borrow::Cow;

use sqlx::PgConnection;

use super::{count, photo};
use crate::model::{
    AsOf, Direction, ListCursor, ListQuery, RatingSummary, RestaurantId, RestaurantSummary, Sort, SortKey,
};
use crate::store::bad_value;

/// A row of the list, with its place in the order as it was at the cursor's moment.
pub(super) struct Row {
    id: i64,
    name: String,
    street_address: String,
    rating_sum: i64,
    review_count: i64,
    cover: Option<String>,
    milli_stars_then: i64,
    review_count_then: i64,
    snapshot: String,
}

impl Row {
    /// The place of this row; `as_of` is that of the cursor which led to its page.
    pub(super) fn cursor(&self, sort: Sort, as_of: Option<&AsOf>) -> sqlx::Result<ListCursor> {
        let key = match sort {
            Sort::Name => SortKey::Name(self.name.clone()),
            Sort::Rating => SortKey::Rating {
                milli_stars: self.milli_stars_then,
                count: self.review_count_then,
            },
            Sort::Reviews => SortKey::Reviews(self.review_count_then),
            Sort::Newest => SortKey::Newest,
        };
        let as_of = match as_of {
            Some(as_of) => as_of.clone(),
            None => now(&self.snapshot).ok_or_else(|| bad_value("snapshot", &self.snapshot))?,
        };
        Ok(ListCursor {
            id: self.id,
            key,
            as_of,
        })
    }

    pub(super) fn restaurant(self) -> sqlx::Result<RestaurantSummary> {
        Ok(RestaurantSummary {
            id: RestaurantId(self.id),
            name: self.name,
            street_address: self.street_address,
            rating: RatingSummary {
                sum: count("rating_sum", self.rating_sum)?,
                count: count("review_count", self.review_count)?,
            },
            cover: photo(self.cover),
        })
    }
}

/// The moment of a snapshot, which PostgreSQL writes as `xmin:xmax:xid,xid,…`: transactions below xmin had
/// ended, those from xmax on had not begun, those listed were under way.
fn now(snapshot: &str) -> Option<AsOf> {
    let mut parts = snapshot.split(':');
    let oldest: i64 = parts.next()?.parse().ok()?;
    let next: i64 = parts.next()?.parse().ok()?;
    let pending: Vec<i64> = parts
        .next()?
        .split(',')
        .filter(|id| !id.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(if pending.len() <= AsOf::PENDING_MAX {
        AsOf {
            newest: next - 1,
            pending,
        }
    } else {
        AsOf {
            newest: oldest - 1,
            pending: Vec::new(),
        }
    })
}

/// Reads one page of an order, in any of the ways there are to ask for one. `key` are the columns of the order; a
/// page goes on where they are, compared by `beyond`, past the cursor's `values`, and `order` reads from there on.
/// $1 and $2 are the cursor's moment, $3 is its id, the next ones are its `keys`, and `words` is the number of the
/// search's words, which come last. A search for common words looks at so many rows of the order first as
/// `nearest` says: more where the order's index has the words too.
macro_rules! pages {
    (
        $connection:ident, $query:ident, $cursor:ident, $key:literal, $values:literal, $words:literal,
        nearest: $nearest:literal, after: $after:literal $order:literal, before: $before:literal $reverse:literal,
        keys: $($value:expr),*
    ) => {
        match (&$query.from, $query.search.words().map(|words| words.join(" "))) {
            (None, None) => first!($connection, $order),
            (Some((Direction::After, _)), None) => {
                next!($connection, $cursor, $key $after $values, $order, $($value),*)
            }
            (Some((Direction::Before, _)), None) => {
                next!($connection, $cursor, $key $before $values, $reverse, $($value),*)
            }
            (None | Some((Direction::After, _)), Some(words)) => {
                found!($connection, $cursor, $key $after $values, $order, $nearest, $words, $($value,)* words)
            }
            (Some((Direction::Before, _)), Some(words)) => {
                found!($connection, $cursor, $key $before $values, $reverse, $nearest, $words, $($value,)* words)
            }
        }
    };
}

/// The first page without a search, which is asked for most.
macro_rules! first {
    ($connection:ident, $order:literal) => {
        rows!(
            $connection,
            "with page as (select *, review_count as count_now from restaurants order by " $order " limit 51)",
            $order,
        )
    };
}

/// A page from a cursor on. The restaurants that were not reviewed since its moment come from the index of the order,
/// the few others are sorted in beside them.
macro_rules! next {
    ($connection:ident, $cursor:ident, $key:literal $beyond:literal $values:literal, $order:literal, $($value:expr),*) => {
        later!(
            $connection, $cursor, $key $beyond $values,
            "unchanged as (
                 select *, review_count as count_now from restaurants
                 where " $key $beyond $values " and id not in (select restaurant_id from later)
                 order by " $order " limit 51
             )",
            "true", $order, $($value),*
        )
    };
}

/// The same for a search. The order's index leads to 51 matches soon when the words are common, the index of the words
/// when they are rare. Which they are is told by a sample (one restaurant in 101 has an index of its own): words that
/// four of it have are had by hundreds, and for them the `nearest` of the order are looked through. For others, and if
/// that is not enough, since they lie far from where the page begins, all that have the words are sorted.
macro_rules! found {
    (
        $connection:ident, $cursor:ident, $key:literal $beyond:literal $values:literal, $order:literal,
        $nearest:literal, $words:literal, $($value:expr),*
    ) => {
        later!(
            $connection, $cursor, $key $beyond $values,
            "common as materialized (
                 select query from (select search_query(" $words ") as query offset 0) words
                 where 4 = (
                     select count(*) from (
                         select from restaurants where id % 101 = 0 and search_words @@ query limit 4
                     ) sample
                 )
             ),
             near as materialized (
                 select id
                 from (
                     select * from restaurants
                     where " $key $beyond $values " and id not in (select restaurant_id from later)
                     order by " $order " limit " $nearest "
                 ) nearest
                 where exists (select from common) and search_words @@ (select query from common)
                 order by " $order " limit 51
             ),
             all_matches as materialized (
                 select id, name, street_address, rating_sum, name_folded, milli_stars, review_count
                 from restaurants
                 where (select count(*) from near) < 51 and search_words @@ (select search_query(" $words "))
             ),
             unchanged as (
                 select id, name, street_address, rating_sum, name_folded, milli_stars, review_count,
                        review_count as count_now
                 from restaurants
                 where (select count(*) from near) = 51 and id = any (array(select id from near))
                 union all
                 (
                     select *, review_count as count_now from all_matches
                     where " $key $beyond $values " and id not in (select restaurant_id from later)
                     order by " $order " limit 51
                 )
             )",
            "search_words @@ (select search_query(" $words "))", $order, $($value),*
        )
    };
}

/// A page of restaurants that were not reviewed since the cursor's moment and of those that were (`later`), with the
/// numbers that these had then. A row of another server's transactions (from a dump) is never later.
///
/// Every restaurant that was reviewed is looked up by its id: without OFFSET 0, a planner that expects many of them
/// reads the whole table.
macro_rules! later {
    (
        $connection:ident, $cursor:ident, $key:literal $beyond:literal $values:literal, $($unchanged:literal)+,
        $($matches:literal)+, $order:literal, $($value:expr),*
    ) => {
        rows!(
            $connection,
            "with
             later as materialized (
                 select restaurant_id, count(*) as review_count, sum(rating)::bigint as rating_sum
                 from (
                     (
                         select id, restaurant_id, rating from reviews
                         where added_in > $1::bigint
                           and added_in < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                         order by added_in desc limit 10000
                     )
                     union all
                     (
                         select id, restaurant_id, rating from reviews
                         where added_in = any ($2::bigint[]) limit 10000
                     )
                 ) added
                 where id > (select coalesce(max(id), 0) - 10000 from reviews)
                 group by restaurant_id
             ),
             " $($unchanged)+ ",
             changed as (
                 select r.id, r.name, r.street_address, r.rating_sum, r.name_folded, r.search_words,
                        (r.rating_sum - later.rating_sum) * 1000
                            / greatest(r.review_count - later.review_count, 1) as milli_stars,
                        r.review_count - later.review_count as review_count, r.review_count as count_now
                 from later cross join lateral (
                     select * from restaurants where id = later.restaurant_id offset 0
                 ) r
             ),
             page as (
                 select id, name, street_address, rating_sum, name_folded, milli_stars, review_count, count_now
                 from unchanged
                 union all
                 select id, name, street_address, rating_sum, name_folded, milli_stars, review_count, count_now
                 from changed where " $key $beyond $values " and " $($matches)+ "
                 order by " $order " limit 51
             )",
            $order, $cursor.as_of.newest, &$cursor.as_of.pending, $cursor.id $(, $value)*
        )
    };
}

/// The rows of the query's `page`.
macro_rules! rows {
    ($connection:ident, $($page:literal)+, $order:literal, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            $($page +)+
            " select id as \"id!\", name as \"name!\", street_address as \"street_address!\",
                     rating_sum as \"rating_sum!\", count_now as \"review_count!\",
                     milli_stars as \"milli_stars_then!\", review_count as \"review_count_then!\",
                     (select pg_current_snapshot()::text) as \"snapshot!\",
                     (select image_name from reviews
                      where restaurant_id = page.id and image_name is not null
                      order by review_date desc, id desc limit 1) as cover
              from page order by " + $order,
            $($argument),*
        )
        .fetch_all($connection)
        .await
    };
}

/// Reads a page and one row more, in the direction of reading.
pub(super) async fn page(connection: &mut PgConnection, query: &ListQuery) -> sqlx::Result<Vec<Row>> {
    let cursor = query
        .from
        .as_ref()
        .map_or_else(|| Cow::Owned(start(query.sort)), |(_, cursor)| Cow::Borrowed(cursor));
    let (name, stars, count) = cursor.key.values();
    match query.sort {
        Sort::Name => pages!(
            connection, query, cursor, "(name_folded, id)", "((select folded_text($4)), $3)", "$5",
            nearest: "3000", after: ">" "name_folded, id", before: "<" "name_folded desc, id desc", keys: name
        ),
        Sort::Rating => pages!(
            connection, query, cursor, "(milli_stars, review_count, id)", "($4, $5, $3)", "$6",
            nearest: "1000", after: "<" "milli_stars desc, review_count desc, id desc",
            before: ">" "milli_stars, review_count, id", keys: stars, count
        ),
        Sort::Reviews => pages!(
            connection, query, cursor, "(review_count, id)", "($4, $3)", "$5",
            nearest: "1000", after: "<" "review_count desc, id desc", before: ">" "review_count, id", keys: count
        ),
        Sort::Newest => pages!(
            connection, query, cursor, "id", "$3", "$4",
            nearest: "1000", after: "<" "id desc", before: ">" "id", keys:
        ),
    }
}

/// A place before all restaurants, at a moment after all reviews.
fn start(sort: Sort) -> ListCursor {
    let (id, key) = match sort {
        Sort::Name => (i64::MIN, SortKey::Name(String::new())),
        Sort::Rating => (
            i64::MAX,
            SortKey::Rating {
                milli_stars: i64::MAX,
                count: i64::MAX,
            },
        ),
        Sort::Reviews => (i64::MAX, SortKey::Reviews(i64::MAX)),
        Sort::Newest => (i64::MAX, SortKey::Newest),
    };
    let as_of = AsOf {
        newest: i64::MAX,
        pending: Vec::new(),
    };
    ListCursor { id, key, as_of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read_as_postgresql_writes_it() {
        let (newest, pending) = (19, vec![10, 14]);
        assert_eq!(now("10:20:10,14"), Some(AsOf { newest, pending }));
        let (newest, pending) = (9, Vec::new());
        assert_eq!(now("10:10:"), Some(AsOf { newest, pending }));
        assert_eq!(now("10:20"), None);
    }

    #[test]
    fn with_many_transactions_under_way_the_moment_is_before_the_oldest() {
        let ids: Vec<_> = (10..=110).map(|id: i64| id.to_string()).collect();
        assert_eq!(
            now(&format!("10:200:{}", ids.join(","))),
            Some(AsOf {
                newest: 9,
                pending: Vec::new()
            })
        );
    }
}
