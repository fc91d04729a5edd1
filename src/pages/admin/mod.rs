//! The staff pages, one file each, as for visitors. [`gate`] decides who gets in.

pub mod act_on_reviews;
pub mod add_review;
pub mod delete_restaurants;
pub mod enter;
pub mod gate;
mod gone;
mod history;
pub mod home;
pub mod restaurant;
pub mod restaurants;
pub mod review;
pub mod reviews;

// Askama finds the filters by the name of this module.
use super::filters;

/// The value of a filter that is on, off, or not used.
fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
