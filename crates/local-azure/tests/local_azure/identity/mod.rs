//! The managed identity endpoints and the tenant's authority, judged by clients that others wrote, and by their pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod app_service;
mod clients;
mod entra;
mod faults;
mod imds;
mod rig;
