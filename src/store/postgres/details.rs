//! A restaurant with one page of its reviews.
//!
//! One statement, hence one snapshot: the numbers on the page agree with its reviews. Every row says who the
//! restaurant is; that is cheaper than to ask twice.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{count, photo};
use crate::model::{Direction, Rating, RatingSummary, Restaurant, RestaurantId, Review, ReviewCursor};
use crate::store::bad_value;

/// A review beside its restaurant; or a restaurant that has none here.
pub(super) struct Row {
    id: i64,
    name: String,
    street_address: String,
    description: String,
    rating_sum: i64,
    review_count: i64,
    rating_1: i64,
    rating_2: i64,
    rating_3: i64,
    rating_4: i64,
    rating_5: i64,
    review_id: Option<i64>,
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
            "select r.id, name, street_address, description, rating_sum as \"rating_sum!\",
                    review_count as \"review_count!\", rating_1, rating_2, rating_3, rating_4, rating_5,
                    page.id as \"review_id?\", user_name as \"user_name?\", rating as \"rating?\",
                    review_text as \"review_text?\", review_date as \"review_date?\", image_name
             from restaurants r left join lateral (
                 select * from reviews
                 where restaurant_id = r.id " + $beyond + "
                 order by " + $order + " limit 21
             ) page on true
             where r.id = $1",
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

/// The restaurant of such rows, and its reviews.
pub(super) fn parts(rows: Vec<Row>) -> sqlx::Result<Option<(Restaurant, Vec<Review>)>> {
    let mut restaurant = None;
    let mut reviews = Vec::with_capacity(rows.len());
    for mut row in rows {
        reviews.extend(row.take_review()?);
        if restaurant.is_none() {
            restaurant = Some(row.restaurant()?);
        }
    }
    Ok(restaurant.map(|restaurant| (restaurant, reviews)))
}

impl Row {
    fn restaurant(self) -> sqlx::Result<Restaurant> {
        Ok(Restaurant {
            id: RestaurantId(self.id),
            name: self.name,
            street_address: self.street_address,
            description: self.description,
            rating: RatingSummary {
                sum: count("rating_sum", self.rating_sum)?,
                count: count("review_count", self.review_count)?,
            },
            distribution: [
                count("rating_1", self.rating_1)?,
                count("rating_2", self.rating_2)?,
                count("rating_3", self.rating_3)?,
                count("rating_4", self.rating_4)?,
                count("rating_5", self.rating_5)?,
            ],
        })
    }

    fn take_review(&mut self) -> sqlx::Result<Option<Review>> {
        let (Some(id), Some(user_name), Some(rating), Some(review_text), Some(review_date)) = (
            self.review_id,
            self.user_name.take(),
            self.rating,
            self.review_text.take(),
            self.review_date,
        ) else {
            return Ok(None);
        };
        Ok(Some(Review {
            id,
            user_name,
            rating: Rating::new(rating.into()).ok_or_else(|| bad_value("rating", &rating.to_string()))?,
            review_text,
            review_date,
            photo: photo(self.image_name.take()),
        }))
    }
}
