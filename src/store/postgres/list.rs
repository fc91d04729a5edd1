//! The list of restaurants: one query for each order and direction, with and without a search.
//!
//! PostgreSQL plans the queries without a search once per connection: `(select ...)` hides the cursor from the planner,
//! so that it does not plan again for other values. Planning takes longer than reading the page.
//!
//! It plans each search for its words (see `search_terms` in the migration): for common words, it reads the index of
//! the order until it has found a page; for rare words, it sorts all restaurants that have them. It estimates how common
//! the words with a given beginning are from its statistics, if those list at least 100 words. In the order of names, it
//! finds the page in the index alone, which includes the words, and then reads the rows.
//!
//! Only as many restaurants are counted as the page tells: with a search, that costs no more than the page itself.
//!
//! The parameters are the columns of the cursor's restaurant, in the order of the query's sort, and then the search.

use sqlx::PgConnection;

use super::search;
use crate::model::Direction::{self, After, Before};
use crate::model::{ListCursor, ListQuery, Sort};
use crate::store::rows::ListRow;

/// Runs the query in a file.
macro_rules! rows {
    ($connection:ident, $file:literal, $($value:expr),+) => {
        sqlx::query_file_as!(ListRow, $file, $($value),+).fetch_all($connection).await
    };
}

/// Reads one row more than a page has, which tells whether another page follows. Also returns the number of rows on all
/// pages, up to 1,001.
pub(super) async fn page(connection: &mut PgConnection, query: &ListQuery) -> sqlx::Result<(Vec<ListRow>, i64)> {
    let (direction, cursor) = match &query.from {
        Some((direction, cursor)) => (*direction, cursor),
        None => (After, &ListCursor::start(query.sort)),
    };
    match query.search.terms() {
        None => {
            let total =
                sqlx::query_scalar!(r#"select count(*) as "count!" from (select from restaurants limit 1001) counted"#)
                    .fetch_one(&mut *connection)
                    .await?;
            let rows = without_search(connection, query.sort, direction, cursor).await?;
            Ok((rows, total))
        }
        Some(terms) => {
            let terms = search::query(terms);
            let total = sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                       select from restaurants where search_words @@ search_terms($1) limit 1001
                   ) counted"#,
                terms
            )
            .fetch_one(&mut *connection)
            .await?;
            let rows = with_search(connection, query.sort, direction, cursor, terms.as_deref()).await?;
            Ok((rows, total))
        }
    }
}

async fn without_search(
    connection: &mut PgConnection,
    sort: Sort,
    direction: Direction,
    cursor: &ListCursor,
) -> sqlx::Result<Vec<ListRow>> {
    let (id, (name, stars, count)) = (cursor.id, cursor.key.values());
    match (sort, direction) {
        (Sort::Name, After) => rows!(connection, "src/store/postgres/list/name_after.sql", name, id),
        (Sort::Name, Before) => rows!(connection, "src/store/postgres/list/name_before.sql", name, id),
        (Sort::Rating, After) => rows!(connection, "src/store/postgres/list/rating_after.sql", stars, count, id),
        (Sort::Rating, Before) => rows!(
            connection,
            "src/store/postgres/list/rating_before.sql",
            stars,
            count,
            id
        ),
        (Sort::Reviews, After) => rows!(connection, "src/store/postgres/list/reviews_after.sql", count, id),
        (Sort::Reviews, Before) => rows!(connection, "src/store/postgres/list/reviews_before.sql", count, id),
        (Sort::Newest, After) => rows!(connection, "src/store/postgres/list/newest_after.sql", id),
        (Sort::Newest, Before) => rows!(connection, "src/store/postgres/list/newest_before.sql", id),
    }
}

async fn with_search(
    connection: &mut PgConnection,
    sort: Sort,
    direction: Direction,
    cursor: &ListCursor,
    terms: Option<&str>,
) -> sqlx::Result<Vec<ListRow>> {
    let (id, (name, stars, count)) = (cursor.id, cursor.key.values());
    match (sort, direction) {
        (Sort::Name, After) => rows!(connection, "src/store/postgres/search/name_after.sql", name, id, terms),
        (Sort::Name, Before) => rows!(connection, "src/store/postgres/search/name_before.sql", name, id, terms),
        (Sort::Rating, After) => rows!(
            connection,
            "src/store/postgres/search/rating_after.sql",
            stars,
            count,
            id,
            terms
        ),
        (Sort::Rating, Before) => rows!(
            connection,
            "src/store/postgres/search/rating_before.sql",
            stars,
            count,
            id,
            terms
        ),
        (Sort::Reviews, After) => rows!(
            connection,
            "src/store/postgres/search/reviews_after.sql",
            count,
            id,
            terms
        ),
        (Sort::Reviews, Before) => rows!(
            connection,
            "src/store/postgres/search/reviews_before.sql",
            count,
            id,
            terms
        ),
        (Sort::Newest, After) => rows!(connection, "src/store/postgres/search/newest_after.sql", id, terms),
        (Sort::Newest, Before) => rows!(connection, "src/store/postgres/search/newest_before.sql", id, terms),
    }
}
