//! Carries out a deployment: unpacks the package, builds it, and starts it. A version that runs serves until the new one
//! does, and goes on serving if the new one does not start.

use std::path::Path;
use std::sync::Arc;

use super::app::{App, no_such_app};
use super::build::{self, Build};
use super::deployment::DeploymentStatus;
use super::package::Package;
use super::runtime;
use crate::error::{Error, Result};
use crate::log_time;

/// How many lines of a failed build its message repeats. The first ones name the cause.
const BUILD_LINES: usize = 3;

impl App {
    /// Carries out a deployment that has begun. Its record and its log say how it ended.
    pub(super) async fn carry_out(self: Arc<Self>, id: String, package: Package) {
        let log = |message: &str| self.deployments.log(&id, message);
        let before = self.site.deployed();
        let is_first = before.is_none();
        let started = async {
            self.deploy(&id, &package).await?;
            self.deployments.change(&id, |one| {
                one.is_built = true;
                one.status = DeploymentStatus::Deploying;
            });
            self.wait_started(&id).await
        };
        let failure = match started.await {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        let is_built = self.deployments.get(&id).is_some_and(|one| one.is_built);
        // App Service reports that an app without settings does not start. The tutorial deploys first, and sets them later.
        let may_start_later = is_first && is_built && self.web_app().is_some_and(|app| app.startup_command.is_empty());
        match &failure {
            None => log("Deployment successful."),
            Some(why) if may_start_later => {
                log(&format!(
                    "{why}\nThe app is deployed, but does not start yet. It starts again when its settings change."
                ));
            }
            Some(why) => log(&format!("Deployment failed. {why}")),
        }
        if failure.is_some()
            && is_built
            && self.web_app().is_some()
            && let Some(version) = before
        {
            match self.go_back_to(&version).await {
                Ok(true) => log("The version that ran before goes on serving."),
                Ok(false) => {}
                Err(error) => log(&error.to_string()),
            }
        }
        let is_failed = failure.is_some() && !may_start_later;
        self.deployments.change(&id, |one| {
            one.status = if is_failed {
                DeploymentStatus::Failed
            } else {
                DeploymentStatus::Successful
            };
            one.is_started &= failure.is_none();
            one.failure.clone_from(&failure);
            one.ended = Some(log_time::now());
        });
        {
            let _operation = self.operation.lock().await;
            self.remove_unused_versions();
        }
        // The settings may have changed since the version that serves again was started.
        if let Err(error) = self.clone().reconcile().await {
            tracing::warn!("{}: {error}", self.name);
        }
    }

    /// Unpacks, builds and starts the package.
    async fn deploy(self: &Arc<Self>, id: &str, package: &Package) -> Result<()> {
        self.deployments
            .change(id, |one| one.status = DeploymentStatus::Building);
        let (site, package) = (self.site.clone(), package.clone());
        let unpacked = tokio::task::spawn_blocking(move || site.unpack(&package)).await;
        let unfinished = unpacked.map_err(|error| Error::failed("the deployment", error))??;
        if let Err(error) = self.build(id, &unfinished).await {
            self.site.discard(&unfinished);
            return Err(error);
        }
        let _operation = self.operation.lock().await;
        let version = self.site.finish(&unfinished)?;
        self.deployments.change(id, |one| one.version = Some(version.clone()));
        self.site.activate(&version)?;
        self.start_generation().await
    }

    async fn build(&self, id: &str, folder: &Path) -> Result<()> {
        let app = self.web_app().ok_or_else(|| no_such_app(&self.name))?;
        let log = |message: &str| self.deployments.log(id, message);
        if let Some(runtime) = runtime::describe(&app) {
            log(&runtime);
        }
        if !build::is_wanted(&app) {
            log("No build: the app setting SCM_DO_BUILD_DURING_DEPLOYMENT is not true.");
            return Ok(());
        }
        if self.platform.options.network.is_none() {
            log("No build: Local Azure runs with --addresses, and what is built needs the folders of App Service.");
            return Ok(());
        }
        let build = Build {
            app: &app,
            folder,
            previous: self.site.deployed(),
            log: self.deployments.log_file(id),
        };
        let outcome = build.run(self.platform.azure.folder(), self.deleted()).await;
        outcome.map_err(|error| {
            let lines = self.deployments.lines(id).into_iter().map(|line| line.text);
            let errors: Vec<_> = lines.filter(|line| is_error(line)).take(BUILD_LINES).collect();
            Error::Refused([&[error.to_string()][..], &errors].concat().join(" "))
        })
    }

    /// Waits until the instances of a deployment have started. An app that is stopped, or that has nothing to start, is
    /// deployed without any.
    async fn wait_started(self: &Arc<Self>, id: &str) -> Result<()> {
        if !self.instances().started {
            self.deployments.log(
                id,
                "Nothing is started: App Service shows its default page, or the app is stopped.",
            );
            return Ok(());
        }
        let ready = tokio::select! {
            ready = self.clone().wait_ready() => ready,
            () = self.deleted() => return Err(no_such_app(&self.name)),
        };
        if ready.is_err() && self.web_app().is_some_and(|app| app.is_stopped) {
            self.deployments.log(id, "The app was stopped meanwhile.");
            return Ok(());
        }
        ready?;
        self.deployments.change(id, |one| one.is_started = true);
        Ok(())
    }

    /// Waits until the app is deleted, which waits for the end of its deployment.
    async fn deleted(&self) {
        let mut state = self.platform.azure.changes();
        let _ = state.wait_for(|state| self.is_deleted(state)).await;
    }
}

/// Whether pip, npm or the build itself reports an error in this line.
fn is_error(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.starts_with("error") || line.starts_with("npm error")
}
