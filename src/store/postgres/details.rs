//! A restaurant with one page of its reviews.
//!
//! One statement, hence one snapshot and one trip: the numbers on the page agree with its reviews.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{count, photo};
use crate::model::{Direction, Rating, RatingSummary, Restaurant, RestaurantId, Review, ReviewCursor};
use crate::store::bad_value;

/// The restaurant, or one of its reviews: the columns of the other are null.
pub(super) struct Row {
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

/// The query for one page: the reviews of restaurant $1 that are `beyond` the cursor, read in that `order`.
macro_rules! page {
    ($connection:expr, $beyond:literal, $order:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            Row,
            "select name as \"name?\", street_address as \"street_address?\", description as \"description?\",
                    rating_1 as \"rating_1?\", rating_2 as \"rating_2?\", rating_3 as \"rating_3?\",
                    rating_4 as \"rating_4?\", rating_5 as \"rating_5?\", null::bigint as \"id?\",
                    null as \"user_name?\", null::smallint as \"rating?\", null as \"review_text?\",
                    null::timestamptz as \"review_date?\", null as \"image_name?\"
             from restaurants where id = $1
             union all (
                 select null, null, null, null, null, null, null, null,
                        id, user_name, rating, review_text, review_date, image_name
                 from reviews
                 where restaurant_id = $1 " + $beyond + "
                 order by " + $order + " limit 21
             )",
            $($argument),+
        )
        .fetch_all($connection)
        .await
    };
}

/// Reads a page and one row more, in the direction of reading. No rows: there is no such restaurant.
pub(super) async fn page(
    connection: &mut PgConnection,
    id: RestaurantId,
    from: Option<(Direction, ReviewCursor)>,
) -> sqlx::Result<Vec<Row>> {
    match from {
        None => page!(connection, "", "review_date desc, id desc", id.0),
        Some((Direction::After, cursor)) => page!(
            connection,
            "and (review_date, id) < ($2, $3)",
            "review_date desc, id desc",
            id.0,
            cursor.date(),
            cursor.id
        ),
        Some((Direction::Before, cursor)) => page!(
            connection,
            "and (review_date, id) > ($2, $3)",
            "review_date, id",
            id.0,
            cursor.date(),
            cursor.id
        ),
    }
}

/// The restaurant of that id in such rows, and its reviews.
pub(super) fn parts(id: RestaurantId, rows: Vec<Row>) -> sqlx::Result<Option<(Restaurant, Vec<Review>)>> {
    let mut restaurant = None;
    let mut reviews = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(name) = row.name {
            let distribution = [
                stars("rating_1", row.rating_1)?,
                stars("rating_2", row.rating_2)?,
                stars("rating_3", row.rating_3)?,
                stars("rating_4", row.rating_4)?,
                stars("rating_5", row.rating_5)?,
            ];
            restaurant = Some(Restaurant {
                id,
                name,
                street_address: row.street_address.unwrap_or_default(),
                description: row.description.unwrap_or_default(),
                rating: RatingSummary {
                    sum: distribution.iter().zip(1..).map(|(count, stars)| count * stars).sum(),
                    count: distribution.iter().sum(),
                },
                distribution,
            });
        } else if let (Some(id), Some(rating), Some(review_date)) = (row.id, row.rating, row.review_date) {
            reviews.push(Review {
                id,
                user_name: row.user_name.unwrap_or_default(),
                rating: Rating::new(rating.into()).ok_or_else(|| bad_value("rating", &rating.to_string()))?,
                review_text: row.review_text.unwrap_or_default(),
                review_date,
                photo: photo(row.image_name),
            });
        }
    }
    Ok(restaurant.map(|restaurant| (restaurant, reviews)))
}

fn stars(column: &str, reviews: Option<i64>) -> sqlx::Result<u64> {
    count(column, reviews.unwrap_or_default())
}
