//! The resources that the site has on App Service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use local_azure::postgres::Postgres;
use local_azure::storage::BlobStorage;
use local_azure::testing::{Cloud, STORAGE_ACCOUNT};

use super::{Database, Running};

const CONTAINER: &str = "photos";

/// A cloud for a single test, with a database and a container for the site's identity, and without any password.
pub struct Resources {
    pub database: Database,
    pub cloud: Arc<Cloud>,
}

impl Resources {
    pub async fn start() -> Self {
        let cloud = Arc::new(Cloud::start());
        cloud.create_container(CONTAINER).await;
        Self {
            database: Database::for_identity(&cloud).await,
            cloud,
        }
    }

    pub async fn postgres(&self) -> &Postgres {
        self.cloud.postgres().await
    }

    pub async fn blob_storage(&self) -> &BlobStorage {
        self.cloud.blob_storage().await
    }

    /// Sets the lifetime of new tokens.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        let faults = self.cloud.azure().faults();
        faults.change(|faults| faults.token_lifetime = Some(lifetime));
    }

    /// The settings of the site, as App Service and the owner of the site set them.
    pub async fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        let config = &self.database.config;
        let root = self.cloud.root_certificate();
        let mut environment = vec![
            ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net".to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", "0".to_owned()),
            ("DBHOST", config.host.clone()),
            ("DBPORT", config.port.to_string()),
            ("DBNAME", config.name.clone()),
            ("DBUSER", config.user.clone()),
            ("PGSSLROOTCERT", path(&root)),
            (
                "STORAGE_ACCOUNT_NAME",
                self.blob_storage().await.account_url(STORAGE_ACCOUNT),
            ),
            ("STORAGE_CONTAINER_NAME", CONTAINER.to_owned()),
            ("SSL_CERT_FILE", path(&root)),
        ];
        environment.extend(self.cloud.environment());
        environment
    }

    pub async fn site(&self) -> Running {
        Running::start(&self.environment().await).await
    }
}
