//! App Service on Linux: web apps as it runs them.
//!
//! In reading order:
//!
//! - `package`: what is deployed, and where it is unpacked.
//! - `settings` and `startup`: what the app settings mean, the environment, and the script that starts an instance.
//! - `instance`, `life` and `health`: an instance, from its start to its end.
//! - `app` and `platform`: which instances there are, and which takes a request.
//! - `log`: what the instances say, and what the platform says of them.
//! - `front_end`, with `tls`, `headers`, `affinity` and `websocket`: how a request reaches an instance.
//!
//! Differences from Azure: all instances share this machine's loopback network, so `HOST` is 127.0.0.1 in place of
//! 0.0.0.0, each has a port of its own, and the setting `PORT` holds for the first instance alone; nothing limits CPU
//! and memory; there are no deployment slots, no build during deployment and no App Service Authentication. The
//! variables `MSI_ENDPOINT` and `MSI_SECRET`, which are deprecated, are not set.

mod affinity;
mod app;
mod front_end;
mod headers;
mod health;
mod instance;
mod life;
mod log;
mod package;
mod platform;
mod settings;
mod startup;
mod tls;
mod websocket;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

pub use self::instance::{InstanceState, InstanceStatus};
pub use self::log::{LogLine, Logs};
pub use self::package::Package;
pub use self::platform::Options;

use self::health::Replacements;
use self::package::Site;
use self::platform::{Apps, Platform};
use crate::proxy::client;
use crate::server::{Server, bind};
use crate::state::Azure;
use crate::{Error, Result};

/// The web apps of an Azure, and the front end before them. All that it runs ends with this value.
///
/// It has threads and a runtime of its own, so that it can be used from any.
pub struct AppService {
    apps: Arc<Apps>,
    runtime: Option<Runtime>,
    front_end: Vec<Server>,
    http_port: u16,
}

impl AppService {
    /// Starts the front end. No app runs yet: see [`AppService::deploy`] and [`AppService::start_app`].
    ///
    /// `identity_endpoint` is the `IDENTITY_ENDPOINT` of apps that have an identity.
    ///
    /// # Errors
    ///
    /// A port is taken.
    pub fn start(azure: &Azure, identity_endpoint: String, options: Options) -> Result<Self> {
        let https = bind(options.https_port, "the front end of App Service", "--https-port")?;
        let http = bind(options.http_port, "the front end of App Service", "--http-port")?;
        let port = |listener: &std::net::TcpListener| listener.local_addr().map(|address| address.port());
        let failed = |error| Error::failed("the front end of App Service", error);
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
            options,
            runtime: runtime.handle().clone(),
            client: client(azure.authority().client()?),
            replacements: Replacements::default(),
        }));
        Ok(Self {
            front_end: front_end::serve(&apps, https, http)?,
            runtime: Some(runtime),
            apps,
            http_port,
        })
    }

    /// The port of the front end for HTTPS.
    #[must_use]
    pub fn https_port(&self) -> u16 {
        self.apps.platform.https_port
    }

    /// The port of the front end for HTTP.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    /// The address of an app, such as `https://contoso.localhost:8443`.
    #[must_use]
    pub fn url(&self, app: &str) -> String {
        format!("https://{}", self.apps.platform.host(app))
    }

    /// Deploys a package and starts it. What ran before takes requests until the new version is ready.
    ///
    /// # Errors
    ///
    /// There is no such app, it has no startup command, or the package cannot be unpacked: then all is as before.
    pub async fn deploy(&self, app: &str, package: &Package) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.deploy(package.clone())).await?
    }

    /// Starts what was deployed last.
    ///
    /// # Errors
    ///
    /// There is no such app, nothing was deployed to it, or it has no startup command.
    pub async fn start_app(&self, app: &str) -> Result<()> {
        self.restart(app).await
    }

    /// Starts the app anew, as after a change of its settings: new instances first, unless they have the port in
    /// common (setting `PORT`).
    ///
    /// # Errors
    ///
    /// As [`AppService::start_app`].
    pub async fn restart(&self, app: &str) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.restart()).await?
    }

    /// Ends all instances of an app, which answers 403 from then on. It may have been deleted from the state before.
    ///
    /// # Errors
    ///
    /// There is no such app.
    pub async fn stop_app(&self, app: &str) -> Result<()> {
        let app = self.apps.get_or_deleted(app)?;
        self.run(app.stop()).await
    }

    /// Makes it so many instances, 1 at least. An instance that goes ends its requests first.
    ///
    /// # Errors
    ///
    /// There is no such app.
    pub async fn scale(&self, app: &str, instances: u32) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.scale(instances.max(1))).await?
    }

    /// Waits until all instances of the last start take requests.
    ///
    /// # Errors
    ///
    /// The app is stopped, or an instance failed to start three times in a row; the error has the last lines of its
    /// log. The platform goes on trying.
    pub async fn wait_ready(&self, app: &str) -> Result<()> {
        let app = self.apps.get(app)?;
        self.run(app.wait_ready()).await?
    }

    /// The instances of an app.
    ///
    /// # Errors
    ///
    /// There is no such app.
    pub fn status(&self, app: &str) -> Result<Vec<InstanceStatus>> {
        Ok(self.apps.get(app)?.status())
    }

    /// Runs it where all else runs, whatever runtime the caller has.
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let work = self.apps.platform.runtime.spawn(work);
        work.await.map_err(|error| Error::failed("App Service", error))
    }
}

impl Drop for AppService {
    fn drop(&mut self) {
        self.front_end.clear();
        let (apps, runtime) = (self.apps.all(), self.runtime.take());
        // A thread of its own, since the caller's may be one of a runtime, where nothing may block on another.
        let end = thread::spawn(move || {
            if let Some(runtime) = runtime {
                runtime.block_on(join_all(apps.into_iter().map(app::App::stop)));
                runtime.shutdown_timeout(Duration::from_secs(1));
            }
        });
        let _ = end.join();
    }
}

/// The logs of an app in the state folder of an Azure, which another process may keep.
///
/// # Errors
///
/// The folder cannot be made.
pub fn logs(state: &Path, app: &str) -> Result<Logs> {
    let site = Site::open(state.join("apps").join(app))?;
    Ok(Logs::open(site.log_folder()))
}
