//! Restaurant reviews: the Rust answer to Microsoft's Django tutorial for Azure App Service.
//!
//! Read it in this order:
//!
//! 1. [`config`]: every environment variable, what it means and its default.
//! 2. [`routes`]: every address of the site and the layers around it, as two lists.
//! 3. [`pages`]: one file a page, the handler beside its template.
//! 4. [`model`]: restaurants, reviews, and how a form becomes one of them.
//! 5. [`store`]: where restaurants and reviews live; [`photos`]: where photos live.
//! 6. [`cache`]: rendered pages, kept until what they show changes.
//! 7. [`azure`]: signing in without a password; [`tls`]: the cryptography under it.
//! 8. [`error`] and [`web`]: what pages share: error pages, forms, notices.
//! 9. [`open`] and [`server`]: opening all of that, listening, stopping.

pub mod app;
pub mod azure;
pub mod cache;
pub mod check;
pub mod config;
pub mod error;
pub mod error_chain;
pub mod healthcheck;
pub mod logging;
pub mod model;
pub mod open;
pub mod pages;
pub mod photos;
pub mod routes;
pub mod seed;
pub mod server;
pub mod store;
pub mod tls;
pub mod web;
