//! One page of the list of restaurants: its queries and its rows.
//!
//! The order is that of the moment when the first page was read ([`AsOf`]): whoever pages sees every
//! restaurant once, whatever is reviewed meanwhile. Ids cannot tell which reviews were there at that
//! moment: an id is given before its review can be seen, so a lower one may appear later. Transactions
//! can: a snapshot says which of them had ended, and each review knows the transaction that added it. So
//! the cursor carries the first page's snapshot, and on every page the reviews that were not in it are
//! taken out of the order again. What holds is exact for reviews that are added, as long as no more than
//! 10,000 follow and no more than [`AsOf::PENDING_MAX`] transactions were under way.

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

/// The query for one page in one order. `key` are the columns of the order, compared with the cursor's
/// `values` by `beyond`; `order` reads from there on. $1 and $2 are the moment, $3 the search, $4 how many
/// rows, $5 the cursor's id, and further ones the rest of its key.
///
/// The restaurants that were not reviewed since (`later`) come from the index of the order; the few others
/// are sorted in beside them. A row of another server's transactions (from a dump) is never later.
macro_rules! page {
    ($connection:expr, $key:literal $beyond:literal $values:literal, $order:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            Row,
            "with
             later as materialized (
                 select restaurant_id, count(*) as review_count, sum(rating)::bigint as rating_sum
                 from reviews
                 where (added_in > $1::bigint or added_in = any ($2::bigint[]))
                   and added_in < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
                   and id > (select coalesce(max(id), 0) - 10000 from reviews)
                 group by restaurant_id
             ),
             page as (
                 (
                     select id, name_folded, milli_stars, review_count from restaurants
                     where ($5::bigint is null or " + $key + " " + $beyond + " " + $values + ")
                       and ($3::text is null or search_words @@ search_query($3))
                       and id not in (select restaurant_id from later)
                     order by " + $order + " limit $4::bigint
                 )
                 union all
                 select id, name_folded, milli_stars, review_count
                 from (
                     select r.id, r.name_folded, r.search_words,
                            r.review_count - later.review_count as review_count,
                            (r.rating_sum - later.rating_sum) * 1000
                                / greatest(r.review_count - later.review_count, 1) as milli_stars
                     from later join restaurants r on r.id = later.restaurant_id
                 ) changed
                 where ($5 is null or " + $key + " " + $beyond + " " + $values + ")
                   and ($3 is null or search_words @@ search_query($3))
             )
             select r.id, r.name, r.street_address, r.rating_sum, r.review_count,
                    page.milli_stars as \"milli_stars_then!\", page.review_count as \"review_count_then!\",
                    (select pg_current_snapshot()::text) as \"snapshot!\",
                    (select image_name from reviews
                     where restaurant_id = r.id and image_name is not null
                     order by review_date desc, id desc limit 1) as cover
             from (
                 select *, row_number() over (order by " + $order + ") as place
                 from page order by place limit $4
             ) page join restaurants r on r.id = page.id
             order by page.place",
            $($argument),+
        )
        .fetch_all($connection)
        .await
    };
}

/// Reads a page of at most `limit` rows, in the direction of reading.
pub(super) async fn page(connection: &mut PgConnection, query: &ListQuery, limit: i64) -> sqlx::Result<Vec<Row>> {
    let backwards = matches!(query.from, Some((Direction::Before, _)));
    let cursor = query.from.as_ref().map(|(_, cursor)| cursor);
    let newest = cursor.map(|cursor| cursor.as_of.newest);
    let pending = cursor.map_or(&[][..], |cursor| &cursor.as_of.pending);
    let search = query.search.words().map(|words| words.join(" "));
    let id = cursor.map(|cursor| cursor.id);
    let (name, stars, count) = cursor.map(|cursor| cursor.key.values()).unwrap_or_default();
    match (query.sort, backwards) {
        (Sort::Name, false) => page!(
            connection, "(name_folded, id)" ">" "(folded_text($6), $5)", "name_folded, id",
            newest, pending, search, limit, id, name
        ),
        (Sort::Name, true) => page!(
            connection, "(name_folded, id)" "<" "(folded_text($6), $5)", "name_folded desc, id desc",
            newest, pending, search, limit, id, name
        ),
        (Sort::Rating, false) => page!(
            connection, "(milli_stars, review_count, id)" "<" "($6, $7, $5)",
            "milli_stars desc, review_count desc, id desc",
            newest, pending, search, limit, id, stars, count
        ),
        (Sort::Rating, true) => page!(
            connection, "(milli_stars, review_count, id)" ">" "($6, $7, $5)", "milli_stars, review_count, id",
            newest, pending, search, limit, id, stars, count
        ),
        (Sort::Reviews, false) => page!(
            connection, "(review_count, id)" "<" "($6, $5)", "review_count desc, id desc",
            newest, pending, search, limit, id, count
        ),
        (Sort::Reviews, true) => page!(
            connection, "(review_count, id)" ">" "($6, $5)", "review_count, id",
            newest, pending, search, limit, id, count
        ),
        (Sort::Newest, false) => page!(
            connection, "id" "<" "$5", "id desc",
            newest, pending, search, limit, id
        ),
        (Sort::Newest, true) => page!(
            connection, "id" ">" "$5", "id",
            newest, pending, search, limit, id
        ),
    }
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
