//! The web apps that have been used since this process started.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use super::app::{App, no_such_app};
use super::platform::Platform;
use crate::error::Result;
use crate::host::without_port;
use crate::state::State;

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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<App>>> {
        self.apps.lock().expect("no thread panics while holding the lock")
    }

    /// The web app with that name. The case of the name is ignored.
    pub(super) fn get(&self, name: &str) -> Result<Arc<App>> {
        let name = self.platform.azure.read(|state| {
            let mut apps = state.web_apps.iter();
            let app = apps.find(|app| app.name.eq_ignore_ascii_case(name));
            app.map(|app| app.name.clone()).ok_or_else(|| no_such_app(name))
        })?;
        let mut apps = self.lock();
        if let Some(app) = apps.get(&name) {
            return Ok(app.clone());
        }
        let app = Arc::new(App::new(&name, self.platform.clone())?);
        apps.insert(name, app.clone());
        Ok(app)
    }

    /// The web app with that name, even if it has been deleted from the state.
    pub(super) fn get_or_deleted(&self, name: &str) -> Result<Arc<App>> {
        self.get(name).or_else(|error| {
            let mut apps = self.all().into_iter();
            apps.find(|app| app.name.eq_ignore_ascii_case(name)).ok_or(error)
        })
    }

    /// Removes an app that has been stopped.
    pub(super) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    /// All apps that have been used.
    pub(super) fn all(&self) -> Vec<Arc<App>> {
        self.lock().values().cloned().collect()
    }

    /// The app with that host name, which may include a port.
    pub(super) fn with_host(&self, host: &str) -> Option<Arc<App>> {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() {
            let first = |state: &State| Some(state.web_apps.first()?.name.clone());
            return self.get(&self.platform.azure.read(first)?).ok();
        }
        let (label, domain) = name.split_once('.')?;
        let is_served = ["localhost", "azurewebsites.net"]
            .iter()
            .any(|name| domain.eq_ignore_ascii_case(name));
        is_served.then(|| self.get(label).ok()).flatten()
    }
}
