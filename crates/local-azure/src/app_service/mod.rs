//! App Service on Linux.
//!
//! In reading order:
//!
//! - `package`: unpacking a package, and the folders of an app.
//! - `settings`, `runtime`, `start_command` and `startup`: the platform's app settings, what starts an app, an instance's
//!   environment, and its startup script.
//! - `configuration` and `instance`: what an instance is started with, and its state.
//! - `log`: the output of the instances, and the platform's messages about them.
//! - `platform` and `replacements`: the state that all apps share.
//! - `app`: a web app and its instances, and which of them serves a request. `apps`: all web apps.
//! - `supervisor`, `health`, `listening` and `diagnosis`: running an instance, and finding out why it does not start.
//! - `operations`: restarting, stopping and scaling an app.
//! - `deployment`, `deploying` and `build`: the records of deployments, and carrying them out.
//! - `authentication`: App Service Authentication, which signs visitors in.
//! - `front_end`, with `tls`, `names`, `headers`, `affinity` and `websocket`: routing requests to instances.
//!
//! Differences from Azure:
//!
//! - Without the files of a network ([`Options::network`]), all instances share this machine's loopback network. Then
//!   `HOST` is 127.0.0.1 instead of 0.0.0.0, each instance has its own port, and the setting `PORT` applies only to the
//!   first instance.
//! - CPU and memory are not limited.
//! - There are no deployment slots.
//! - One Python and one Node.js, those of this machine, stand for all their versions.
//! - The deprecated variables `MSI_ENDPOINT` and `MSI_SECRET` are not set.

mod affinity;
mod app;
mod apps;
mod authentication;
mod build;
mod configuration;
mod deploying;
mod deployment;
mod diagnosis;
mod front_end;
mod headers;
mod health;
mod instance;
mod listening;
mod log;
mod names;
mod operations;
mod package;
mod platform;
mod replacements;
mod runtime;
mod settings;
mod start_command;
mod startup;
mod supervisor;
mod tls;
mod websocket;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

pub use self::deployment::{Deployment, DeploymentLine, DeploymentStatus, Origin};
pub use self::instance::{InstanceState, InstanceStatus};
pub use self::log::{LogLine, Logs};
pub use self::names::{azure_name, scm_name};
pub use self::package::{PACKAGE_LIMIT, Package};
pub use self::platform::Options;

pub(crate) use self::instance::role_instance_id;
pub(crate) use self::log::{START, START_FAILED, STARTED};
pub(crate) use self::names::app_at;
pub(crate) use self::settings::variable;

use self::app::no_such_app;
use self::apps::Apps;
use self::package::Site;
use self::platform::Platform;
use self::replacements::Replacements;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::network::IDENTITY_ENDPOINT;
use crate::proxy::client;
use crate::server::{Server, bind};
use crate::state::{Plan, State, WebApp};

const FRONT_END: &str = "the front end of App Service";

/// The web apps and the front end. Everything stops when this value is dropped.
///
/// It has its own threads and runtime, so it can be used from any runtime.
pub struct AppService {
    apps: Arc<Apps>,
    runtime: Option<Runtime>,
    front_end: Vec<Server>,
}

impl AppService {
    /// Starts the front end. [`AppService::deploy`] and [`AppService::start_app`] start apps.
    ///
    /// `identity_endpoint` is the `IDENTITY_ENDPOINT` of apps that have an identity.
    ///
    /// # Errors
    ///
    /// A port is in use.
    pub fn start(azure: &Azure, identity_endpoint: String, options: Options) -> Result<Self> {
        let https = bind(options.https_port, FRONT_END, "--https-port")?;
        let http = bind(options.http_port, FRONT_END, "--http-port")?;
        let port = |listener: &std::net::TcpListener| listener.local_addr().map(|address| address.port());
        let failed = |error| Error::failed(FRONT_END, error);
        let http_port = port(&http).map_err(failed)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("app-service")
            .enable_all()
            .build()
            .map_err(failed)?;
        let apps = Arc::new(Apps::new(Platform {
            azure: azure.clone(),
            identity_endpoint,
            https_port: port(&https).map_err(failed)?,
            http_port,
            options,
            runtime: runtime.handle().clone(),
            client: client(azure.authority().client()?),
            replacements: Replacements::default(),
            addresses: RwLock::default(),
            authority: OnceLock::new(),
            blob_port: OnceLock::new(),
        }));
        Ok(Self {
            front_end: front_end::serve(&apps, https, http)?,
            runtime: Some(runtime),
            apps,
        })
    }

    /// The front end's port for HTTPS.
    #[must_use]
    pub fn https_port(&self) -> u16 {
        self.apps.platform.https_port
    }

    /// The front end's port for HTTP.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.apps.platform.http_port
    }

    /// The address of an app, such as `https://contoso.localhost:8443`.
    #[must_use]
    pub fn url(&self, app: &str) -> String {
        format!("https://{}", self.apps.platform.local_host(app))
    }

    /// The routes of the front end for clients that reach it at Azure's ports: over HTTPS, and over HTTP.
    pub fn azure_routers(&self) -> Result<[Router; 2]> {
        let router = |https| front_end::router(&self.apps, https, front_end::AZURE_PORTS);
        Ok([router(true)?, router(false)?])
    }

    /// Deploys a package, and returns when its instances serve requests. Those of the old version serve until then, and go
    /// on if the new ones fail.
    ///
    /// # Errors
    ///
    /// The app does not exist, another deployment is in progress, or this one failed.
    pub async fn deploy(&self, app: &str, package: &Package, origin: Origin) -> Result<Deployment> {
        let begun = self.begin_deployment(app, package.clone(), origin)?;
        let ended = self.deployment_when(app, &begun.id, Deployment::is_complete).await?;
        match ended.failure {
            Some(why) if ended.status == DeploymentStatus::Failed => Err(Error::Refused(why)),
            _ => Ok(ended),
        }
    }

    /// Begins a deployment, which goes on by itself.
    ///
    /// # Errors
    ///
    /// The app does not exist, or another deployment is in progress.
    pub fn begin_deployment(&self, app: &str, package: Package, origin: Origin) -> Result<Deployment> {
        let app = self.apps.get(app)?;
        let deployment = app.deployments.begin(origin)?;
        let id = deployment.id.clone();
        self.apps
            .platform
            .runtime
            .spawn(async move { app.carry_out(id, package).await });
        Ok(deployment)
    }

    /// The deployments of an app, newest first.
    ///
    /// # Errors
    ///
    /// The app does not exist.
    pub fn deployments(&self, app: &str) -> Result<Vec<Deployment>> {
        Ok(self.apps.get(app)?.deployments.all())
    }

    /// Whether the files of the deployment are those that the app runs.
    pub fn is_active(&self, app: &str, deployment: &Deployment) -> bool {
        let deployed = self.apps.get(app).ok().and_then(|app| app.site.deployed());
        deployed.is_some() && deployed == deployment.version
    }

    /// The log of a deployment.
    ///
    /// # Errors
    ///
    /// The app or the deployment does not exist.
    pub fn deployment_log(&self, app: &str, id: &str) -> Result<Vec<DeploymentLine>> {
        let app = self.apps.get(app)?;
        let deployment = app.deployments.get(id).ok_or_else(|| no_such_deployment(id))?;
        Ok(app.deployments.lines(&deployment.id))
    }

    /// Waits until a deployment meets the condition.
    ///
    /// # Errors
    ///
    /// The app or the deployment does not exist.
    pub async fn deployment_when(
        &self,
        app: &str,
        id: &str,
        is_met: impl Fn(&Deployment) -> bool,
    ) -> Result<Deployment> {
        let app = self.apps.get(app)?;
        let found = app.deployments.wait_until(id, is_met).await;
        found.ok_or_else(|| no_such_deployment(id))
    }

    /// Starts the deployed version, also of an app that was stopped.
    ///
    /// # Errors
    ///
    /// The app does not exist, or nothing is deployed to it.
    pub async fn start_app(&self, app: &str) -> Result<()> {
        self.edit(app, |_, app| app.is_stopped = false).await?;
        self.restart(app).await
    }

    /// Restarts the app, for example to apply changed settings. New instances are started before the old ones are
    /// stopped, unless both need the same port because of the setting `PORT`.
    ///
    /// # Errors
    ///
    /// The same as for [`AppService::start_app`].
    pub async fn restart(&self, app: &str) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.restart()).await?
    }

    /// Stops all instances of an app. Requests are answered with 403 from then on.
    ///
    /// # Errors
    ///
    /// The app does not exist.
    pub async fn stop_app(&self, app: &str) -> Result<()> {
        self.edit(app, |_, app| app.is_stopped = true).await
    }

    /// Changes the number of instances, from 1 to 30, in the app's plan. A surplus instance finishes its requests before
    /// it is stopped.
    ///
    /// # Errors
    ///
    /// The app does not exist.
    pub async fn scale(&self, app: &str, instances: u32) -> Result<()> {
        let scale = |state: &mut State, app: &mut WebApp| {
            if let Some(mut plan) = state.at::<Plan>(&app.plan) {
                plan.instances = instances.clamp(1, 30);
                state.put(&plan);
            }
        };
        self.edit(app, scale).await
    }

    /// Changes an app in the state, and applies the change.
    async fn edit(&self, app: &str, change: impl FnOnce(&mut State, &mut WebApp)) -> Result<()> {
        self.apps.platform.azure.change(|state| {
            let mut view: WebApp = state.find(app).ok_or_else(|| no_such_app(app))?;
            change(state, &mut view);
            state.put(&view);
            Ok(())
        })?;
        let app = self.apps.get(app)?;
        self.run(app.reconcile()).await?
    }

    /// Stops an app that was deleted from the state, and deletes its files. Returns when nothing is left.
    ///
    /// # Errors
    ///
    /// A file cannot be deleted.
    pub async fn delete_app(&self, app: &str) -> Result<()> {
        let (apps, name) = (self.apps.clone(), app.to_owned());
        self.run(async move { apps.delete(&name).await }).await?
    }

    /// Whether an app of that name was deleted from the state, but is not yet gone.
    #[must_use]
    pub fn is_being_deleted(&self, app: &str) -> bool {
        self.apps.deleted(app).is_some()
    }

    /// Sets the port of the storage accounts on this machine, to which redirections of apps are translated.
    pub fn set_blob_port(&self, port: u16) {
        let _ = self.apps.platform.blob_port.set(port);
    }

    /// Sets the URL of the tenant's authority (Entra), where App Service Authentication signs visitors in. It ends with a
    /// slash.
    pub fn set_authority(&self, url: String) {
        let _ = self.apps.platform.authority.set(url);
    }

    /// Sets variables that take the place of app settings while all instances share the network of this machine.
    pub fn set_addresses(&self, variables: BTreeMap<String, String>) {
        let addresses = self.apps.platform.addresses.write();
        *addresses.expect("no thread panics while holding the lock") = variables;
    }

    /// Keeps what runs equal to the state from now on.
    pub fn follow(&self) {
        let apps = self.apps.clone();
        self.apps.platform.runtime.spawn(async move { apps.follow().await });
    }

    /// Waits until all instances of the latest start serve requests.
    ///
    /// # Errors
    ///
    /// The app is stopped, or an instance failed to start three times in a row. The error contains the last lines of its
    /// log. The platform keeps retrying.
    pub async fn wait_ready(&self, app: &str) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.wait_ready()).await?
    }

    /// The instances of an app.
    ///
    /// # Errors
    ///
    /// The app does not exist.
    pub fn status(&self, app: &str) -> Result<Vec<InstanceStatus>> {
        Ok(self.apps.get(app)?.status())
    }

    /// The environment of a program that acts as an instance of the app. Its `IDENTITY_HEADER` stays valid until this
    /// process ends.
    ///
    /// # Errors
    ///
    /// The app does not exist, or has addresses on this machine.
    pub fn environment(&self, app: &str) -> Result<BTreeMap<String, String>> {
        let app = self.apps.get(app)?;
        let web_app = app.web_app().ok_or_else(|| no_such_app(&app.name))?;
        let platform = &self.apps.platform;
        let files =
            platform.options.network.as_ref().ok_or_else(|| {
                Error::Refused("Local Azure runs with --addresses, so the app has no names".to_owned())
            })?;
        let header = settings::Settings::of(&web_app)
            .identity
            .then(|| platform.azure.identity_headers().give(&app.name));
        let start = startup::Start {
            app: &web_app,
            command: "",
            site: &app.site,
            folder: Path::new(""),
            addresses: &BTreeMap::new(),
            number: 0,
            generation: 0,
            port: supervisor::DEFAULT_PORT,
            host: &names::azure_name(&app.name),
            identity: header.as_deref().map(|header| (IDENTITY_ENDPOINT, header)),
            network: Some((files, Path::new(""))),
        };
        Ok(platform.azure.read(|state| start.variables(state)))
    }

    /// Describes what [`AppService::wait_ready`] waits for.
    ///
    /// # Errors
    ///
    /// The app does not exist.
    pub fn awaited(&self, app: &str) -> Result<String> {
        let app = self.apps.get(app)?;
        let web_app = app.web_app().ok_or_else(|| no_such_app(&app.name))?;
        let settings = settings::Settings::of(&web_app);
        let limit = settings.start_limit.as_secs();
        Ok(format!(
            "waiting until {} answers {} ({}), for at most {limit} s at each start",
            app.name,
            settings.warmup_path,
            settings.accepted_statuses()
        ))
    }

    /// Stops all instances of all apps.
    pub async fn stop_all(&self) {
        let stopped = join_all(self.apps.all().into_iter().map(app::App::stop));
        // Fails only if the runtime is shutting down, which stops them too.
        let _ = self.run(stopped).await;
    }

    /// Describes the instances that have been asked to stop and still run.
    #[must_use]
    pub fn stopping(&self) -> Vec<String> {
        let describe = |app: &Arc<app::App>| -> Vec<String> {
            let limit = app.web_app().map_or(0, |app| settings::Settings::of(&app).stop_limit);
            let stopping = app
                .status()
                .into_iter()
                .filter(|one| one.state == InstanceState::Stopping);
            let describe = |one: InstanceStatus| {
                let elapsed = one.since.elapsed().unwrap_or_default().as_secs();
                format!(
                    "instance {} of {}, which was asked to stop {elapsed} s ago and is killed after {limit} s",
                    one.number, app.name
                )
            };
            stopping.map(describe).collect()
        };
        self.apps.all().iter().flat_map(describe).collect()
    }

    /// Runs the work on this value's own runtime.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let work = self.apps.platform.runtime.spawn(work);
        work.await.map_err(|error| Error::failed("App Service", error))
    }
}

impl Drop for AppService {
    fn drop(&mut self) {
        self.front_end.clear();
        let (apps, runtime) = (self.apps.all(), self.runtime.take());
        // Uses a separate thread, because the caller's thread may belong to a runtime. Blocking there would panic.
        let end = thread::spawn(move || {
            if let Some(runtime) = runtime {
                runtime.block_on(join_all(apps.into_iter().map(app::App::stop)));
                runtime.shutdown_timeout(Duration::from_secs(1));
            }
        });
        let _ = end.join();
    }
}

fn no_such_deployment(id: &str) -> Error {
    Error::Refused(format!("there is no deployment {id}"))
}

/// The logs of an app in a state folder, which another process may be using. They are empty if the app has none.
#[must_use]
pub fn logs(state: &Path, app: &str) -> Logs {
    Logs::open(Site::at(state.join("apps").join(app)).log_folder())
}

/// The folders of an app's logs in a state folder, with their names on App Service.
#[must_use]
pub fn log_folders(state: &Path, app: &str) -> [(&'static str, PathBuf); 2] {
    let site = Site::at(state.join("apps").join(app));
    [("LogFiles", site.log_folder()), ("deployments", site.deployments())]
}
