//! A restaurant with one page of its reviews.
//!
//! One statement reads both from one snapshot, so the numbers on the page agree with its reviews.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::model::{Direction, RestaurantId, ReviewCursor};
use crate::store::rows::{RestaurantRow, ReviewRow};

/// The restaurant, or one of its reviews: the columns of the other are null.
struct Row {
    name: Option<String>,
    street_address: Option<String>,
    description: Option<String>,
    rating_1: Option<i64>,
    rating_2: Option<i64>,
    rating_3: Option<i64>,
    rating_4: Option<i64>,
    rating_5: Option<i64>,
    id: Option<i64>,
    user_name: Option<String>,
    rating: Option<i16>,
    review_text: Option<String>,
    review_date: Option<OffsetDateTime>,
    image_name: Option<String>,
}

/// Reads the restaurant, and one review more than a page has, which tells whether another page follows. `None` if the
/// restaurant does not exist.
pub(super) async fn page(
    connection: &mut PgConnection,
    restaurant: RestaurantId,
    from: Option<(Direction, ReviewCursor)>,
) -> sqlx::Result<Option<(RestaurantRow, Vec<ReviewRow>)>> {
    let (direction, cursor) = from.unwrap_or((Direction::After, ReviewCursor::START));
    let rows = match direction {
        Direction::After => {
            sqlx::query_file_as!(
                Row,
                "src/store/postgres/details/after.sql",
                restaurant.0,
                cursor.date(),
                cursor.id
            )
            .fetch_all(connection)
            .await?
        }
        Direction::Before => {
            sqlx::query_file_as!(
                Row,
                "src/store/postgres/details/before.sql",
                restaurant.0,
                cursor.date(),
                cursor.id
            )
            .fetch_all(connection)
            .await?
        }
    };
    let mut rows = rows.into_iter();
    let found = rows.next().and_then(|row| restaurant_row(restaurant, row));
    Ok(found.map(|found| (found, rows.filter_map(review_row).collect())))
}

fn restaurant_row(id: RestaurantId, row: Row) -> Option<RestaurantRow> {
    Some(RestaurantRow {
        id: id.0,
        name: row.name?,
        street_address: row.street_address?,
        description: row.description?,
        rating_1: row.rating_1?,
        rating_2: row.rating_2?,
        rating_3: row.rating_3?,
        rating_4: row.rating_4?,
        rating_5: row.rating_5?,
    })
}

fn review_row(row: Row) -> Option<ReviewRow> {
    Some(ReviewRow {
        id: row.id?,
        user_name: row.user_name?,
        rating: row.rating?,
        review_text: row.review_text?,
        review_date: row.review_date?,
        image_name: row.image_name,
    })
}
