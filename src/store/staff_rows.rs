//! Rows of the staff's queries, the pages that they make up, and the entries of the history.

use std::collections::HashMap;

use sqlx::FromRow;
use time::OffsetDateTime;

use super::rows::{ReviewRow, count, invalid_text, one_page};
use super::staff::{CHANGES_PER_PAGE, STAFF_REVIEWS_PER_PAGE};
use crate::model::{
    Direction, Done, Entry, ListCursor, ListQuery, NewRestaurant, NewReview, PhotoChange, Recorded, RestaurantId,
    ReviewAction, ReviewChange, SeenRestaurant, Sort, StaffCursor, StaffRestaurant, StaffReview, StaffReviewPage,
    StaffReviewQuery, restaurant_text, review_text,
};
use crate::photos::PhotoName;

// The queries of both stores contain each limit plus one.
const _: () = assert!(STAFF_REVIEWS_PER_PAGE == 50 && CHANGES_PER_PAGE == 50);

/// Where a page of the staff's restaurants begins: the columns that its queries sort by. All of them ascend, so that one
/// query serves every order; what descends is negated.
pub(super) struct RestaurantPosition {
    pub(super) direction: Direction,
    pub(super) name: String,
    pub(super) rating: i64,
    pub(super) count: i64,
    pub(super) id: i64,
}

impl RestaurantPosition {
    pub(super) fn of(query: &ListQuery) -> Self {
        let (direction, cursor) = match &query.from {
            Some((direction, cursor)) => (*direction, cursor),
            None => (Direction::After, &ListCursor::start(query.sort)),
        };
        let (name, stars, count) = cursor.key.values();
        let id = if query.sort == Sort::Name {
            cursor.id
        } else {
            cursor.id.saturating_neg()
        };
        Self {
            direction,
            name,
            rating: stars.saturating_neg(),
            count: count.saturating_neg(),
            id,
        }
    }
}

/// A review as the staff sees it.
#[derive(FromRow)]
pub(super) struct StaffReviewRow {
    pub(super) id: i64,
    pub(super) restaurant_id: i64,
    pub(super) restaurant_name: String,
    pub(super) user_name: String,
    pub(super) rating: i16,
    pub(super) review_text: String,
    pub(super) review_date: OffsetDateTime,
    pub(super) image_name: Option<String>,
    pub(super) hidden: bool,
    pub(super) version: i64,
}

impl StaffReviewRow {
    pub(super) fn review(self) -> sqlx::Result<StaffReview> {
        let row = ReviewRow {
            id: self.id,
            user_name: self.user_name,
            rating: self.rating,
            review_text: self.review_text,
            review_date: self.review_date,
            image_name: self.image_name,
        };
        Ok(StaffReview {
            review: row.review()?,
            restaurant: RestaurantId(self.restaurant_id),
            restaurant_name: self.restaurant_name,
            is_hidden: self.hidden,
            version: self.version,
        })
    }
}

/// The reviews in these rows.
pub(super) fn reviews(rows: Vec<StaffReviewRow>) -> sqlx::Result<Vec<StaffReview>> {
    rows.into_iter().map(StaffReviewRow::review).collect()
}

/// The page that a query asked for, from its rows in the order in which they were read.
pub(super) fn staff_review_page(query: &StaffReviewQuery, rows: Vec<StaffReviewRow>) -> sqlx::Result<StaffReviewPage> {
    let direction = query.from.as_ref().map(|(direction, _)| *direction);
    let (reviews, has_before, has_after) = one_page(reviews(rows)?, direction, STAFF_REVIEWS_PER_PAGE);
    let cursor = |review: &StaffReview| StaffCursor::of(query.order, &review.review);
    Ok(StaffReviewPage {
        before: reviews.first().filter(|_| has_before).map(cursor),
        after: reviews.last().filter(|_| has_after).map(cursor),
        reviews,
    })
}

/// A restaurant as the staff sees it.
#[derive(FromRow)]
pub(super) struct StaffRestaurantRow {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) street_address: String,
    pub(super) description: String,
    pub(super) version: i64,
    pub(super) reviews: i64,
    pub(super) photos: i64,
    pub(super) last_review: i64,
    pub(super) review_versions: i64,
    pub(super) last_change: i64,
}

impl StaffRestaurantRow {
    pub(super) fn restaurant(self) -> sqlx::Result<StaffRestaurant> {
        Ok(StaffRestaurant {
            id: RestaurantId(self.id),
            texts: NewRestaurant {
                name: self.name,
                street_address: self.street_address,
                description: self.description,
            },
            reviews: count("reviews", self.reviews)?,
            photos: count("photos", self.photos)?,
            seen: SeenRestaurant {
                id: RestaurantId(self.id),
                version: self.version,
                reviews: self.reviews,
                last_review: self.last_review,
                review_versions: self.review_versions,
                last_change: self.last_change,
            },
        })
    }
}

/// The numbers of reviews in these rows, which have the id of a restaurant and its number.
pub(super) fn numbers(rows: Vec<(i64, i64)>) -> sqlx::Result<HashMap<RestaurantId, u64>> {
    let numbers = rows.into_iter();
    numbers
        .map(|(id, number)| Ok((RestaurantId(id), count("reviews", number)?)))
        .collect()
}

/// Whether all restaurants that were seen are still there, and neither they nor their reviews have changed.
pub(super) fn are_as_seen(found: &[StaffRestaurant], seen: &[SeenRestaurant]) -> bool {
    seen.iter().all(|seen| found.iter().any(|found| found.seen == *seen))
}

/// A change in the history.
#[derive(FromRow)]
pub(super) struct ChangeRow {
    pub(super) id: i64,
    pub(super) changed_at: OffsetDateTime,
    pub(super) changed_by: String,
    pub(super) action: String,
    pub(super) restaurant_id: i64,
    pub(super) review_id: Option<i64>,
    pub(super) text_before: Option<String>,
    pub(super) text_after: Option<String>,
}

impl ChangeRow {
    pub(super) fn recorded(self) -> sqlx::Result<Recorded> {
        let done: Done = self.action.parse().map_err(|()| invalid_text("action", &self.action))?;
        Ok(Recorded {
            id: self.id,
            at: self.changed_at,
            by: self.changed_by,
            entry: Entry {
                done,
                restaurant: RestaurantId(self.restaurant_id),
                review: self.review_id,
                before: self.text_before,
                after: self.text_after,
            },
        })
    }
}

/// The entry for a restaurant whose texts were changed or that was added.
pub(super) fn restaurant_entry(id: RestaurantId, before: Option<&NewRestaurant>, after: &NewRestaurant) -> Entry {
    Entry {
        done: if before.is_some() { Done::Changed } else { Done::Added },
        restaurant: id,
        review: None,
        before: before.map(restaurant_text),
        after: Some(restaurant_text(after)),
    }
}

/// The entry for a restaurant that was deleted with its reviews.
pub(super) fn deletion_entry(restaurant: &StaffRestaurant) -> Entry {
    let texts = restaurant_text(&restaurant.texts);
    Entry {
        done: Done::Deleted,
        restaurant: restaurant.id,
        review: None,
        before: Some(format!(
            "{texts}\nReviews: {}\nPhotos: {}",
            restaurant.reviews, restaurant.photos
        )),
        after: None,
    }
}

/// The entry for a review that was added.
pub(super) fn addition_entry(id: i64, restaurant: RestaurantId, new: &NewReview, photo: Option<&PhotoName>) -> Entry {
    Entry {
        done: Done::Added,
        restaurant,
        review: Some(id),
        before: None,
        after: Some(review_text(new, photo)),
    }
}

/// The entry for a review that was changed.
pub(super) fn review_entry(before: &StaffReview, change: &ReviewChange) -> Entry {
    let photo = match &change.photo {
        PhotoChange::Keep => before.review.photo.as_ref(),
        PhotoChange::Remove => None,
        PhotoChange::Replace(photo) => Some(photo),
    };
    Entry {
        done: Done::Changed,
        restaurant: before.restaurant,
        review: Some(before.review.id),
        before: Some(before.text()),
        after: Some(review_text(&change.new, photo)),
    }
}

/// The entry for a review that was hidden, shown or deleted. Only the texts that would be lost are kept.
pub(super) fn action_entry(review: &StaffReview, action: ReviewAction) -> Entry {
    Entry {
        done: action.done(),
        restaurant: review.restaurant,
        review: Some(review.review.id),
        before: (action == ReviewAction::Delete).then(|| review.text()),
        after: None,
    }
}
