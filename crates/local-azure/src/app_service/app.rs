//! A web app that is run here: its instances, and which of them takes a request.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::affinity;
use super::instance::{Instance, InstanceStatus, Stop};
use super::life::live;
use super::log;
use super::package::{Package, Site};
use super::platform::Platform;
use super::settings::Settings;
use super::startup::instance_id;
use crate::state::WebApp;
use crate::{Error, Result};

/// After how many failed starts in a row nobody waits any longer.
const PATIENCE: u32 = 3;

/// A web app that is run here.
pub(super) struct App {
    pub(super) name: String,
    pub(super) platform: Arc<Platform>,
    pub(super) site: Site,
    running: Mutex<Running>,
    changes: watch::Sender<()>,
    /// Held by what changes which instances there are.
    orders: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Running {
    /// Whether it is to run.
    on: bool,
    /// How often it was started. The instances of an earlier start go when those of the last are ready.
    generation: u64,
    instances: Vec<Arc<Instance>>,
}

/// Who takes a request.
pub(super) enum Pick {
    /// That instance.
    Instance(Arc<Instance>),
    /// Nobody yet.
    Wait,
    /// Nobody, since the start fails.
    Failed,
    /// Nobody, since the app is stopped.
    Stopped,
    /// Nobody, since nothing is deployed.
    Empty,
}

impl App {
    pub(super) fn new(name: &str, platform: Arc<Platform>) -> Result<Self> {
        let folder = platform.azure.subfolder("apps")?.join(name);
        Ok(Self {
            name: name.to_owned(),
            platform,
            site: Site::open(folder)?,
            running: Mutex::default(),
            changes: watch::Sender::new(()),
            orders: tokio::sync::Mutex::default(),
        })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("nobody panics")
    }

    /// What the state says of it, unless it was deleted.
    pub(super) fn web_app(&self) -> Option<WebApp> {
        let find = |app: &&WebApp| app.name == self.name;
        self.platform
            .azure
            .read(|state| state.web_apps.iter().find(find).cloned())
    }

    /// Adds to the log of the platform.
    pub(super) fn say(&self, instance: &Instance, what: &str) {
        log::say(&self.site.log_folder(), instance.number, what);
    }

    /// Tells those who wait that something is different.
    pub(super) fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Who waits until something is different.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(super) fn status(&self) -> Vec<InstanceStatus> {
        let mut status: Vec<_> = self.running().instances.iter().map(|one| one.status()).collect();
        status.sort_by_key(|one| one.number);
        status
    }

    /// Unpacks a package and starts it.
    pub(super) async fn deploy(self: Arc<Self>, package: Package) -> Result<()> {
        let _orders = self.orders.lock().await;
        let site = self.site.clone();
        let unpack = tokio::task::spawn_blocking(move || site.deploy(&package));
        unpack.await.map_err(|error| Error::failed("the deployment", error))??;
        self.renew().await
    }

    /// Starts what is deployed, in place of what runs.
    pub(super) async fn restart(self: Arc<Self>) -> Result<()> {
        let _orders = self.orders.lock().await;
        self.renew().await
    }

    /// Ends all instances; the app answers 403 from then on.
    pub(super) async fn stop(self: Arc<Self>) {
        let _orders = self.orders.lock().await;
        self.running().on = false;
        self.end_all().await;
    }

    async fn end_all(&self) {
        let mut changes = self.changes();
        for instance in &self.running().instances {
            instance.stop(Stop::Now);
        }
        self.changed();
        self.until(&mut changes, |running| running.instances.is_empty()).await;
    }

    /// Starts new instances. The old ones go when the new ones are ready; before, if they hold the port.
    async fn renew(self: &Arc<Self>) -> Result<()> {
        let web_app = self.web_app().ok_or_else(|| no_such_app(&self.name))?;
        if web_app.startup_command.trim().is_empty() {
            return Err(Error::Refused(format!(
                "{} has no startup command, such as `exec ./start.sh`",
                self.name
            )));
        }
        if self.site.deployed().is_none() {
            return Err(Error::Refused(format!("nothing is deployed to {}", self.name)));
        }
        if Settings::of(&web_app).port.is_some() {
            self.end_all().await;
        }
        let mut running = self.running();
        for old in &running.instances {
            if old.serving().is_none() {
                old.stop(Stop::Now);
            }
        }
        running.on = true;
        running.generation += 1;
        self.fill(&mut running, web_app.instances);
        drop(running);
        self.changed();
        Ok(())
    }

    /// Starts the instances that are missing in the present generation.
    fn fill(self: &Arc<Self>, running: &mut Running, wanted: u32) {
        let Some(folder) = self.site.deployed() else { return };
        let generation = running.generation;
        for number in 0..wanted.max(1) {
            let mut there = running.instances.iter();
            if there.any(|one| one.number == number && one.generation == generation) {
                continue;
            }
            let id = self.platform.azure.read(|state| instance_id(state, &self.name, number));
            let instance = Arc::new(Instance::new(number, id, generation, folder.clone()));
            running.instances.push(instance.clone());
            self.platform.runtime.spawn(live(self.clone(), instance));
        }
    }

    /// Makes it so many instances; what is too many is drained first.
    pub(super) async fn scale(self: Arc<Self>, wanted: u32) -> Result<()> {
        let _orders = self.orders.lock().await;
        self.platform.azure.change(|state| {
            let mut apps = state.web_apps.iter_mut();
            let app = apps.find(|app| app.name == self.name);
            app.ok_or_else(|| no_such_app(&self.name))?.instances = wanted;
            Ok(())
        })?;
        let mut changes = self.changes();
        {
            let mut running = self.running();
            if !running.on {
                return Ok(());
            }
            for instance in &running.instances {
                if instance.number >= wanted {
                    instance.stop(Stop::Drained);
                }
            }
            self.fill(&mut running, wanted);
        }
        self.changed();
        let fits = |running: &Running| running.instances.iter().all(|one| one.number < wanted);
        self.until(&mut changes, fits).await;
        Ok(())
    }

    /// Waits until all instances of the last start are ready.
    pub(super) async fn wait_ready(self: Arc<Self>) -> Result<()> {
        let mut changes = self.changes();
        loop {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            let _ = changes.changed().await;
        }
    }

    /// Whether the last start has succeeded; `None` while nobody knows.
    fn outcome(&self) -> Option<Result<()>> {
        let running = self.running();
        if !running.on {
            return Some(Err(Error::Refused(format!("{} does not run", self.name))));
        }
        let mut present = running
            .instances
            .iter()
            .filter(|one| one.generation == running.generation);
        if present.clone().all(|one| one.serving().is_some()) {
            return Some(Ok(()));
        }
        let (_, why) = present.find_map(|one| one.failure().filter(|(count, _)| *count >= PATIENCE))?;
        Some(Err(Error::failed("the web app", why)))
    }

    async fn until(&self, changes: &mut watch::Receiver<()>, there: impl Fn(&Running) -> bool) {
        while !there(&self.running()) {
            let _ = changes.changed().await;
        }
    }

    /// An instance takes requests now: those of earlier starts that it replaces get no more.
    pub(super) fn ready(&self, instance: &Instance) {
        let running = self.running();
        let present = |one: &&Arc<Instance>| one.generation == running.generation;
        let count = u32::try_from(running.instances.iter().filter(present).count()).unwrap_or(u32::MAX);
        for old in &running.instances {
            let replaced = old.number == instance.number || old.number >= count;
            if old.generation < instance.generation && replaced {
                old.stop(Stop::Drained);
            }
        }
        drop(running);
        self.changed();
    }

    /// An instance has ended, and its version with it if nobody else runs it.
    pub(super) fn gone(&self, instance: &Instance) {
        let mut running = self.running();
        running.instances.retain(|one| !std::ptr::eq(one.as_ref(), instance));
        let in_use: Vec<_> = running.instances.iter().map(|one| one.folder.clone()).collect();
        // While a version is being unpacked, none goes; the next to end cleans up.
        if let Ok(_orders) = self.orders.try_lock() {
            self.site.remove_others(&in_use);
        }
        drop(running);
        self.changed();
    }

    /// Who takes the next request; `cookie` names the instance that the visitor was with.
    pub(super) fn pick(&self, cookie: Option<&str>) -> Pick {
        let running = self.running();
        if !running.on {
            return match self.site.deployed() {
                Some(_) => Pick::Stopped,
                None => Pick::Empty,
            };
        }
        let serving = |one: &&Arc<Instance>| one.serving().is_some();
        let newest = running.instances.iter().filter(serving).map(|one| one.generation).max();
        let Some(newest) = newest else {
            let mut present = running
                .instances
                .iter()
                .filter(|one| one.generation == running.generation);
            return if present.any(|one| one.failure().is_some()) {
                Pick::Failed
            } else {
                Pick::Wait
            };
        };
        let all = running.instances.iter().filter(|one| one.generation == newest);
        let (mut taking, unhealthy): (Vec<_>, Vec<_>) = all.filter(serving).partition(|one| one.is_healthy());
        // At most half of the instances lose their requests to the health check.
        let half = (taking.len() + unhealthy.len()).div_ceil(2);
        taking.extend(unhealthy.into_iter().take(half.saturating_sub(taking.len())));
        let mut same = taking.iter();
        let same = cookie.and_then(|cookie| same.find(|one| affinity::value(&one.id) == cookie));
        let one = same.unwrap_or_else(|| &taking[fastrand::usize(..taking.len())]);
        Pick::Instance(Arc::clone(one))
    }
}

/// There is no web app of that name.
pub(super) fn no_such_app(name: &str) -> Error {
    Error::Refused(format!("there is no web app {name}"))
}
