//! A restaurant with one page of its reviews.
//!
//! One statement reads both from one snapshot, so the numbers on the page agree with its reviews.
//!
//! By rating, the page of each rating is read by the index, and the best of those rows make up the page. So a restaurant
//! with many thousands of reviews costs no more than another.
//!
//! The parameters are the restaurant, the date and the id of the cursor's review; by rating, also the ratings to read,
//! whether only reviews with a photo are wanted, and the rating of the cursor's review.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::model::Direction::{After, Before};
use crate::model::{Rating, RestaurantId, ReviewQuery, ReviewSort};
use crate::store::rows::{PhotoRow, RestaurantRow, ReviewRow};

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

/// Runs the query in a file.
macro_rules! rows {
    ($connection:ident, $file:literal, $($value:expr),+) => {
        sqlx::query_file_as!(Row, $file, $($value),+).fetch_all($connection).await
    };
}

/// Reads the restaurant, and one review more than a page has, which tells whether another page follows. `None` if the
/// restaurant does not exist.
pub(super) async fn page(
    connection: &mut PgConnection,
    restaurant: RestaurantId,
    query: &ReviewQuery,
) -> sqlx::Result<Option<(RestaurantRow, Vec<ReviewRow>)>> {
    let id = restaurant.0;
    let (direction, cursor) = query.start();
    let (date, review) = (cursor.date(), cursor.id);
    // Reviews with one rating have the same order by date and by rating. By rating, an index leads to them.
    let sort = match query.sort {
        ReviewSort::Newest if query.rating.is_some() => ReviewSort::Highest,
        sort => sort,
    };
    let rows = match (sort, direction) {
        (ReviewSort::Newest, After) if query.with_photo => {
            rows!(
                connection,
                "src/store/postgres/details/with_photo_after.sql",
                id,
                date,
                review
            )
        }
        (ReviewSort::Newest, Before) if query.with_photo => {
            rows!(
                connection,
                "src/store/postgres/details/with_photo_before.sql",
                id,
                date,
                review
            )
        }
        (ReviewSort::Newest, After) => {
            rows!(
                connection,
                "src/store/postgres/details/newest_after.sql",
                id,
                date,
                review
            )
        }
        (ReviewSort::Newest, Before) => {
            rows!(
                connection,
                "src/store/postgres/details/newest_before.sql",
                id,
                date,
                review
            )
        }
        (ReviewSort::Highest | ReviewSort::Lowest, _) => {
            let rising = (sort == ReviewSort::Lowest) == (direction == After);
            let stars = ratings_from(cursor.rating, rising, query.rating);
            let (with_photo, at) = (query.with_photo, cursor.rating.map(|rating| i16::from(rating.stars())));
            match (sort, direction) {
                (ReviewSort::Highest, After) => rows!(
                    connection,
                    "src/store/postgres/details/highest_after.sql",
                    id,
                    date,
                    review,
                    &stars,
                    with_photo,
                    at
                ),
                (ReviewSort::Highest, Before) => rows!(
                    connection,
                    "src/store/postgres/details/highest_before.sql",
                    id,
                    date,
                    review,
                    &stars,
                    with_photo,
                    at
                ),
                (_, After) => rows!(
                    connection,
                    "src/store/postgres/details/lowest_after.sql",
                    id,
                    date,
                    review,
                    &stars,
                    with_photo,
                    at
                ),
                (_, Before) => rows!(
                    connection,
                    "src/store/postgres/details/lowest_before.sql",
                    id,
                    date,
                    review,
                    &stars,
                    with_photo,
                    at
                ),
            }
        }
    };
    let mut rows = rows?.into_iter();
    let found = rows.next().and_then(|row| restaurant_row(restaurant, row));
    Ok(found.map(|found| (found, rows.filter_map(review_row).collect())))
}

/// The ratings that a page may have which starts at a rating and reads towards more stars or fewer.
fn ratings_from(start: Option<Rating>, rising: bool, only: Option<Rating>) -> Vec<i16> {
    let is_ahead = |stars: u8| match start.map(Rating::stars) {
        Some(start) if rising => stars >= start,
        Some(start) => stars <= start,
        None => true,
    };
    let wanted = |stars: u8| only.is_none_or(|only| only.stars() == stars);
    let ratings = (1..=5u8).filter(|stars| is_ahead(*stars) && wanted(*stars));
    ratings.map(i16::from).collect()
}

/// The newest photos of the restaurant.
pub(super) async fn photos(connection: &mut PgConnection, restaurant: RestaurantId) -> sqlx::Result<Vec<PhotoRow>> {
    sqlx::query_file_as!(PhotoRow, "src/store/postgres/details/photos.sql", restaurant.0)
        .fetch_all(connection)
        .await
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
