//! Restaurants and reviews, without HTTP and SQL, and the validation of forms.

mod paging;
mod restaurant;
mod review;
mod search;
mod submission;
mod text;

pub use paging::{Direction, ListCursor, ListPage, ListQuery, ReviewCursor, ReviewPage, Sort, SortKey};
pub use restaurant::{NewRestaurant, Restaurant, RestaurantForm, RestaurantId, RestaurantSummary};
pub use review::{NewReview, Rating, RatingSummary, Review, ReviewForm};
pub use search::Search;
pub use submission::SubmissionId;
pub use text::FieldErrors;
