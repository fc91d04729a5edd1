//! The running parts, and the order in which they start.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::control_plane::ControlPlane;
use super::database;
use super::options::Options;
use super::progress::Progress;
use super::site::Source;
use crate::app_service::{self, AppService, Deployment, Origin};
use crate::arm::{self, Running, Stored};
use crate::azure::Azure;
use crate::entra::Entra;
use crate::error::{Error, Result};
use crate::faults::{Effect, FaultSet, IdentityFault, InjectedFault, Targets};
use crate::graph;
use crate::identity::IdentityEndpoints;
use crate::kudu;
use crate::network::{self, LOCALSTACK_HOST, NetworkFiles, Routes, Services};
use crate::postgres::Servers;
use crate::state::{PostgresServer, StorageAccount, WebApp};
use crate::state_folder::remove;
use crate::storage::{AzuriteFrom, BlobStorage};
use crate::tutorial;

/// How often new lines of the web app's log are printed while it starts.
const LOG_INTERVAL: Duration = Duration::from_millis(300);

/// Everything that runs. It stops when this value is dropped, starting with the web app.
pub struct Parts {
    /// Keep the servers and the accounts in line with the state.
    followers: Vec<AbortOnDropHandle<()>>,
    /// The services under Azure's names. `None` if the web apps have addresses on this machine.
    services: Option<Services>,
    pub control_plane: ControlPlane,
    pub apps: Arc<AppService>,
    pub blobs: Arc<BlobStorage>,
    pub servers: Servers,
    pub identity: IdentityEndpoints,
    pub entra: Entra,
}

impl Parts {
    /// Starts everything except the web app.
    pub async fn start(azure: &Azure, options: &Options, progress: &Progress) -> Result<Self> {
        progress.report("Entra and the managed identity endpoints");
        let entra = Entra::start(azure, options.entra_port)?;
        let identity = IdentityEndpoints::start(azure, options.identity_port)?;
        // Binds the ports early, so that a port that is in use is reported before the slow steps.
        let network = if options.addresses {
            // An earlier run may have left its sockets behind.
            remove(&azure.folder().join("network"))?;
            None
        } else {
            network::check()?;
            Some(NetworkFiles::write(azure)?)
        };
        let ports = app_service::Options {
            https_port: options.https_port,
            http_port: options.http_port,
            network: network.clone(),
            ..app_service::Options::default()
        };
        let apps = Arc::new(AppService::start(azure, identity.app_service_url(), ports)?);
        apps.set_authority(entra.authority_host());
        entra.set_app_port(apps.https_port());

        progress.report("PostgreSQL");
        let servers = Servers::new(azure, tutorial::SERVER, options.postgres_port);
        let following = servers.clone();
        let mut followers = vec![follow(async move { following.follow().await })];
        servers.started(tutorial::SERVER).await?;
        if let Some(postgres) = servers.get(tutorial::SERVER) {
            database::provision(azure, &postgres).await?;
        } else if azure.read(|state| state.find::<PostgresServer>(tutorial::SERVER).is_some()) {
            progress.report(&format!("the PostgreSQL server {} is stopped", tutorial::SERVER));
        }

        progress.report("Blob Storage (npm installs Azurite at the first start)");
        let blobs = Arc::new(BlobStorage::start(azure, options.blob_port, AzuriteFrom::Npm).await?);
        apps.set_blob_port(blobs.port());
        let following = blobs.clone();
        followers.push(follow(async move { following.follow().await }));
        let stored = Stored::new(&options.store);
        let running = Running {
            servers: Some(servers.clone()),
            blobs: Some(blobs.clone()),
            apps: Some(apps.clone()),
        };
        let control_plane = ControlPlane::new(azure, stored.clone(), running.clone());
        let services = if let Some(files) = &network {
            let routes = Routes {
                entra: entra.azure_router(),
                blobs: blobs.router()?,
                apps: apps.azure_routers()?,
                kudu: kudu::router(azure, &apps)?,
                identity: identity.router(),
                arm: arm::router(azure, stored.clone(), running.clone()),
                developer: arm::router_for(azure, stored, running, tutorial::ADMINISTRATOR, LOCALSTACK_HOST),
                graph: graph::router(azure),
            };
            let servers = servers.clone();
            let port_of = move |name: &str| servers.get(name).map(|server| server.port());
            Some(Services::start(azure, files, routes, port_of)?)
        } else {
            let port = servers.get(tutorial::SERVER).map(|server| server.port());
            let account_url = blobs.account_url(tutorial::ACCOUNT);
            let root = azure.authority().file();
            apps.set_addresses(tutorial::addresses(port.unwrap_or_default(), &account_url, &root));
            None
        };
        Ok(Self {
            followers,
            services,
            control_plane,
            apps,
            blobs,
            servers,
            identity,
            entra,
        })
    }

    /// Deploys the web app and waits until it is ready. Meanwhile its log appears on the terminal.
    pub async fn deploy(&self, azure: &Azure, source: &Source, progress: &Progress) -> Result<()> {
        let package = source.package(azure, progress).await?;
        let mut log = app_service::logs(azure.folder(), tutorial::APP);
        log.lines(); // those of earlier runs
        progress.report("App Service: deploying the web app");
        let origin = Origin {
            deployer: "LocalAzure",
            author: tutorial::ADMINISTRATOR.to_owned(),
        };
        let id = self.apps.begin_deployment(tutorial::APP, package, origin)?.id;
        let has_started = |one: &Deployment| one.is_built || one.is_complete();
        self.apps.deployment_when(tutorial::APP, &id, has_started).await?;
        self.apps.follow();
        if azure.read(|state| state.find::<WebApp>(tutorial::APP).is_none_or(|app| app.is_stopped)) {
            progress.report(&format!("App Service: {} is stopped", tutorial::APP));
        } else {
            progress.report(&format!("App Service: {}", self.apps.awaited(tutorial::APP)?));
        }
        let ended = self.apps.deployment_when(tutorial::APP, &id, Deployment::is_complete);
        tokio::pin!(ended);
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended?,
                () = tokio::time::sleep(LOG_INTERVAL) => {
                    for line in log.lines() {
                        println!("    {line}");
                    }
                }
            }
        };
        match ended.failure {
            Some(why) => Err(Error::Refused(why)),
            None => Ok(()),
        }
    }

    /// Injects faults, unless one of them names a resource that does not exist.
    pub async fn inject_all(&self, azure: &Azure, faults: &[InjectedFault]) -> Result<()> {
        for fault in faults {
            self.target(azure, fault)?;
        }
        for fault in faults {
            self.inject(azure, fault).await?;
        }
        Ok(())
    }

    async fn inject(&self, azure: &Azure, fault: &InjectedFault) -> Result<()> {
        let name = self.target(azure, fault)?;
        let name = name.as_deref();
        match fault.effect {
            Effect::TokenLifetime(lifetime) => azure.faults().change(|set| set.token_lifetime = Some(lifetime)),
            Effect::Identity(how) => {
                if let Some(app) = name {
                    let app = app.to_ascii_lowercase();
                    azure.faults().change(|set| _ = set.identity_of.insert(app, how));
                } else {
                    azure.faults().change(|set| set.identity = how);
                    if how == IdentityFault::Away {
                        self.identity.stop();
                    } else {
                        self.identity.start_again()?;
                    }
                }
            }
            Effect::StorageAway => azure.faults().change(|set| set.storage_away.add(name)),
            Effect::StorageStatus(status) => azure.faults().change(|set| match name {
                Some(account) => _ = set.storage_of.insert(account.to_ascii_lowercase(), status),
                None => set.storage = Some(status),
            }),
            Effect::DatabaseAway => azure.faults().change(|set| set.database_away.add(name)),
            Effect::DatabaseRestart => {
                azure.faults().change(|set| match name {
                    Some(name) => drop(set.database_away.names.remove(&name.to_ascii_lowercase())),
                    None => set.database_away = Targets::default(),
                });
                for server in self.servers.all() {
                    if name.is_none_or(|name| name.eq_ignore_ascii_case(server.name())) {
                        server.restart().await?;
                    }
                }
            }
            Effect::RolesRemoved => azure.faults().change(|set| set.roles_removed.add(name)),
        }
        self.apply_faults().await
    }

    /// The name of the resource that the fault concerns, as it is written in the state.
    fn target(&self, azure: &Azure, fault: &InjectedFault) -> Result<Option<String>> {
        let Some(name) = &fault.resource else {
            return Ok(None);
        };
        let (what, names): (_, Vec<String>) = azure.read(|state| {
            let owned = |name: &str| name.to_owned();
            match fault.effect {
                Effect::DatabaseAway | Effect::DatabaseRestart => (
                    "PostgreSQL server",
                    state.names::<PostgresServer>().map(owned).collect(),
                ),
                Effect::StorageAway | Effect::StorageStatus(_) | Effect::RolesRemoved => {
                    ("storage account", state.names::<StorageAccount>().map(owned).collect())
                }
                Effect::Identity(_) | Effect::TokenLifetime(_) => {
                    ("web app", state.names::<WebApp>().map(owned).collect())
                }
            }
        });
        if fault.effect == Effect::StorageAway && self.services.is_none() {
            return Err(Error::Refused(
                "with --addresses all storage accounts share one port, so only storage=away is possible".to_owned(),
            ));
        }
        let found = names.iter().find(|one| one.eq_ignore_ascii_case(name)).cloned();
        found.map(Some).ok_or_else(|| {
            let names = names.join(", ");
            Error::Refused(format!("there is no {what} {name:?}. The names are: {names}"))
        })
    }

    /// Ends all faults.
    pub async fn clear_faults(&self, azure: &Azure) -> Result<()> {
        let before = azure.faults().active();
        azure.faults().change(|set| *set = FaultSet::default());
        if before.identity == IdentityFault::Away {
            self.identity.start_again()?;
        }
        self.apply_faults().await
    }

    async fn apply_faults(&self) -> Result<()> {
        self.servers.reconcile().await?;
        self.blobs.reconcile().await
    }

    /// Stops all web apps, and then all servers.
    pub async fn stop(&self) {
        self.apps.stop_all().await;
        for follower in &self.followers {
            follower.abort();
        }
        self.servers.stop().await;
    }
}

/// Runs the work until the returned value is dropped.
fn follow(work: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(work))
}
