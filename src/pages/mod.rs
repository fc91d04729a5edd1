//! The pages, one file each: the handler beside its template.

pub mod add_restaurant;
pub mod add_review;
pub mod admin;
pub mod details;
pub mod edit_review;
pub mod error;
mod filters;
pub mod health;
pub mod list;
pub mod photo;
mod review_change;
mod review_input;
pub mod sitemap;
