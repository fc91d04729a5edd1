//! Rows as the databases return them, and the pages that they make up.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::{PHOTOS_PER_RESTAURANT, RESTAURANTS_PER_PAGE, REVIEWS_PER_PAGE, SITEMAP_RESTAURANTS};
use crate::model::{
    COUNTED_MAX, Direction, ListCursor, ListPage, ListQuery, Rating, RatingSummary, Restaurant, RestaurantId,
    RestaurantSummary, Review, ReviewCursor, ReviewPage, ReviewPhoto, ReviewQuery, Sort, SortKey,
};
use crate::photos::PhotoName;

// The queries of both stores contain each limit plus one: the extra row tells whether there is more.
const _: () = assert!(RESTAURANTS_PER_PAGE == 50 && REVIEWS_PER_PAGE == 20 && COUNTED_MAX == 1000);
const _: () = assert!(PHOTOS_PER_RESTAURANT == 60 && SITEMAP_RESTAURANTS == 10_000);

/// A restaurant in the list.
#[derive(FromRow)]
pub(super) struct ListRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) street_address: String,
    pub(super) rating_sum: i64,
    pub(super) review_count: i64,
    pub(super) weighted_milli_stars: i64,
    pub(super) cover: Option<String>,
}

impl ListRow {
    fn cursor(&self, sort: Sort, number: u64) -> ListCursor {
        let key = match sort {
            Sort::Name => SortKey::Name(self.name.clone()),
            Sort::Rating => SortKey::Rating {
                milli_stars: self.weighted_milli_stars,
                count: self.review_count,
            },
            Sort::Reviews => SortKey::Reviews(self.review_count),
            Sort::Newest => SortKey::Newest,
        };
        ListCursor {
            id: self.id,
            number,
            key,
        }
    }

    fn restaurant(self) -> sqlx::Result<RestaurantSummary> {
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

/// The page that a query asked for, from its rows in the order in which they were read. `total` is the number of rows of
/// all pages, counted up to [`COUNTED_MAX`] and one more.
pub(super) fn list_page(query: &ListQuery, rows: Vec<ListRow>, total: i64) -> sqlx::Result<ListPage> {
    let direction = query.from.as_ref().map(|(direction, _)| *direction);
    let (rows, has_before, has_after) = one_page(rows, direction, RESTAURANTS_PER_PAGE);
    let (total, length) = (count("count", total)?, rows.len() as u64);
    let skipped = match &query.from {
        _ if !has_before => 0,
        _ if !has_after && total <= COUNTED_MAX => total.saturating_sub(length),
        None => 0,
        Some((Direction::After, cursor)) => cursor.number,
        Some((Direction::Before, cursor)) => cursor.number.saturating_sub(length + 1),
    };
    let cursor = |row: &ListRow, number: u64| row.cursor(query.sort, skipped.saturating_add(number));
    Ok(ListPage {
        before: rows.first().filter(|_| has_before).map(|row| cursor(row, 1)),
        after: rows.last().filter(|_| has_after).map(|row| cursor(row, length)),
        skipped,
        total,
        restaurants: rows.into_iter().map(ListRow::restaurant).collect::<Result<_, _>>()?,
    })
}

/// A restaurant on its own page.
#[derive(FromRow)]
pub(super) struct RestaurantRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) street_address: String,
    pub(super) description: String,
    pub(super) rating_1: i64,
    pub(super) rating_2: i64,
    pub(super) rating_3: i64,
    pub(super) rating_4: i64,
    pub(super) rating_5: i64,
}

impl RestaurantRow {
    pub(super) fn restaurant(self) -> sqlx::Result<Restaurant> {
        let distribution = [
            count("rating_1", self.rating_1)?,
            count("rating_2", self.rating_2)?,
            count("rating_3", self.rating_3)?,
            count("rating_4", self.rating_4)?,
            count("rating_5", self.rating_5)?,
        ];
        Ok(Restaurant {
            id: RestaurantId(self.id),
            name: self.name,
            street_address: self.street_address,
            description: self.description,
            rating: RatingSummary {
                sum: distribution.iter().zip(1..).map(|(count, stars)| count * stars).sum(),
                count: distribution.iter().sum(),
            },
            distribution,
        })
    }
}

/// A review.
#[derive(FromRow)]
pub(super) struct ReviewRow {
    pub(super) id: i64,
    pub(super) user_name: String,
    pub(super) rating: i16,
    pub(super) review_text: String,
    pub(super) review_date: OffsetDateTime,
    pub(super) image_name: Option<String>,
}

impl ReviewRow {
    pub(super) fn review(self) -> sqlx::Result<Review> {
        Ok(Review {
            id: self.id,
            user_name: self.user_name,
            rating: Rating::new(self.rating.into()).ok_or_else(|| invalid_value("rating", self.rating.into()))?,
            review_text: self.review_text,
            review_date: self.review_date,
            photo: photo(self.image_name),
        })
    }
}

/// The page of reviews that a query asked for, from its rows in the order in which they were read.
pub(super) fn review_page(query: &ReviewQuery, rows: Vec<ReviewRow>) -> sqlx::Result<ReviewPage> {
    let reviews = rows.into_iter().map(ReviewRow::review).collect::<Result<_, _>>()?;
    let direction = query.from.map(|(direction, _)| direction);
    let (reviews, has_before, has_after): (Vec<Review>, _, _) = one_page(reviews, direction, REVIEWS_PER_PAGE);
    Ok(ReviewPage {
        before: reviews.first().filter(|_| has_before).map(ReviewCursor::of),
        after: reviews.last().filter(|_| has_after).map(ReviewCursor::of),
        reviews,
    })
}

/// A photo of a restaurant.
#[derive(FromRow)]
pub(super) struct PhotoRow {
    pub(super) id: i64,
    pub(super) image_name: String,
    pub(super) user_name: String,
    pub(super) review_date: OffsetDateTime,
}

impl PhotoRow {
    /// `None` if the name is not one of this site's.
    pub(super) fn photo(self) -> Option<ReviewPhoto> {
        Some(ReviewPhoto {
            review: self.id,
            photo: photo(Some(self.image_name))?,
            user_name: self.user_name,
            review_date: self.review_date,
        })
    }
}

/// Cuts rows to the size of a page, puts them in the order of the page, and tells whether rows come before and after
/// it. `direction` is that of the cursor that led to the page; the first page has none.
pub(super) fn one_page<T>(mut rows: Vec<T>, direction: Option<Direction>, size: usize) -> (Vec<T>, bool, bool) {
    let has_more = rows.len() > size;
    rows.truncate(size);
    match direction {
        None => (rows, false, has_more),
        Some(Direction::After) => (rows, true, has_more),
        Some(Direction::Before) => {
            rows.reverse();
            (rows, has_more, true)
        }
    }
}

pub(super) fn count(column: &str, value: i64) -> sqlx::Result<u64> {
    u64::try_from(value).map_err(|_| invalid_value(column, value))
}

fn invalid_value(column: &str, value: i64) -> sqlx::Error {
    invalid_text(column, &value.to_string())
}

pub(super) fn invalid_text(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("{value} is not a valid value").into(),
    }
}

/// The name of a photo. A name that this site did not generate (a row by plain SQL) shows no photo.
fn photo(name: Option<String>) -> Option<PhotoName> {
    name.and_then(|name| name.parse().ok())
}
