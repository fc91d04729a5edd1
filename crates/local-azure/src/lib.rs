//! Azure on a laptop: the parts of Azure that a passwordless web app works with, with tokens that are really
//! issued and really checked.
//!
//! In reading order:
//!
//! - [`state`]: what there is (identities, servers, accounts, web apps, role assignments), kept in one folder.
//! - [`tokens`]: Entra's access tokens: what they say, who signs them, how they are checked.
//! - [`certificates`]: the certificate authority that every HTTPS address here is signed by.
//! - [`server`], [`proxy`] and [`process`]: how an address is served, how a request is handed on to a program behind
//!   it, and how a program is run, so that none outlives us.
//! - [`identity`]: the managed identity endpoints, of App Service and of IMDS, where apps get their tokens.
//! - [`entra`]: the tenant's authority: published keys, and tokens for applications that prove who they are.
//! - [`postgres`]: PostgreSQL flexible servers, made of the machine's own PostgreSQL and a judge of tokens.
//! - [`storage`]: Blob Storage: Azurite behind a front door that checks tokens and roles.
//! - [`app_service`]: web apps: deployed, started, watched and reached as App Service on Linux does it.
//! - [`faults`]: what a developer makes fail on purpose.
//! - [`testing`]: all of these parts for the integration tests of an app.
//! - [`world`]: the tutorial's resources.
//! - [`up`]: the command `local-azure up`, and [`control`], by which the other commands ([`logs`] and [`reset`] aside)
//!   talk to it.
//!
//! Everything listens on loopback alone. The apps that run here know nothing of this crate: they see the variables
//! that App Service sets, and addresses.

pub mod app_service;
pub mod certificates;
pub mod control;
pub mod entra;
mod error;
pub mod faults;
pub mod identity;
pub mod logs;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod reset;
pub mod server;
pub mod state;
pub mod storage;
pub mod testing;
pub mod tls;
pub mod tokens;
pub mod up;
pub mod world;

pub use self::error::{Error, Result};
pub use self::state::Azure;
