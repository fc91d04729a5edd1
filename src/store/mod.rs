//! Where restaurants and reviews live.
//!
//! [`Store`] is the small set of questions and changes the site needs. [`PostgresStore`] answers them in
//! Azure, and wherever `DBHOST` names a server; [`SqliteStore`] from a file, for a run with nothing but
//! Rust. Both pass the same conformance suite (`tests/site/store.rs`).

mod error;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use time::OffsetDateTime;

pub use self::error::StoreError;
pub use self::postgres::{PostgresStore, SignIn};
pub use self::sqlite::SqliteStore;
use crate::model::{
    Direction, ListPage, ListQuery, NewRestaurant, NewReview, Restaurant, RestaurantId, Review, ReviewCursor,
    ReviewPage, SubmissionId,
};
use crate::photos::PhotoName;

/// Restaurants on one page of the list.
pub const RESTAURANTS_PER_PAGE: usize = 50;
/// Reviews on one page of a restaurant.
pub const REVIEWS_PER_PAGE: usize = 20;

/// What became of a sent review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedReview {
    /// It is saved.
    Added,
    /// The same form had been sent before; that review stays the only one.
    Repeated,
    /// There is no such restaurant.
    NoRestaurant,
}

/// A restaurant with its reviews and their dates, as demo data has them.
#[derive(Debug, Clone)]
pub struct ImportedRestaurant {
    /// The restaurant.
    pub restaurant: NewRestaurant,
    /// When it was added.
    pub created_at: OffsetDateTime,
    /// Its reviews, each with its date and perhaps a stored photo.
    pub reviews: Vec<(NewReview, OffsetDateTime, Option<PhotoName>)>,
}

/// What a store tells whoever follows its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// That restaurant or its reviews changed, or it was added or deleted.
    Restaurant(RestaurantId),
    /// Anything may have changed.
    Everything,
    /// Of what was committed before that moment, everything has been told.
    NoneElseBefore(Instant),
}

/// The changes of a store, by whomever, from a certain moment on.
#[async_trait]
pub trait Changes: Send {
    /// Waits for the next one. `None` when they are to be followed anew; an error when they can no longer be
    /// heard.
    async fn next(&mut self) -> Result<Option<Change>, StoreError>;
}

/// Restaurants, reviews, and the names of photos that no review shows.
#[async_trait]
pub trait Store: Send + Sync {
    /// What this is and where, in a few words for the start-up lines.
    fn describe(&self) -> String;

    /// Succeeds when the store can be reached and its tables are of this program's version.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Brings the store's tables to this program's version, whichever of many instances comes first. Called
    /// at start, again and again until it succeeds; what is asked before is not answered.
    async fn prepare(&self) -> Result<(), StoreError>;

    /// What does not hinder it yet but will, in words for who looks at `/readyz`.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// What changes from now on; `None` from a store that cannot tell.
    async fn changes(&self) -> Result<Option<Box<dyn Changes>>, StoreError> {
        Ok(None)
    }

    /// One page of restaurants.
    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError>;

    /// A restaurant with one page of its reviews, newest first. `None`: there is no such restaurant.
    async fn details(
        &self,
        id: RestaurantId,
        from: Option<(Direction, ReviewCursor)>,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError>;

    /// Adds a restaurant. If the same submission has been saved before, that restaurant's id.
    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError>;

    /// Adds a review. A photo that it names is claimed by it.
    async fn add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
    ) -> Result<AddedReview, StoreError>;

    /// Notes that a photo is about to be stored which no review shows yet, so that it can be found
    /// and removed should its review never be saved.
    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError>;

    /// Whether that photo was announced and no review shows it.
    async fn is_unclaimed(&self, photo: &PhotoName) -> Result<bool, StoreError>;

    /// Photos that no review has shown for at least that long; at most 100.
    async fn unclaimed_photos(&self, for_at_least: Duration) -> Result<Vec<PhotoName>, StoreError>;

    /// Forgets a photo that is no longer stored.
    async fn forget_photo(&self, photo: &PhotoName) -> Result<(), StoreError>;

    /// Adds many restaurants with their reviews, all or none.
    async fn import(&self, restaurants: &[ImportedRestaurant]) -> Result<(), StoreError>;
}

/// Cuts rows (read with one more than the page holds) to a page in reading order, and says whether rows
/// come before it and after it.
fn one_page<T>(mut rows: Vec<T>, direction: Option<Direction>, size: usize) -> (Vec<T>, bool, bool) {
    let more = rows.len() > size;
    rows.truncate(size);
    match direction {
        None => (rows, false, more),
        Some(Direction::After) => (rows, true, more),
        Some(Direction::Before) => {
            rows.reverse();
            (rows, more, true)
        }
    }
}

fn bad_value(column: &str, value: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("{value} is not possible here").into(),
    }
}

/// A page of reviews from rows that were read with one more than it holds.
fn review_page(rows: Vec<Review>, direction: Option<Direction>) -> ReviewPage {
    let (reviews, has_before, has_after) = one_page(rows, direction, REVIEWS_PER_PAGE);
    ReviewPage {
        before: reviews.first().filter(|_| has_before).map(ReviewCursor::of),
        after: reviews.last().filter(|_| has_after).map(ReviewCursor::of),
        reviews,
    }
}

/// What became of a review whose insertion made that many rows, or failed.
fn added_review(rows: sqlx::Result<u64>) -> Result<AddedReview, StoreError> {
    match rows {
        Ok(0) => Ok(AddedReview::Repeated),
        Ok(_) => Ok(AddedReview::Added),
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(AddedReview::NoRestaurant),
        Err(error) => Err(error.into()),
    }
}
