//! The parts that run, and the order in which they start.

use super::{Options, database, screen, site};
use crate::Result;
use crate::app_service::{self, AppService};
use crate::entra::Entra;
use crate::faults::{Fault, IdentityFault};
use crate::identity::IdentityEndpoints;
use crate::postgres::Postgres;
use crate::state::Azure;
use crate::storage::{AzuriteFrom, BlobStorage};
use crate::world;

/// Everything that runs. It ends with this value, the web app first.
pub struct Parts {
    pub apps: AppService,
    pub blobs: BlobStorage,
    pub postgres: Postgres,
    pub identity: IdentityEndpoints,
    pub entra: Entra,
}

impl Parts {
    /// Starts them all and deploys the site.
    pub async fn start(azure: &Azure, options: &Options) -> Result<Self> {
        screen::progress("Entra and the managed identity endpoints");
        let entra = Entra::start(azure, options.entra_port)?;
        let identity = IdentityEndpoints::start(azure, options.identity_port)?;
        // Taken now, so that a taken port is told before anything takes long.
        let ports = app_service::Options {
            https_port: options.https_port,
            http_port: options.http_port,
            ..app_service::Options::default()
        };
        let apps = AppService::start(azure, identity.app_service_url(), ports)?;

        screen::progress("PostgreSQL");
        azure.change(|state| {
            let server = state
                .postgres_servers
                .iter_mut()
                .find(|server| server.name == world::SERVER);
            server.expect("it was provisioned").port = options.postgres_port;
            Ok(())
        })?;
        let postgres = Postgres::start(azure, world::SERVER).await?;
        database::provision(azure, &postgres).await?;

        screen::progress("Blob Storage (at the first start Azurite is installed by npm)");
        let blobs = BlobStorage::start(azure, options.blob_port, AzuriteFrom::Npm).await?;
        let account_url = blobs.account_url(world::ACCOUNT);
        world::connect(azure, postgres.port(), &account_url, &azure.authority().file())?;

        let package = site::package(azure, options.package.as_deref()).await?;
        screen::progress("App Service: deploying, and waiting until the site is ready");
        apps.deploy(world::APP, &package).await?;
        apps.wait_ready(world::APP).await?;
        Ok(Self {
            apps,
            blobs,
            postgres,
            identity,
            entra,
        })
    }

    /// Makes something fail, from now on or once.
    pub async fn fail(&self, azure: &Azure, fault: &Fault) -> Result<()> {
        match fault {
            Fault::TokenLifetime(lifetime) => azure.faults().change(|set| set.token_lifetime = Some(*lifetime)),
            Fault::Identity(how) => {
                azure.faults().change(|set| set.identity = *how);
                if *how == IdentityFault::Away {
                    self.identity.stop();
                } else {
                    self.identity.start_again()?;
                }
            }
            Fault::StorageAway => {
                azure.faults().change(|set| set.storage_away = true);
                self.blobs.stop();
            }
            Fault::DatabaseAway => {
                azure.faults().change(|set| set.database_away = true);
                self.postgres.stop();
            }
            Fault::DatabaseRestart => self.postgres.restart().await?,
            Fault::RolesRemoved => azure.faults().change(|set| set.roles_removed = true),
        }
        Ok(())
    }

    /// Ends every fault.
    pub async fn heal(&self, azure: &Azure) -> Result<()> {
        let before = azure.faults().now();
        azure.faults().change(|set| *set = crate::faults::FaultSet::default());
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
