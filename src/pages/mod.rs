//! The pages, one file each: the handler beside its template.

pub mod add_restaurant;
pub mod add_review;
pub mod details;
pub mod error;
mod filters;
pub mod health;
pub mod list;
pub mod photo;
pub mod sitemap;
