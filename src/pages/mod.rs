//! The pages, one file each: the handler beside its template.

pub mod add_restaurant;
pub mod add_review;
pub mod assets;
pub mod details;
mod filters;
pub mod health;
pub mod list;
pub mod photo;
