//! The running parts, and the order in which they start.

use std::time::Duration;

use super::database;
use super::options::Options;
use super::progress::Progress;
use super::site::Source;
use crate::app_service::{self, AppService};
use crate::azure::Azure;
use crate::entra::Entra;
use crate::error::Result;
use crate::faults::{FaultSet, IdentityFault, InjectedFault};
use crate::identity::IdentityEndpoints;
use crate::network::{self, NetworkFiles, Routes, Services};
use crate::postgres::Postgres;
use crate::state_folder::remove;
use crate::storage::{AzuriteFrom, BlobStorage};
use crate::tutorial;

/// How often new lines of the web app's log are printed while it starts.
const LOG_INTERVAL: Duration = Duration::from_millis(300);

/// Everything that runs. It stops when this value is dropped, starting with the web app.
pub struct Parts {
    /// The services under Azure's names. `None` if the web app has addresses on this machine.
    _services: Option<Services>,
    pub apps: AppService,
    pub blobs: BlobStorage,
    pub postgres: Postgres,
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
        let apps = AppService::start(azure, identity.app_service_url(), ports)?;

        progress.report("PostgreSQL");
        azure.change(|state| {
            let server = state
                .postgres_servers
                .iter_mut()
                .find(|server| server.name == tutorial::SERVER);
            server.expect("`tutorial::provision` created it").port = options.postgres_port;
            Ok(())
        })?;
        let postgres = Postgres::start(azure, tutorial::SERVER).await?;
        database::provision(azure, &postgres).await?;

        progress.report("Blob Storage (npm installs Azurite at the first start)");
        let blobs = BlobStorage::start(azure, options.blob_port, AzuriteFrom::Npm).await?;
        let services = if let Some(files) = &network {
            tutorial::connect_by_name(azure)?;
            let routes = Routes {
                entra: entra.azure_router(),
                blobs: blobs.router()?,
                apps: apps.azure_routers()?,
                identity: identity.router(),
            };
            Some(Services::start(azure, files, routes)?)
        } else {
            let account_url = blobs.account_url(tutorial::ACCOUNT);
            tutorial::connect_by_address(azure, postgres.port(), &account_url, &azure.authority().file())?;
            None
        };
        Ok(Self {
            _services: services,
            apps,
            blobs,
            postgres,
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
        self.apps.deploy(tutorial::APP, &package).await?;
        progress.report(&format!("App Service: {}", self.apps.awaited(tutorial::APP)?));
        let ready = self.apps.wait_ready(tutorial::APP);
        tokio::pin!(ready);
        loop {
            tokio::select! {
                ready = &mut ready => return ready,
                () = tokio::time::sleep(LOG_INTERVAL) => {
                    for line in log.lines() {
                        println!("    {line}");
                    }
                }
            }
        }
    }

    /// Injects a fault.
    pub async fn inject(&self, azure: &Azure, fault: &InjectedFault) -> Result<()> {
        match fault {
            InjectedFault::TokenLifetime(lifetime) => azure.faults().change(|set| set.token_lifetime = Some(*lifetime)),
            InjectedFault::Identity(how) => {
                azure.faults().change(|set| set.identity = *how);
                if *how == IdentityFault::Away {
                    self.identity.stop();
                } else {
                    self.identity.start_again()?;
                }
            }
            InjectedFault::StorageAway => {
                azure.faults().change(|set| set.storage_away = true);
                self.blobs.stop();
            }
            InjectedFault::DatabaseAway => {
                azure.faults().change(|set| set.database_away = true);
                self.postgres.stop();
            }
            InjectedFault::DatabaseRestart => {
                self.postgres.restart().await?;
                azure.faults().change(|set| set.database_away = false);
            }
            InjectedFault::RolesRemoved => azure.faults().change(|set| set.roles_removed = true),
        }
        Ok(())
    }

    /// Ends all faults.
    pub async fn clear_faults(&self, azure: &Azure) -> Result<()> {
        let before = azure.faults().active();
        azure.faults().change(|set| *set = FaultSet::default());
        if before.identity == IdentityFault::Away {
            self.identity.start_again()?;
        }
        if before.storage_away {
            self.blobs.start_again()?;
        }
        if before.database_away {
            self.postgres.start_again().await?;
        }
        Ok(())
    }
}
