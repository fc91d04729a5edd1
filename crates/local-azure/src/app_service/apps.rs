//! The web apps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::app::{App, no_such_app};
use super::names::app_at;
use super::platform::Platform;
use crate::error::{Error, Result};
use crate::reconcile::each;
use crate::state::{View as _, WebApp};

/// The pause before an app that could not be brought in line with the state is tried again.
const RETRY: Duration = Duration::from_secs(5);

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
            if app.is_deleted(&state) {
                return Err(Error::Refused(format!(
                    "{name} is being deleted, because its instances are still stopping: try again in a moment"
                )));
            }
            return Ok(app.clone());
        }
        let app = Arc::new(App::new(&name, uid, self.platform.clone())?);
        apps.insert(name, app.clone());
        Ok(app)
    }

    /// The app with that name that was deleted from the state, but is not yet gone.
    pub(super) fn deleted(&self, name: &str) -> Option<Arc<App>> {
        let state = self.platform.azure.state();
        let mut all = self.all().into_iter();
        all.find(|app| app.name.eq_ignore_ascii_case(name) && app.is_deleted(&state))
    }

    /// Stops an app that was deleted from the state, and deletes its files.
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        let Some(app) = self.deleted(name) else {
            return Ok(());
        };
        app.clone().reconcile().await?;
        self.forget(&app);
        Ok(())
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
        let app = match self.get(name) {
            Ok(app) => app,
            Err(error) => {
                tracing::warn!("{name} cannot be run: {error}");
                return;
            }
        };
        let mut changes = self.platform.azure.changes();
        loop {
            let is_deleted = app.is_deleted(&changes.borrow_and_update());
            let done = app.clone().reconcile().await;
            if let Err(error) = &done {
                tracing::warn!("{name}: {error}");
            }
            if is_deleted {
                self.forget(&app);
                return;
            }
            // What has failed is tried again, even if nothing changes.
            let pause = if done.is_ok() { Duration::MAX } else { RETRY };
            let waited = tokio::time::timeout(pause, changes.changed()).await;
            if matches!(waited, Ok(Err(_))) {
                return;
            }
        }
    }

    /// Forgets an app whose files were deleted.
    fn forget(&self, app: &Arc<App>) {
        self.lock().retain(|_, other| !Arc::ptr_eq(other, app));
    }

    /// All apps that have been used.
    pub(super) fn all(&self) -> Vec<Arc<App>> {
        self.lock().values().cloned().collect()
    }

    /// The app with that host name, which may include a port.
    pub(super) fn with_host(&self, host: &str) -> Option<Arc<App>> {
        let name = app_at(&self.platform.azure.state(), host)?;
        self.get(&name).ok()
    }
}
