//! The staff's filtered list of restaurants. It reads all restaurants that match the search: the indexes of the
//! visitors' list do not know what the filters ask for.

use sqlx::PgConnection;

use super::search;
use crate::model::{Direction, ListQuery, RestaurantFilter};
use crate::store::rows::ListRow;
use crate::store::staff_rows::RestaurantPosition;

/// Reads one row more than a page has, which tells whether another page follows. Also returns the number of rows on all
/// pages, up to 1,001.
pub(super) async fn restaurants(
    connection: &mut PgConnection,
    query: &ListQuery,
    filter: &RestaurantFilter,
) -> sqlx::Result<(Vec<ListRow>, i64)> {
    let position = RestaurantPosition::of(query);
    let has_search = query.search.terms().is_some();
    let terms = query.search.terms().and_then(search::query);
    let average = filter.average.map(i64::from);
    let total = sqlx::query_file_scalar!(
        "src/store/postgres/staff/restaurants_count.sql",
        has_search,
        terms.as_deref(),
        average as Option<i64>,
        filter.photo as Option<bool>,
        filter.hidden as Option<bool>
    );
    let total = total.fetch_one(&mut *connection).await?;
    /// Runs the query in a file.
    macro_rules! rows {
        ($file:literal) => {
            sqlx::query_file_as!(
                ListRow,
                $file,
                query.sort.as_str(),
                position.name,
                position.rating,
                position.count,
                position.id,
                has_search,
                terms,
                average as Option<i64>,
                filter.photo as Option<bool>,
                filter.hidden as Option<bool>
            )
            .fetch_all(connection)
            .await?
        };
    }
    let rows = match position.direction {
        Direction::After => rows!("src/store/postgres/staff/restaurants_after.sql"),
        Direction::Before => rows!("src/store/postgres/staff/restaurants_before.sql"),
    };
    Ok((rows, total))
}
