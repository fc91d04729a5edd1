//! A web app: its instances, and which of them serves a request.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use uuid::Uuid;

use super::affinity;
use super::authentication::Memory;
use super::configuration::Configuration;
use super::deployment::Deployments;
use super::instance::{Instance, InstanceStatus, Stop};
use super::log::log_platform;
use super::package::Site;
use super::platform::Platform;
use crate::error::{Error, Result};
use crate::state::{State, View as _, WebApp};
use crate::state_folder::{claim, is_claimed};

/// A web app.
pub(super) struct App {
    pub(super) name: String,
    uid: Uuid,
    folder: PathBuf,
    pub(super) platform: Arc<Platform>,
    pub(super) site: Site,
    pub(super) deployments: Deployments,
    /// Who is signed in, with App Service Authentication.
    pub(super) visitors: Memory,
    instances: Mutex<Instances>,
    changes: watch::Sender<()>,
    /// Held during operations that start or stop instances.
    pub(super) operation: tokio::sync::Mutex<()>,
}

/// The instances of an app.
#[derive(Default)]
pub(super) struct Instances {
    /// Whether the app is meant to be running.
    pub(super) started: bool,
    /// The generation that is meant to run. When its instances are ready, those of earlier generations are stopped.
    pub(super) generation: u64,
    /// How many generations there have been.
    pub(super) generations: u64,
    pub(super) all: Vec<Arc<Instance>>,
    /// What the generation was started with.
    pub(super) configuration: Option<Arc<Configuration>>,
}

impl Instances {
    /// The instances of the generation that is meant to run.
    fn latest(&self) -> impl Iterator<Item = &Arc<Instance>> + Clone {
        self.all.iter().filter(|one| one.generation == self.generation)
    }
}

/// How a request is handled.
pub(super) enum Pick {
    /// This instance serves it.
    Instance(Arc<Instance>),
    /// It waits, because no instance is ready yet.
    Wait,
    /// It fails, because the app fails to start.
    Failed,
    /// No instance is meant to run.
    NotRunning,
}

impl App {
    /// `uid` is that of the resource.
    pub(super) fn new(name: &str, uid: Uuid, platform: Arc<Platform>) -> Result<Self> {
        // The app's folder has the same name.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::Refused(format!(
                "{name:?} is not a valid web app name: use letters, digits and hyphens"
            )));
        }
        let folder = platform.azure.subfolder("apps")?.join(name);
        claim(&folder, uid)?;
        let site = Site::open(folder.clone())?;
        Ok(Self {
            name: name.to_owned(),
            uid,
            platform,
            deployments: Deployments::open(site.deployments()),
            site,
            folder,
            visitors: Memory::default(),
            instances: Mutex::default(),
            changes: watch::Sender::new(()),
            operation: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn instances(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().expect("no thread panics while holding the lock")
    }

    /// The app in the state, unless it has been deleted.
    pub(super) fn web_app(&self) -> Option<WebApp> {
        self.web_app_in(&self.platform.azure.state())
    }

    pub(super) fn web_app_in(&self, state: &State) -> Option<WebApp> {
        let app: WebApp = state.find(&self.name)?;
        (state.uid(app.id()) == self.uid).then_some(app)
    }

    /// Whether it has been deleted, even if there is another app of its name.
    pub(super) fn is_deleted(&self, state: &State) -> bool {
        self.web_app_in(state).is_none()
    }

    /// Whether the folder with its files is still its own.
    pub(super) fn owns_folder(&self) -> bool {
        is_claimed(&self.folder, self.uid)
    }

    /// Logs a platform message about an instance.
    pub(super) fn log(&self, instance: &Instance, message: &str) {
        log_platform(&self.site.log_folder(), instance.number, message);
    }

    /// Wakes the tasks that wait for the instances to change.
    pub(super) fn notify(&self) {
        self.changes.send_replace(());
    }

    /// A receiver that is notified of every change to the instances.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits until the instances meet the condition.
    pub(super) async fn wait_until(&self, changes: &mut watch::Receiver<()>, is_met: impl Fn(&Instances) -> bool) {
        while !is_met(&self.instances()) {
            let _ = changes.changed().await;
        }
    }

    pub(super) fn status(&self) -> Vec<InstanceStatus> {
        let mut status: Vec<_> = self.instances().all.iter().map(|one| one.status()).collect();
        status.sort_by_key(|one| one.number);
        status
    }

    /// Waits until all instances of the latest generation are ready.
    pub(super) async fn wait_ready(self: Arc<Self>) -> Result<()> {
        let mut changes = self.changes();
        loop {
            if let Some(outcome) = self.start_outcome() {
                return outcome;
            }
            let _ = changes.changed().await;
        }
    }

    /// The outcome of the latest start, or `None` if it is still in progress.
    fn start_outcome(&self) -> Option<Result<()>> {
        let instances = self.instances();
        if !instances.started {
            return Some(Err(Error::Refused(format!("{} is not running", self.name))));
        }
        let mut latest = instances.latest();
        if latest.clone().all(|one| one.serving().is_some()) {
            return Some(Ok(()));
        }
        let why = latest.find_map(|one| one.final_failure())?;
        Some(Err(Error::Refused(why)))
    }

    /// Stops sending requests to the instances of earlier generations that this instance, which is now ready, replaces.
    pub(super) fn instance_ready(&self, instance: &Instance) {
        let instances = self.instances();
        let count = u32::try_from(instances.latest().count()).unwrap_or(u32::MAX);
        for old in &instances.all {
            let is_replaced = old.number == instance.number || old.number >= count;
            if old.generation < instance.generation && is_replaced {
                old.stop(Stop::Drained);
            }
        }
        drop(instances);
        self.notify();
    }

    /// Removes an instance that has ended, and the versions of the app that are no longer used.
    pub(super) fn instance_ended(&self, instance: &Instance) {
        let mut instances = self.instances();
        instances.all.retain(|one| !std::ptr::eq(one.as_ref(), instance));
        drop(instances);
        self.notify();
        // If an operation is in progress, it uses a version. The next instance to end removes those that are left.
        if let Ok(_operation) = self.operation.try_lock() {
            self.remove_unused_versions();
        }
    }

    /// Removes the versions that are neither deployed nor run. No operation may be in progress.
    pub(super) fn remove_unused_versions(&self) {
        let in_use: Vec<_> = self.instances().all.iter().map(|one| one.folder.clone()).collect();
        // A version may have many thousand files.
        tokio::task::block_in_place(|| self.site.remove_unused(&in_use));
    }

    /// Picks the instance for the next request. `cookie` identifies the instance that served the visitor before.
    pub(super) fn pick(&self, cookie: Option<&str>) -> Pick {
        let instances = self.instances();
        if !instances.started {
            return Pick::NotRunning;
        }
        let is_serving = |one: &&Arc<Instance>| one.serving().is_some();
        let newest = instances.all.iter().filter(is_serving).map(|one| one.generation).max();
        let Some(newest) = newest else {
            return if instances.latest().any(|one| one.has_failed()) {
                Pick::Failed
            } else {
                Pick::Wait
            };
        };
        let all = instances.all.iter().filter(|one| one.generation == newest);
        let (mut candidates, unhealthy): (Vec<_>, Vec<_>) = all.filter(is_serving).partition(|one| one.is_healthy());
        // The health check takes at most half of the instances out of rotation.
        let half = (candidates.len() + unhealthy.len()).div_ceil(2);
        candidates.extend(unhealthy.into_iter().take(half.saturating_sub(candidates.len())));
        let mut previous = candidates.iter();
        let previous = cookie.and_then(|cookie| previous.find(|one| affinity::value(&one.id) == cookie));
        let one = previous.unwrap_or_else(|| &candidates[fastrand::usize(..candidates.len())]);
        Pick::Instance(Arc::clone(one))
    }
}

/// The error for an unknown web app.
pub(super) fn no_such_app(name: &str) -> Error {
    Error::Refused(format!("there is no web app {name}"))
}
