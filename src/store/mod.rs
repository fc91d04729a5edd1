//! Where restaurants and reviews are stored.
//!
//! [`Store`] has the few queries and changes that the site needs. [`PostgresStore`] implements it in Azure, and
//! wherever `DBHOST` names a server; [`SqliteStore`] implements it in a file, so that a first run needs only Rust. Both
//! pass the same conformance suite (`tests/site/store.rs`).

mod error;
mod line;
mod postgres;
mod rows;
mod sqlite;
mod staff;
mod staff_rows;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use time::OffsetDateTime;

pub use self::error::StoreError;
pub use self::postgres::{PostgresStore, SignIn};
pub use self::sqlite::{SqliteStore, copy as copy_sqlite};
pub use self::staff::{CHANGES_PER_PAGE, STAFF_REVIEWS_PER_PAGE, StaffStore};
use crate::model::{
    Capability, ListPage, ListQuery, NewRestaurant, NewReview, Restaurant, RestaurantId, ReviewPage, ReviewPhoto,
    ReviewQuery, SubmissionId,
};
use crate::photos::PhotoName;

/// Restaurants on one page of the list.
pub const RESTAURANTS_PER_PAGE: usize = 50;
/// Reviews on one page of a restaurant.
pub const REVIEWS_PER_PAGE: usize = 20;
/// Photos of a restaurant above its reviews, and in the viewer.
pub const PHOTOS_PER_RESTAURANT: usize = 60;
/// Restaurants that the sitemap lists.
pub const SITEMAP_RESTAURANTS: usize = 10_000;

/// The result of adding a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedReview {
    /// It is saved.
    Added,
    /// The same form was sent before, so no second review is added.
    Repeated,
    /// The restaurant does not exist.
    NoRestaurant,
}

/// The connections of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// Those in use.
    pub used: usize,
    /// Open ones that are not in use.
    pub idle: usize,
    /// How many requests wait for one.
    pub waiting: usize,
}

/// A restaurant with its reviews and their dates, as demo data defines them.
#[derive(Debug, Clone)]
pub struct ImportedRestaurant {
    /// The restaurant.
    pub restaurant: NewRestaurant,
    /// When it was added.
    pub created_at: OffsetDateTime,
    /// Its reviews, each with its date and perhaps a stored photo.
    pub reviews: Vec<(NewReview, OffsetDateTime, Option<PhotoName>)>,
}

/// A report to a follower of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// This restaurant or its reviews changed, or it was added or deleted.
    Restaurant(RestaurantId),
    /// Anything may have changed.
    Everything,
    /// Every change that was committed before this moment has been reported.
    HeardUntil(Instant),
}

/// A stream of all changes to the store, including those made by other programs.
#[async_trait]
pub trait Changes: Send {
    /// Waits for the next report. `None` asks the follower to start a new stream; an error means that changes can no
    /// longer be followed.
    async fn next(&mut self) -> Result<Option<Change>, StoreError>;
}

/// Restaurants, reviews, and the names of photos that no review shows.
#[async_trait]
pub trait Store: StaffStore {
    /// The kind and location of the store, for the start-up log.
    fn describe(&self) -> String;

    /// Succeeds if the store can be reached and its tables have at least this program's version.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Migrates the tables to this program's version, unless another instance has done so. Retried at start until it
    /// succeeds; queries fail until then.
    async fn prepare(&self) -> Result<(), StoreError>;

    /// Succeeds if the site may do all that it needs here. It takes longer than [`Self::ready`], and changes nothing.
    /// [`StoreError::NotMigrated`] means that the next [`Self::prepare`] may create the tables.
    async fn check(&self) -> Result<(), StoreError>;

    /// A problem that prevents only part of the work, or will prevent it, as `/readyz` shows it.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// The connections of the pool. `None` if the store is a file.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Follows changes from now on. `None` if the store cannot report its changes.
    async fn changes(&self) -> Result<Option<Box<dyn Changes>>, StoreError> {
        Ok(None)
    }

    /// Folds the texts of some restaurants that another program wrote, or another version of this one with an earlier
    /// folding: until then, a search finds them only by roughly the same spelling. Returns their number; 0 if there are
    /// none.
    async fn fold_some(&self) -> Result<usize, StoreError>;

    /// One page of restaurants.
    async fn list(&self, query: &ListQuery) -> Result<ListPage, StoreError>;

    /// A restaurant with one page of its reviews. `None` if it does not exist.
    async fn details(
        &self,
        id: RestaurantId,
        query: &ReviewQuery,
    ) -> Result<Option<(Restaurant, ReviewPage)>, StoreError>;

    /// The ids of the newest restaurants, at most [`SITEMAP_RESTAURANTS`].
    async fn newest_restaurants(&self) -> Result<Vec<RestaurantId>, StoreError>;

    /// The newest photos of a restaurant, at most [`PHOTOS_PER_RESTAURANT`].
    async fn photos(&self, id: RestaurantId) -> Result<Vec<ReviewPhoto>, StoreError>;

    /// Adds a restaurant and returns its id. If the same submission was saved before, returns the id of that
    /// restaurant.
    async fn add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
    ) -> Result<RestaurantId, StoreError>;

    /// Adds a review, which claims the photo that it names. Whoever has the capability may change it later.
    async fn add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        writer: Option<&Capability>,
    ) -> Result<AddedReview, StoreError>;

    /// Records that a photo will be stored before its review is saved, so that the photo can be removed if the review
    /// is never saved.
    async fn announce_photo(&self, photo: &PhotoName) -> Result<(), StoreError>;

    /// Whether the photo was announced and no review shows it.
    async fn is_unclaimed(&self, photo: &PhotoName) -> Result<bool, StoreError>;

    /// At most 100 photos that no review has shown for at least this long.
    async fn unclaimed_photos(&self, for_at_least: Duration) -> Result<Vec<PhotoName>, StoreError>;

    /// Removes the record of a photo that is no longer stored.
    async fn forget_photo(&self, photo: &PhotoName) -> Result<(), StoreError>;

    /// Adds many restaurants with their reviews, all or none.
    async fn import(&self, restaurants: &[ImportedRestaurant]) -> Result<(), StoreError>;
}

/// The result of an insertion that added this many reviews, or failed.
fn added_review(rows: sqlx::Result<u64>) -> sqlx::Result<AddedReview> {
    match rows {
        Ok(0) => Ok(AddedReview::Repeated),
        Ok(_) => Ok(AddedReview::Added),
        Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(AddedReview::NoRestaurant),
        Err(error) => Err(error),
    }
}
