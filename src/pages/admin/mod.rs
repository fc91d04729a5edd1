//! The staff pages, one file each, as for visitors. [`gate`] decides who gets in.

pub mod act_on_reviews;
pub mod delete_restaurants;
pub mod enter;
pub mod gate;
mod history;
pub mod home;
pub mod restaurant;
pub mod restaurants;
pub mod review;
pub mod reviews;

// Askama finds the filters by the name of this module.
use super::filters;
