//! Restaurants and reviews, without HTTP and SQL, and the validation of forms.

mod capability;
mod folding;
mod number;
mod paging;
mod restaurant;
mod review;
mod review_paging;
mod search;
mod staff;
mod staff_list;
mod submission;
mod text;

pub use capability::Capability;
pub use folding::{FOLDING, alike, sort_key};
pub use paging::{COUNTED_MAX, Direction, ListCursor, ListPage, ListQuery, Sort, SortKey};
pub use restaurant::{NewRestaurant, Restaurant, RestaurantForm, RestaurantId, RestaurantSummary};
pub use review::{NewReview, Rating, RatingSummary, Review, ReviewForm};
pub use review_paging::{ReviewCursor, ReviewPage, ReviewPhoto, ReviewQuery, ReviewSort};
pub use search::{Search, SearchText, Term, Token};
pub use staff::{
    Done, Entry, Outcome, PhotoChange, Recorded, ReviewAction, ReviewChange, ReviewId, SeenRestaurant, StaffRestaurant,
    StaffReview, Subject, Versioned, restaurant_text, review_text,
};
pub use staff_list::{RestaurantFilter, ReviewFilter, ReviewOrder, StaffCursor, StaffReviewPage, StaffReviewQuery};
pub use submission::SubmissionId;
pub use text::{FieldErrors, without_direction_controls};
