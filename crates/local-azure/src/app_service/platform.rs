//! The platform that all web apps share.

use std::collections::BTreeMap;
use std::sync::{OnceLock, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;

use super::replacements::Replacements;
use crate::azure::Azure;
use crate::network::NetworkFiles;
use crate::proxy::Client;

/// The options of the platform. The defaults are Azure's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The front end's port for HTTPS. 0 selects a free one.
    pub https_port: u16,
    /// The front end's port for HTTP. 0 selects a free one.
    pub http_port: u16,
    /// The interval between two health checks of an instance.
    pub health_check_interval: Duration,
    /// How long an instance may be unhealthy before it is replaced.
    pub replace_after: Duration,
    /// How long a request may wait for an instance, for the start of the response, and for each further part of it.
    pub request_limit: Duration,
    /// The files of the networks in which instances run. Without them, all instances share the network of this machine.
    pub network: Option<NetworkFiles>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            https_port: 0,
            http_port: 0,
            health_check_interval: Duration::from_mins(1),
            replace_after: Duration::from_hours(1),
            request_limit: Duration::from_secs(230),
            network: None,
        }
    }
}

/// The state that all web apps share.
pub(super) struct Platform {
    pub(super) azure: Azure,
    pub(super) identity_endpoint: String,
    pub(super) options: Options,
    pub(super) https_port: u16,
    pub(super) http_port: u16,
    /// Runs everything except the front end.
    pub(super) runtime: Handle,
    /// Sends the platform's own requests.
    pub(super) client: Client,
    pub(super) replacements: Replacements,
    /// Variables that take the place of app settings while all instances share the network of this machine.
    pub(super) addresses: RwLock<BTreeMap<String, String>>,
    /// The URL of the tenant's authority (Entra) for a browser on this machine, once it runs. It ends with a slash.
    pub(super) authority: OnceLock<String>,
    /// The port of the storage accounts on this machine, once they run.
    pub(super) blob_port: OnceLock<u16>,
}

impl Platform {
    /// The app's own host name on this machine, with the port unless it is 443.
    pub(super) fn local_host(&self, app: &str) -> String {
        match self.https_port {
            443 => format!("{app}.localhost"),
            port => format!("{app}.localhost:{port}"),
        }
    }
}
