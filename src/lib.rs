//! Restaurant reviews: the Rust counterpart of Microsoft's Django tutorial for Azure App Service.
//!
//! Read it in this order:
//!
//! 1. [`config`]: the site's settings, their meanings and their defaults; [`dotenv`]: the file that may have them.
//! 2. [`routes`]: every URL of the site, and the layers around them.
//! 3. [`pages`]: one file for each page, with the handler beside its template.
//! 4. [`model`]: restaurants and reviews, and how a form becomes one of them.
//! 5. [`store`]: where restaurants and reviews are stored; [`photos`]: where photos are stored; [`photo_cleanup`]: how
//!    photos without a review are removed; [`folding`]: how restaurants that other programs write become searchable.
//! 6. [`cache`]: rendered pages, cached until their content changes.
//! 7. [`azure`]: signing in without a password; [`tls`]: the cryptography for it.
//! 8. [`web`], [`assets`] and [`error`]: what pages share; [`private_files`]: what both stores write.
//! 9. [`app`], [`open`] and [`server`]: opening all of it, listening, stopping; [`connections`]: the limits of clients;
//!    [`readiness`]: whether it can work now; [`logging`], [`telemetry`] and [`gauges`]: what it says about itself; [`check`] and [`backup`]: commands for operators.
//!
//! No module imports a module that imports it back, directly or through others.

pub mod app;
pub mod assets;
pub mod azure;
pub mod backup;
pub mod cache;
pub mod check;
pub mod config;
pub mod connections;
mod disk;
pub mod dotenv;
pub mod error;
pub mod error_chain;
pub mod folding;
pub mod gauges;
pub mod healthcheck;
mod log_limit;
mod log_queue;
pub mod logging;
pub mod model;
pub mod open;
pub mod pages;
pub mod photo_cleanup;
pub mod photos;
pub mod private_files;
pub mod readiness;
pub mod routes;
pub mod seed;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod web;
