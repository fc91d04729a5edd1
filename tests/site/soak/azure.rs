//! The site on App Service with two instances, PostgreSQL and Blob Storage.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use local_azure::app_service::{AppService, Origin, Package, logs};
use local_azure::state::WebApp;
use local_azure::testing::{APP, STORAGE_ACCOUNT};
use reqwest::Url;
use sqlx::{Connection as _, PgConnection};

use super::check::Saved;
use super::clock::Clocks;
use super::disk::Disk;
use super::load::Load;
use crate::azure::postgres::assert_recounted;
use crate::rig::{Container, Proxy, Resources};

/// So short that a fault of the identity endpoint outlasts the tokens.
const TOKEN_LIFETIME: std::time::Duration = std::time::Duration::from_secs(15);

/// The site, and all that it needs.
pub struct Azure {
    pub(super) resources: Resources,
    /// Between the site and PostgreSQL.
    pub(super) before_postgres: Proxy,
    /// Between the site and Blob Storage.
    pub(super) before_blob_storage: Proxy,
    /// The processes that were stopped with SIGSTOP.
    pub(super) stopped: Mutex<Vec<u32>>,
    /// The disk of the table of reviews.
    pub(super) disk: Disk,
    pub(super) clocks: Clocks,
}

impl Azure {
    pub async fn start() -> Self {
        let resources = Resources::start().await;
        resources.set_token_lifetime(TOKEN_LIFETIME);
        let azure = Self {
            before_postgres: Proxy::before(resources.postgres().await.port()).await,
            before_blob_storage: Proxy::before(account_url(&resources).await.port().unwrap()).await,
            stopped: Mutex::default(),
            disk: Disk::mount(16),
            clocks: Clocks::new(),
            resources,
        };
        azure.deploy().await;
        azure.use_disk().await;
        azure
    }

    async fn deploy(&self) {
        let script = self.clocks.script();
        // These are set by App Service itself.
        let own = [
            "WEBSITE_HOSTNAME",
            "HOST",
            "PORT",
            "IDENTITY_ENDPOINT",
            "IDENTITY_HEADER",
        ];
        let mut settings = self.resources.environment().await;
        settings.retain(|(name, _)| !own.contains(name));
        settings.push(("DBPORT", self.before_postgres.port.to_string()));
        let mut account_url = account_url(&self.resources).await;
        account_url.set_port(Some(self.before_blob_storage.port)).unwrap();
        settings.push(("STORAGE_ACCOUNT_NAME", account_url.to_string()));
        self.resources
            .cloud
            .azure()
            .change(|state| {
                state.edit(APP, |app: &mut WebApp| {
                    app.settings
                        .extend(settings.into_iter().map(|(name, value)| (name.to_owned(), value)));
                    let script = script.display();
                    app.startup_command = format!("exec sh {script} \"$WEBSITE_ROLE_INSTANCE_ID\" sh ./start.sh");
                });
                Ok(())
            })
            .unwrap();
        let package = tempfile::tempdir().unwrap();
        let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("start.sh");
        fs::copy(start, package.path().join("start.sh")).unwrap();
        let site = env!("CARGO_BIN_EXE_restaurant-review");
        fs::copy(site, package.path().join("restaurant-review")).unwrap();
        let origin = Origin {
            deployer: "ZipDeploy",
            author: "soak".to_owned(),
        };
        let package = Package::Folder(package.path().to_owned());
        let service = self.service();
        service.scale(APP, 2).await.unwrap();
        service.deploy(APP, &package, origin).await.unwrap();
        service.wait_ready(APP).await.unwrap();
    }

    /// Moves the table of reviews to a disk of its own.
    async fn use_disk(&self) {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = self.disk.path().join("reviews");
        fs::create_dir(&folder).unwrap();
        let owner = fs::metadata(format!("/proc/{}", self.postgres_process().await)).unwrap();
        chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
        let database = &self.resources.database;
        database
            .admin(&format!("create tablespace small location '{}'", folder.display()))
            .await;
        database.admin("alter table reviews set tablespace small").await;
    }

    /// PostgreSQL's first process.
    pub(super) async fn postgres_process(&self) -> u32 {
        let mut sql = self.resources.postgres().await.superuser("postgres").await.unwrap();
        let own: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut sql)
            .await
            .unwrap();
        let status = fs::read_to_string(format!("/proc/{own}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
        parent.trim().parse().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://app.localhost:{}", self.service().http_port())
    }

    pub(super) fn service(&self) -> &Arc<AppService> {
        self.resources.cloud.app_service()
    }

    /// Stops the site, and checks what it has saved. Returns what is wrong.
    pub async fn check(&self, load: &Load) -> Vec<String> {
        self.service().stop_app(APP).await.unwrap();
        let faults = self.resources.cloud.azure().faults();
        faults.change(|faults| faults.token_lifetime = None);
        let name = &self.resources.database.config.name;
        let mut sql = self.resources.postgres().await.superuser(name).await.unwrap();
        assert_recounted(&mut sql).await;
        let container = Container::named(&self.resources.cloud, "photos").await;
        let saved = Saved {
            restaurants: names(&mut sql, "select name from restaurants").await,
            reviews: sqlx::query_as("select user_name, image_name from reviews")
                .fetch_all(&mut sql)
                .await
                .unwrap(),
            unclaimed: names(&mut sql, "select name from unclaimed_photos").await,
            files: container.names().await,
        };
        sql.close().await.unwrap();
        let log = logs(self.resources.cloud.azure().folder(), APP).lines();
        let log: Vec<_> = log.iter().map(ToString::to_string).collect();
        saved.check(&load.journal, &container.photos(), &log.join("\n")).await
    }
}

async fn account_url(resources: &Resources) -> Url {
    let url = resources.blob_storage().await.account_url(STORAGE_ACCOUNT);
    url.parse().unwrap()
}

async fn names(sql: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(sql).await.unwrap()
}
