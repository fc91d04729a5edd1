//! Tests the managed identity endpoints and the tenant's authority with the official libraries and with plain requests.

mod app_service;
mod authorize;
mod clients;
mod direct;
mod entra;
mod faults;
mod imds;
mod msal;
mod page;
mod signed_in;
mod users;
