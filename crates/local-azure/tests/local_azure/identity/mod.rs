//! The managed identity endpoints and the tenant's authority, judged by the official libraries and by plain requests.

mod app_service;
mod clients;
mod entra;
mod faults;
mod imds;
