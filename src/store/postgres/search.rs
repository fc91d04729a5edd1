//! The list of restaurants that a search finds: one query for each order and direction.
//!
//! PostgreSQL plans them for the words at hand (see `search_query` in the migration): for common words, it reads the index
//! of the order until it has found a page; for rare words, it sorts all restaurants that have them. It knows how common
//! a word is from its statistics, which need at least 100 different common words.

use sqlx::PgConnection;

use crate::model::{Direction, ListCursor, Sort};
use crate::store::rows::ListRow;

/// Reads a page and one row more, in the direction of reading.
pub(super) async fn rows(
    connection: &mut PgConnection,
    sort: Sort,
    direction: Direction,
    cursor: &ListCursor,
    words: &str,
) -> sqlx::Result<Vec<ListRow>> {
    use Direction::{After, Before};
    let (name, milli_stars, review_count) = cursor.key.values();
    match (sort, direction) {
        // By name, the matches are found in the index alone, which has the words; their rows are read afterwards.
        (Sort::Name, After) => {
            sqlx::query_as!(
                ListRow,
                "select id, name, street_address, rating_sum, review_count, milli_stars,
                    (select image_name from reviews
                     where restaurant_id = restaurants.id and image_name is not null
                     order by review_date desc, reviews.id desc limit 1) as cover
             from (
                 select id as found_id from restaurants
                 where (name_folded, id) > (folded_text($1), $2) and search_words @@ search_query($3)
                 order by name_folded, id limit 51
             ) found join restaurants on id = found_id
             order by name_folded, id",
                name,
                cursor.id,
                words
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
             from (
                 select id as found_id from restaurants
                 where (name_folded, id) < (folded_text($1), $2) and search_words @@ search_query($3)
                 order by name_folded desc, id desc limit 51
             ) found join restaurants on id = found_id
             order by name_folded desc, id desc",
                name,
                cursor.id,
                words
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
             where (milli_stars, review_count, id) < ($1, $2, $3) and search_words @@ search_query($4)
             order by milli_stars desc, review_count desc, id desc limit 51",
                milli_stars,
                review_count,
                cursor.id,
                words
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
             where (milli_stars, review_count, id) > ($1, $2, $3) and search_words @@ search_query($4)
             order by milli_stars, review_count, id limit 51",
                milli_stars,
                review_count,
                cursor.id,
                words
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
             where (review_count, id) < ($1, $2) and search_words @@ search_query($3)
             order by review_count desc, id desc limit 51",
                review_count,
                cursor.id,
                words
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
             where (review_count, id) > ($1, $2) and search_words @@ search_query($3)
             order by review_count, id limit 51",
                review_count,
                cursor.id,
                words
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
             where id < $1 and search_words @@ search_query($2)
             order by id desc limit 51",
                cursor.id,
                words
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
             where id > $1 and search_words @@ search_query($2)
             order by id limit 51",
                cursor.id,
                words
            )
            .fetch_all(connection)
            .await
        }
    }
}
