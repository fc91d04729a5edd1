//! The operations on a web app.

use std::sync::Arc;

use super::app::{App, Configuration, Instances, no_such_app};
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

    /// Makes what runs equal to the state: starts, restarts, scales or stops the app. Deletes the files of an app that
    /// was deleted.
    pub(super) async fn reconcile(self: Arc<Self>) -> Result<()> {
        let _operation = self.operation.lock().await;
        let state = self.platform.azure.state();
        let Some(app) = self.web_app_in(&state) else {
            self.end().await;
            // The folder may already belong to another app of the name.
            return if self.owns_folder() { self.site.delete() } else { Ok(()) };
        };
        if app.is_stopped {
            self.end().await;
            return Ok(());
        }
        let is_current = {
            let instances = self.instances();
            instances.started && instances.configuration.as_ref() == Some(&Configuration::of(&app))
        };
        if is_current {
            self.scale_to(state.instances(&app)).await;
        } else if self.site.deployed().is_some() && !app.startup_command.trim().is_empty() {
            self.start_generation().await?;
        }
        Ok(())
    }

    /// Stops all instances, whatever the state says.
    pub(super) async fn stop(self: Arc<Self>) {
        let _operation = self.operation.lock().await;
        self.end().await;
    }

    async fn end(&self) {
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
        let state = self.platform.azure.state();
        let web_app = self.web_app_in(&state).ok_or_else(|| no_such_app(&self.name))?;
        if web_app.is_stopped {
            return Ok(());
        }
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
        instances.configuration = Some(Configuration::of(&web_app));
        self.start_missing(&mut instances, state.instances(&web_app));
        drop(instances);
        self.notify();
        Ok(())
    }

    /// Starts the instances that are missing from the current generation.
    fn start_missing(self: &Arc<Self>, instances: &mut Instances, count: u32) {
        let Some(folder) = self.site.deployed() else { return };
        let generation = instances.generation;
        for number in 0..count {
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

    /// Starts missing instances. Surplus instances finish their requests before they are stopped.
    async fn scale_to(self: &Arc<Self>, count: u32) {
        let mut changes = self.changes();
        {
            let mut instances = self.instances();
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
    }
}
