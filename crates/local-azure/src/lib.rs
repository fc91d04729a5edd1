//! Azure on a laptop: the services that a passwordless web app uses. They issue signed tokens and validate them.
//!
//! In reading order:
//!
//! - [`state`]: the resources, principals and role assignments, which are kept in one file.
//! - [`tokens`]: Entra's access tokens and the keys that sign them.
//! - [`certificates`]: the certificate authority that signs every HTTPS address.
//! - [`faults`]: faults that a developer injects.
//! - [`Azure`]: the handle that combines these and that every service holds.
//! - [`server`], [`proxy`] and [`process`]: how an address is served, how a request is forwarded, and how a program is
//!   supervised so that it does not outlive this process.
//! - [`identity`]: the managed identity endpoints of App Service and IMDS, which issue tokens to apps.
//! - [`entra`]: the tenant's authority, which publishes keys and issues tokens to applications that authenticate.
//! - [`postgres`]: PostgreSQL flexible servers: the machine's own PostgreSQL with a judge of tokens.
//! - [`storage`]: Blob Storage: Azurite behind a front door that checks tokens and roles.
//! - `reconcile`: keeps what runs equal to the state.
//! - [`app_service`]: web apps, which are deployed, started, supervised and reached as on App Service on Linux.
//! - [`kudu`]: the deployment service of the web apps.
//! - [`network`]: a network in which programs find these services under Azure's names.
//! - [`arm`]: Azure Resource Manager, the control plane.
//! - [`graph`]: Microsoft Graph, the directory.
//! - [`testing`]: all of these services for the integration tests of an app.
//! - [`tutorial`]: the tutorial's resources.
//! - [`up`]: the command `local-azure up`. The other commands ([`command`]) are sent to it over a socket ([`control`]),
//!   except [`logs`], [`reset`], [`shell`] with its [`browser`], and [`storage::fetch`].
//!
//! Everything listens on loopback only. Apps do not depend on this crate: they see only addresses, and the variables
//! that App Service sets.

pub mod app_service;
pub mod arm;
mod azure;
mod azure_cli;
mod bearer;
mod body;
pub mod browser;
pub mod certificates;
mod certificates_by_name;
pub mod command;
pub mod control;
pub mod entra;
mod error;
pub mod faults;
mod files;
mod folder_lock;
pub mod graph;
mod host;
pub mod identity;
mod identity_headers;
pub mod kudu;
mod log_time;
pub mod logs;
pub mod network;
pub mod odata;
mod one_line;
mod open_folder;
pub mod postgres;
pub mod process;
pub mod proxy;
mod reconcile;
pub mod reset;
pub mod server;
pub mod shell;
mod shell_quote;
pub mod state;
mod state_folder;
pub mod storage;
mod tail;
pub mod testing;
pub mod tls;
pub mod tokens;
pub mod tutorial;
pub mod up;
pub mod url_path;
pub mod watch;

pub use self::azure::Azure;
pub use self::error::{Error, Result};
pub use self::identity_headers::IdentityHeaders;
