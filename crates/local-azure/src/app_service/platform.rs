//! What all web apps share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;

use super::app::{App, no_such_app};
use super::health::Replacements;
use crate::Result;
use crate::proxy::Client;
use crate::state::Azure;

/// How the platform works; the defaults are Azure's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The port of the front end for HTTPS; 0: a free one.
    pub https_port: u16,
    /// The port of the front end for HTTP; 0: a free one.
    pub http_port: u16,
    /// How often instances are asked whether they are well.
    pub health_check_interval: Duration,
    /// After how long an unhealthy instance is replaced.
    pub replace_after: Duration,
    /// How long a request may wait: for an instance, for the answer's begin, for its next part.
    pub request_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            https_port: 0,
            http_port: 0,
            health_check_interval: Duration::from_mins(1),
            replace_after: Duration::from_hours(1),
            request_limit: Duration::from_secs(230),
        }
    }
}

/// What all web apps share.
pub(super) struct Platform {
    pub(super) azure: Azure,
    pub(super) identity_endpoint: String,
    pub(super) options: Options,
    pub(super) https_port: u16,
    /// Where everything but the front end runs.
    pub(super) runtime: Handle,
    /// For the platform's own requests.
    pub(super) client: Client,
    pub(super) replacements: Replacements,
}

impl Platform {
    /// The app's host name, with the port where it is not 443.
    pub(super) fn host(&self, app: &str) -> String {
        match self.https_port {
            443 => format!("{app}.localhost"),
            port => format!("{app}.localhost:{port}"),
        }
    }
}

/// The web apps.
pub(super) struct Apps {
    pub(super) platform: Arc<Platform>,
    apps: Mutex<BTreeMap<String, Arc<App>>>,
}

impl Apps {
    pub(super) fn new(platform: Platform) -> Self {
        Self {
            platform: Arc::new(platform),
            apps: Mutex::default(),
        }
    }

    /// The web app of that name, without regard to case.
    pub(super) fn get(&self, name: &str) -> Result<Arc<App>> {
        let name = self.platform.azure.read(|state| {
            let mut apps = state.web_apps.iter();
            let app = apps.find(|app| app.name.eq_ignore_ascii_case(name));
            app.map(|app| app.name.clone()).ok_or_else(|| no_such_app(name))
        })?;
        let mut apps = self.apps.lock().expect("nobody panics");
        if let Some(app) = apps.get(&name) {
            return Ok(app.clone());
        }
        let app = Arc::new(App::new(&name, self.platform.clone())?);
        apps.insert(name, app.clone());
        Ok(app)
    }

    /// The web app of that name, which need not be in the state any more.
    pub(super) fn get_or_deleted(&self, name: &str) -> Result<Arc<App>> {
        self.get(name).or_else(|error| {
            let mut apps = self.all().into_iter();
            apps.find(|app| app.name.eq_ignore_ascii_case(name)).ok_or(error)
        })
    }

    /// Those that were asked for.
    pub(super) fn all(&self) -> Vec<Arc<App>> {
        self.apps.lock().expect("nobody panics").values().cloned().collect()
    }

    /// The app that is meant by a host name, with or without a port.
    pub(super) fn of_host(&self, host: &str) -> Option<Arc<App>> {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() {
            let first = |state: &crate::state::State| Some(state.web_apps.first()?.name.clone());
            return self.get(&self.platform.azure.read(first)?).ok();
        }
        let (label, domain) = name.split_once('.')?;
        let ours = ["localhost", "azurewebsites.net"];
        let ours = ours.iter().any(|name| domain.eq_ignore_ascii_case(name));
        ours.then(|| self.get(label).ok()).flatten()
    }
}

/// A host name or address without its port.
pub(super) fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}
