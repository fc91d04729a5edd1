//! The front end's certificates.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::azure::Azure;
use crate::certificates_by_name;
use crate::error::Result;
use crate::server::LOOPBACK;
use crate::state::WebApp;

/// The TLS configuration of the front end. One certificate is for this machine and `*.azurewebsites.net`. Each
/// `<app>.localhost` gets its own certificate, because clients reject `*.localhost`.
pub(super) fn config(azure: &Azure) -> Result<Arc<ServerConfig>> {
    let apps = azure.clone();
    let is_app = move |host: &str| {
        let exists = |name: &str| apps.read(|state| state.find::<WebApp>(name).is_some());
        host.strip_suffix(".localhost").is_some_and(exists)
    };
    certificates_by_name::config(azure, &["localhost", LOOPBACK, "*.azurewebsites.net"], is_app)
}
