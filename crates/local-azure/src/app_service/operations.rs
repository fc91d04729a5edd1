//! Starting, restarting, scaling and stopping a web app.

use std::path::Path;
use std::sync::Arc;

use super::app::{App, Instances, no_such_app};
use super::configuration::Configuration;
use super::instance::{Instance, Stop, instance_id};
use super::settings::Settings;
use super::start_command::start_command;
use super::supervisor::supervise;
use crate::error::{Error, Result};
use crate::state::WebApp;

impl App {
    /// Starts the deployed version, which replaces the running instances.
    pub(super) async fn restart(self: Arc<Self>) -> Result<()> {
        let _operation = self.operation.lock().await;
        if self.site.deployed().is_none() {
            return Err(Error::Refused(format!("nothing is deployed to {}", self.name)));
        }
        self.start_generation().await
    }

    /// Whether there is something that the app could run.
    pub(super) fn has_content(&self, app: &WebApp) -> bool {
        let deployed = self.site.deployed();
        deployed.is_some_and(|folder| start_command(app, &folder).is_some())
    }

    /// Makes what runs equal to the state: starts, restarts, scales or stops the app. Deletes the files of an app that
    /// was deleted.
    pub(super) async fn reconcile(self: Arc<Self>) -> Result<()> {
        if self.is_deleted(&self.platform.azure.state()) {
            // A build ends when the app is deleted. It must not write any more when the files are.
            self.deployments.wait_idle().await;
        }
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
            instances.started && instances.configuration.as_deref() == Some(&Configuration::of(&state, &app))
        };
        if is_current {
            self.scale_to(state.instances(&app)).await;
        } else {
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
    /// the same port, the old instances are stopped first. If there is nothing to start, everything stops.
    pub(super) async fn start_generation(self: &Arc<Self>) -> Result<()> {
        let state = self.platform.azure.state();
        let web_app = self.web_app_in(&state).ok_or_else(|| no_such_app(&self.name))?;
        if web_app.is_stopped {
            return Ok(());
        }
        if !self.has_content(&web_app) {
            self.end().await;
            return Ok(());
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
        instances.generations += 1;
        instances.generation = instances.generations;
        instances.configuration = Some(Arc::new(Configuration::of(&state, &web_app)));
        self.start_missing(&mut instances, state.instances(&web_app));
        drop(instances);
        self.notify();
        Ok(())
    }

    /// Goes back to the instances that still run that version, and deploys it again. Returns whether there are any.
    pub(super) async fn go_back_to(self: &Arc<Self>, version: &Path) -> Result<bool> {
        let _operation = self.operation.lock().await;
        let mut instances = self.instances();
        let serves = |one: &&Arc<Instance>| one.folder == version && one.serving().is_some();
        let Some(newest) = instances.all.iter().filter(serves).max_by_key(|one| one.generation) else {
            return Ok(false);
        };
        let (generation, configuration) = (newest.generation, newest.configuration.clone());
        self.site.activate(version)?;
        for instance in &instances.all {
            if instance.folder != version {
                instance.stop(Stop::Now);
            }
        }
        instances.generation = generation;
        instances.configuration = Some(configuration);
        drop(instances);
        self.notify();
        Ok(true)
    }

    /// Starts the instances that are missing from the current generation.
    fn start_missing(self: &Arc<Self>, instances: &mut Instances, count: u32) {
        let (Some(folder), Some(configuration)) = (self.site.deployed(), instances.configuration.clone()) else {
            return;
        };
        let generation = instances.generation;
        for number in 0..count {
            let mut existing = instances.all.iter();
            if existing.any(|one| one.number == number && one.generation == generation) {
                continue;
            }
            let subscription = self.platform.azure.read(|state| state.subscription);
            let id = instance_id(subscription, &self.name, number);
            let instance = Instance::new(number, id, generation, folder.clone(), configuration.clone());
            let instance = Arc::new(instance);
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
