//! What the site is about, free of HTTP and SQL: restaurants, reviews, and the parsing of what
//! people type into them.

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
