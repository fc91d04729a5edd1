//! The web apps that have been used since this process started.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::future::join_all;

use super::app::{App, no_such_app};
use super::platform::Platform;
use crate::error::Result;
use crate::host::without_port;
use crate::reconcile::each;
use crate::state::{View as _, WebApp};
use crate::tutorial;

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
        let state = self.platform.azure.state();
        let web_app: WebApp = state.find(name).ok_or_else(|| no_such_app(name))?;
        let (name, uid) = (web_app.name().to_owned(), state.uid(web_app.id()));
        let mut apps = self.lock();
        if let Some(app) = apps.get(&name) {
            return Ok(app.clone());
        }
        let app = Arc::new(App::new(&name, uid, self.platform.clone())?);
        apps.insert(name, app.clone());
        Ok(app)
    }

    /// Brings every app in line with the state. Apps that were deleted are forgotten.
    pub(super) async fn reconcile(&self) -> Result<()> {
        let state = self.platform.azure.state();
        for app in state.all::<WebApp>() {
            self.get(app.name())?;
        }
        let done = join_all(self.all().into_iter().map(App::reconcile)).await;
        self.forget_deleted();
        done.into_iter().collect()
    }

    /// Keeps every app in line with the state.
    pub(super) async fn follow(self: Arc<Self>) {
        let azure = self.platform.azure.clone();
        let follow = move |name: String| {
            let apps = self.clone();
            async move { apps.follow_one(&name).await }
        };
        each::<WebApp, _>(&azure, follow).await;
    }

    /// Keeps an app in line with the state until it is deleted.
    async fn follow_one(&self, name: &str) {
        let Ok(app) = self.get(name) else { return };
        let mut changes = self.platform.azure.changes();
        loop {
            let is_deleted = app.is_deleted(&changes.borrow_and_update());
            if let Err(error) = app.clone().reconcile().await {
                tracing::warn!("{name}: {error}");
            }
            if is_deleted || changes.changed().await.is_err() {
                self.forget_deleted();
                return;
            }
        }
    }

    fn forget_deleted(&self) {
        let state = self.platform.azure.state();
        self.lock().retain(|_, app| !app.is_deleted(&state));
    }

    /// All apps that have been used.
    pub(super) fn all(&self) -> Vec<Arc<App>> {
        self.lock().values().cloned().collect()
    }

    /// The app with that host name, which may include a port.
    pub(super) fn with_host(&self, host: &str) -> Option<Arc<App>> {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() {
            let state = self.platform.azure.state();
            let tutorial = state.find::<WebApp>(tutorial::APP);
            let app = tutorial.or_else(|| state.all().next())?;
            return self.get(app.name()).ok();
        }
        let (label, domain) = name.split_once('.')?;
        let is_served = ["localhost", "azurewebsites.net"]
            .iter()
            .any(|name| domain.eq_ignore_ascii_case(name));
        is_served.then(|| self.get(label).ok()).flatten()
    }
}
