//! The operations on a web app: deploy, restart, stop and scale.

use std::sync::Arc;

use super::app::{App, Instances, no_such_app};
use super::instance::{Instance, Stop, instance_id};
use super::package::Package;
use super::settings::Settings;
use super::supervisor::supervise;
use crate::error::{Error, Result};

impl App {
    /// Unpacks a package and starts it.
    pub(super) async fn deploy(self: Arc<Self>, package: Package) -> Result<()> {
        let _operation = self.operation.lock().await;
        let site = self.site.clone();
        let unpack = tokio::task::spawn_blocking(move || site.deploy(&package));
        unpack.await.map_err(|error| Error::failed("the deployment", error))??;
        self.start_generation().await
    }

    /// Starts the deployed version, which replaces the running instances.
    pub(super) async fn restart(self: Arc<Self>) -> Result<()> {
        let _operation = self.operation.lock().await;
        self.start_generation().await
    }

    /// Stops all instances. Requests are answered with 403 from then on.
    pub(super) async fn stop(self: Arc<Self>) {
        let _operation = self.operation.lock().await;
        self.instances().started = false;
        self.stop_all().await;
    }

    async fn stop_all(&self) {
        let mut changes = self.changes();
        for instance in &self.instances().all {
            instance.stop(Stop::Now);
        }
        self.notify();
        self.wait_until(&mut changes, |instances| instances.all.is_empty())
            .await;
    }

    /// Starts a new generation of instances. The old instances are stopped when the new ones are ready. If both need
    /// the same port, the old instances are stopped first.
    async fn start_generation(self: &Arc<Self>) -> Result<()> {
        let web_app = self.web_app().ok_or_else(|| no_such_app(&self.name))?;
        if web_app.startup_command.trim().is_empty() {
            return Err(Error::Refused(format!(
                "{} has no startup command: set one, such as `exec ./start.sh`",
                self.name
            )));
        }
        if self.site.deployed().is_none() {
            return Err(Error::Refused(format!("nothing is deployed to {}", self.name)));
        }
        if self.platform.options.network.is_none() && Settings::of(&web_app).port.is_some() {
            self.stop_all().await;
        }
        let mut instances = self.instances();
        for old in &instances.all {
            if old.serving().is_none() {
                old.stop(Stop::Now);
            }
        }
        instances.started = true;
        instances.generation += 1;
        self.start_missing(&mut instances, web_app.instances);
        drop(instances);
        self.notify();
        Ok(())
    }

    /// Starts the instances that are missing from the current generation.
    fn start_missing(self: &Arc<Self>, instances: &mut Instances, count: u32) {
        let Some(folder) = self.site.deployed() else { return };
        let generation = instances.generation;
        for number in 0..count.max(1) {
            let mut existing = instances.all.iter();
            if existing.any(|one| one.number == number && one.generation == generation) {
                continue;
            }
            let subscription = self.platform.azure.read(|state| state.subscription);
            let id = instance_id(subscription, &self.name, number);
            let instance = Arc::new(Instance::new(number, id, generation, folder.clone()));
            instances.all.push(instance.clone());
            self.platform.runtime.spawn(supervise(self.clone(), instance));
        }
    }

    /// Changes the number of instances. Surplus instances finish their requests before they are stopped.
    pub(super) async fn scale(self: Arc<Self>, count: u32) -> Result<()> {
        let _operation = self.operation.lock().await;
        self.platform.azure.change(|state| {
            let mut apps = state.web_apps.iter_mut();
            let app = apps.find(|app| app.name == self.name);
            app.ok_or_else(|| no_such_app(&self.name))?.instances = count;
            Ok(())
        })?;
        let mut changes = self.changes();
        {
            let mut instances = self.instances();
            if !instances.started {
                return Ok(());
            }
            for instance in &instances.all {
                if instance.number >= count {
                    instance.stop(Stop::Drained);
                }
            }
            self.start_missing(&mut instances, count);
        }
        self.notify();
        let is_scaled = |instances: &Instances| instances.all.iter().all(|one| one.number < count);
        self.wait_until(&mut changes, is_scaled).await;
        Ok(())
    }
}
