//! The list of restaurants without a search: one query for each order and direction.
//!
//! PostgreSQL plans each of them once per connection: `(select ...)` hides the cursor from the planner, so that it finds
//! no reason to plan again for other values. Planning takes as long as reading the page.

use sqlx::PgConnection;

use super::search;
use crate::model::{Direction, ListCursor, ListQuery, Sort};
use crate::store::rows::ListRow;

/// Reads a page and one row more, in the direction of reading.
pub(super) async fn rows(connection: &mut PgConnection, query: &ListQuery) -> sqlx::Result<Vec<ListRow>> {
    let (direction, cursor) = match &query.from {
        Some((direction, cursor)) => (*direction, cursor),
        None => (Direction::After, &ListCursor::start(query.sort)),
    };
    match query.search.words() {
        Some(words) => search::rows(connection, query.sort, direction, cursor, &words.join(" ")).await,
        None => all_rows(connection, query.sort, direction, cursor).await,
    }
}

async fn all_rows(
    connection: &mut PgConnection,
    sort: Sort,
    direction: Direction,
    cursor: &ListCursor,
) -> sqlx::Result<Vec<ListRow>> {
    use Direction::{After, Before};
    let (name, milli_stars, review_count) = cursor.key.values();
    match (sort, direction) {
        (Sort::Name, After) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (name_folded, id) > ((select folded_text($1)), $2)
             order by name_folded, id limit 51",
                name,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Name, Before) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (name_folded, id) < ((select folded_text($1)), $2)
             order by name_folded desc, id desc limit 51",
                name,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Rating, After) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (milli_stars, review_count, id) < ((select $1::bigint), $2, $3)
             order by milli_stars desc, review_count desc, id desc limit 51",
                milli_stars,
                review_count,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Rating, Before) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (milli_stars, review_count, id) > ((select $1::bigint), $2, $3)
             order by milli_stars, review_count, id limit 51",
                milli_stars,
                review_count,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Reviews, After) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (review_count, id) < ((select $1::bigint), $2)
             order by review_count desc, id desc limit 51",
                review_count,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Reviews, Before) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where (review_count, id) > ((select $1::bigint), $2)
             order by review_count, id limit 51",
                review_count,
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Newest, After) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where id < (select $1::bigint)
             order by id desc limit 51",
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
        (Sort::Newest, Before) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from restaurants
             where id > (select $1::bigint)
             order by id limit 51",
                cursor.id
            )
            .fetch_all(connection)
            .await
        }
    }
}
