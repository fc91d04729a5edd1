//! What the staff pages and the writer's private link need of a store. Every change is recorded in the same transaction
//! as the change itself, with the name of the person who made it.

use std::collections::HashMap;

use async_trait::async_trait;

use super::error::StoreError;
use crate::model::{
    ListPage, ListQuery, NewRestaurant, NewReview, Outcome, Recorded, RestaurantFilter, RestaurantId, ReviewAction,
    ReviewChange, ReviewId, SeenRestaurant, StaffRestaurant, StaffReview, StaffReviewPage, StaffReviewQuery, Subject,
    SubmissionId, Versioned,
};
use crate::photos::PhotoName;

/// Reviews on one page of the staff's list.
pub const STAFF_REVIEWS_PER_PAGE: usize = 50;
/// Changes on one page of the history.
pub const CHANGES_PER_PAGE: usize = 50;

/// Restaurants and reviews as the staff sees and changes them.
#[async_trait]
pub trait StaffStore: Send + Sync {
    /// One page of reviews, of all restaurants, hidden ones included.
    async fn staff_reviews(&self, query: &StaffReviewQuery) -> Result<StaffReviewPage, StoreError>;

    /// One page of the restaurants that match the search and the filter.
    async fn staff_restaurants(&self, query: &ListQuery, filter: &RestaurantFilter) -> Result<ListPage, StoreError>;

    /// The number of hidden reviews of each of these restaurants that has any.
    async fn hidden_reviews(&self, of: &[RestaurantId]) -> Result<HashMap<RestaurantId, u64>, StoreError>;

    /// Those of these reviews that exist, in the order of their ids.
    async fn staff_reviews_by_id(&self, ids: &[i64]) -> Result<Vec<StaffReview>, StoreError>;

    /// Those of these restaurants that exist, in the order of their ids.
    async fn staff_restaurants_by_id(&self, ids: &[RestaurantId]) -> Result<Vec<StaffRestaurant>, StoreError>;

    /// The review with this hash of its writer's key.
    async fn review_of_writer(&self, key_hash: [u8; 32]) -> Result<Option<StaffReview>, StoreError>;

    /// Adds a restaurant and returns its id. If the same submission was saved before, returns the id of that
    /// restaurant, and records nothing.
    async fn staff_add_restaurant(
        &self,
        new: &NewRestaurant,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<RestaurantId, StoreError>;

    /// Adds a review, which claims the photo that it names, and returns its id; `None` if the restaurant does not exist. If
    /// the same submission was saved before, returns the id of that review, and records nothing.
    async fn staff_add_review(
        &self,
        restaurant: RestaurantId,
        new: &NewReview,
        photo: Option<&PhotoName>,
        submission: Option<&SubmissionId>,
        by: &str,
    ) -> Result<Option<ReviewId>, StoreError>;

    /// Changes the texts of a restaurant. If it has them already, nothing is to be done, whatever version was seen: the
    /// same form may be sent twice.
    async fn change_restaurant(&self, seen: Versioned, new: &NewRestaurant, by: &str) -> Result<Outcome, StoreError>;

    /// Deletes these restaurants with their reviews, and returns the photos that no review shows any more. Deletes nothing
    /// and returns `None` if a restaurant or one of its reviews is not as it was seen.
    async fn delete_restaurants(&self, seen: &[SeenRestaurant], by: &str)
    -> Result<Option<Vec<PhotoName>>, StoreError>;

    /// Changes a review. If it is so already, nothing is to be done, whatever version was seen: the same form may be sent
    /// twice. A photo that takes another one's place must have been announced.
    async fn change_review(&self, seen: Versioned, change: &ReviewChange, by: &str) -> Result<Outcome, StoreError>;

    /// Hides, shows or deletes those of these reviews that still have the version that was seen. Returns them as they
    /// were.
    async fn act_on_reviews(
        &self,
        seen: &[Versioned],
        action: ReviewAction,
        by: &str,
    ) -> Result<Vec<StaffReview>, StoreError>;

    /// Deletes a review for its writer, who wants it gone: the history keeps that it was deleted, but none of its texts.
    async fn take_back_review(&self, seen: Versioned, by: &str) -> Result<Outcome, StoreError>;

    /// At most 100 hidden reviews whose photos still have the name from before, which visitors may know, with these photos.
    async fn exposed_photos(&self) -> Result<Vec<(i64, PhotoName)>, StoreError>;

    /// Gives a hidden review another name for the same photo, unless it has changed or is no longer hidden. Then its photo
    /// is no longer exposed. Returns whether it did.
    async fn rename_hidden_photo(&self, review: i64, from: &PhotoName, to: &PhotoName) -> Result<bool, StoreError>;

    /// The latest changes, or those before the change with this number. One more than a page has, if there are more.
    async fn history(&self, of: Subject, before: Option<i64>) -> Result<Vec<Recorded>, StoreError>;
}
