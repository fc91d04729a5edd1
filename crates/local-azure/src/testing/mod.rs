//! Azure for the integration tests of an app: each service that a test uses, on a free port, with its own state.
//!
//! A test starts a [`Cloud`], passes its addresses to the app, and checks the result. Nothing is left when the test is
//! over, however it ends.
//!
//! ```no_run
//! use local_azure::testing::{Cloud, STORAGE_ACCOUNT};
//! use std::process::Command;
//!
//! # async fn test() -> local_azure::Result<()> {
//! let cloud = Cloud::start();
//! let postgres = cloud.postgres().await;
//! postgres.create_database("reviews").await?;
//! cloud.create_role("web").await;
//! cloud.create_container("photos").await;
//!
//! let output = Command::new("target/debug/my-app")
//!     .envs(cloud.environment())
//!     .env("PGHOST", "127.0.0.1")
//!     .env("PGPORT", postgres.port().to_string())
//!     .env("PGDATABASE", "reviews")
//!     .env("PGUSER", "web")
//!     .env("PGSSLROOTCERT", cloud.root_certificate())
//!     .env("STORAGE_URL", cloud.blob_storage().await.account_url(STORAGE_ACCOUNT))
//!     .env("SSL_CERT_FILE", cloud.root_certificate())
//!     .output()
//!     .expect("the app is built");
//! assert!(output.status.success());
//! cloud.assert_no_secret_in(&String::from_utf8_lossy(&output.stderr));
//! # Ok(())
//! # }
//! ```
//!
//! The state ([`Cloud::azure`]) lists the resources. A test may change it before it starts a service, for example to
//! add a password administrator to the database server, and later, for example to remove a role assignment.
//! [`crate::faults`] injects faults, and [`Cloud::reopen`] restarts everything.
//!
//! PostgreSQL starts in a fraction of a second ([`start_postgres`]), and Azurite in about one. Tests of one process that
//! do not affect each other may share a cloud in a static:
//!
//! ```no_run
//! use local_azure::testing::Cloud;
//! use std::sync::LazyLock;
//!
//! static SHARED: LazyLock<Cloud> = LazyLock::new(Cloud::start);
//! ```
//!
//! If a service cannot start, the method that starts it panics with the reason.

mod folder;
mod patience;
mod ports;
mod resources;
mod template;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use tokio::sync::OnceCell;

pub use self::patience::patiently;
pub use self::resources::{APP, IDENTITY, POSTGRES_SERVER, RESOURCE_GROUP, STORAGE_ACCOUNT};
pub use self::template::start_postgres;

use self::folder::Folder;
use self::ports::{on_a_port, on_a_port_async};
use self::resources::fill;
use crate::app_service::{AppService, Options, logs};
use crate::azure::Azure;
use crate::entra::Entra;
use crate::error::Error;
use crate::identity::IdentityEndpoints;
use crate::postgres::Postgres;
use crate::state::{Container, ManagedIdentity, PublicAccess, StorageAccount, View as _};
use crate::storage::{AzuriteFrom, BlobStorage};
use crate::tokens::Claims;

/// How long the services of a cloud that is reopened may take to end.
const REOPEN_LIMIT: Duration = Duration::from_mins(1);
/// How many lines of each log are printed when a test fails.
const LAST_LINES: usize = 100;

/// A small Azure for one test: a web app with a user-assigned managed identity, a PostgreSQL server and a storage
/// account. The identity endpoints run from the beginning; the other services start when they are first used.
///
/// Everything ends with this value or, in a static, with the process. When the test that owns it fails, the logs of its
/// services are printed.
pub struct Cloud {
    // The fields are in the order in which they are dropped.
    app_service: OnceLock<Arc<AppService>>,
    postgres: OnceCell<Postgres>,
    blob_storage: OnceCell<BlobStorage>,
    entra: OnceLock<Entra>,
    endpoints: IdentityEndpoints,
    header: String,
    identity: ManagedIdentity,
    /// The tokens that this value signed itself.
    signed: Mutex<Vec<String>>,
    azure: Azure,
    folder: Arc<Folder>,
}

impl Cloud {
    /// Starts the managed identity endpoints with a state in a temporary folder.
    #[must_use]
    pub fn start() -> Self {
        let folder = Arc::new(ready(Folder::new()));
        let azure = ready(Azure::open(folder.path()));
        let identity = ready(azure.change(|state| Ok(fill(state))));
        Self::open(folder, azure, identity)
    }

    /// Ends every service and opens the same state again, as after a reboot of the machine. Ports may change.
    #[must_use]
    pub fn reopen(self) -> Self {
        let (folder, identity) = (self.folder.clone(), self.identity.clone());
        drop(self);
        // A connection that is being closed may hold the state for a moment longer.
        let started = Instant::now();
        let azure = loop {
            match Azure::open(folder.path()) {
                Err(Error::AlreadyRunning { .. }) if started.elapsed() < REOPEN_LIMIT => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                opened => break ready(opened),
            }
        };
        Self::open(folder, azure, identity)
    }

    fn open(folder: Arc<Folder>, azure: Azure, identity: ManagedIdentity) -> Self {
        Self {
            app_service: OnceLock::new(),
            postgres: OnceCell::new(),
            blob_storage: OnceCell::new(),
            entra: OnceLock::new(),
            endpoints: ready(on_a_port(|port| IdentityEndpoints::start(&azure, port))),
            header: azure.identity_headers().give(APP),
            identity,
            signed: Mutex::default(),
            azure,
            folder,
        }
    }

    /// The state, the keys and the faults.
    #[must_use]
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The identity of the app.
    #[must_use]
    pub fn identity(&self) -> &ManagedIdentity {
        &self.identity
    }

    /// The variables that give a program the identity of the app: `IDENTITY_ENDPOINT`, `IDENTITY_HEADER` and
    /// `AZURE_CLIENT_ID`.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("IDENTITY_ENDPOINT", self.endpoints.app_service_url()),
            ("IDENTITY_HEADER", self.header.clone()),
            ("AZURE_CLIENT_ID", self.identity.client_id.to_string()),
        ]
    }

    /// The certificate to trust, a PEM file.
    #[must_use]
    pub fn root_certificate(&self) -> PathBuf {
        self.azure.authority().file()
    }

    /// The managed identity endpoints.
    #[must_use]
    pub fn identity_endpoints(&self) -> &IdentityEndpoints {
        &self.endpoints
    }

    /// The tenant's authority, which issues tokens to applications outside of Azure, and signs the visitors of web apps in.
    pub fn entra(&self) -> &Entra {
        let entra = self
            .entra
            .get_or_init(|| ready(on_a_port(|port| Entra::start(&self.azure, port))));
        self.connect_sign_in();
        entra
    }

    /// Lets App Service sign visitors in, once both it and the tenant's authority run.
    fn connect_sign_in(&self) {
        if let (Some(apps), Some(entra)) = (self.app_service.get(), self.entra.get()) {
            apps.set_authority(entra.authority_host());
            entra.set_app_port(apps.https_port());
        }
    }

    /// The PostgreSQL server.
    pub async fn postgres(&self) -> &Postgres {
        let start = async || ready(start_postgres(&self.azure, POSTGRES_SERVER).await);
        self.postgres.get_or_init(start).await
    }

    /// Creates a role in the PostgreSQL server. The identity signs in as this role, which has no privileges yet.
    pub async fn create_role(&self, name: &str) {
        let mut connection = ready(self.postgres().await.superuser("postgres").await);
        sqlx::query("select pgaadauth_create_principal_with_oid($1, $2, 'service', false, false)")
            .bind(name)
            .bind(self.identity.principal_id.to_string())
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("the role {name}: {error}"));
        let _ = connection.close().await;
    }

    /// The blob service of the storage account.
    ///
    /// It runs the Azurite of this crate's folder `azurite`, where ./test.sh installs it.
    pub async fn blob_storage(&self) -> &BlobStorage {
        let start = async || {
            let start = async |port| BlobStorage::start(&self.azure, port, azurite()).await;
            ready(on_a_port_async(start).await)
        };
        self.blob_storage.get_or_init(start).await
    }

    /// Creates a private container in the storage account.
    pub async fn create_container(&self, name: &str) {
        ready(self.azure.change(|state| {
            let added = state.edit(STORAGE_ACCOUNT, |account: &mut StorageAccount| {
                account.containers.push(Container {
                    name: name.to_owned(),
                    public_access: PublicAccess::None,
                });
            });
            added.expect("the state has the account");
            Ok(())
        }));
        ready(self.blob_storage().await.reconcile().await);
    }

    /// App Service with the web app [`APP`], to which nothing is deployed yet.
    pub fn app_service(&self) -> &Arc<AppService> {
        self.app_service_with(Options::default())
    }

    /// App Service with these options. They take effect only if this is the first call that returns App Service.
    pub fn app_service_with(&self, options: Options) -> &Arc<AppService> {
        let apps = self.app_service.get_or_init(|| {
            let endpoint = self.endpoints.app_service_url();
            Arc::new(ready(AppService::start(&self.azure, endpoint, options)))
        });
        self.connect_sign_in();
        apps
    }

    /// A token of the identity for that resource, such as [`crate::tokens::POSTGRES`]. It is issued without a request
    /// to the endpoints.
    #[must_use]
    pub fn token(&self, resource: &str) -> String {
        self.sign(&self.claims(resource))
    }

    /// The claims of such a token, for a test that changes them before [`Cloud::sign`].
    #[must_use]
    pub fn claims(&self, resource: &str) -> Claims {
        self.azure.claims(&self.identity.principal(), resource)
    }

    /// A token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let token = self.azure.sign(claims);
        self.signed
            .lock()
            .expect("no thread panics while holding the lock")
            .push(token.clone());
        token
    }

    /// The tokens that were issued so far: by the endpoints (at most the last 1000) and by this value.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let signed = self.signed.lock().expect("no thread panics while holding the lock");
        [self.endpoints.issued(), signed.clone()].concat()
    }

    /// Panics if the text, such as a log or a page, contains the `IDENTITY_HEADER` of [`Cloud::environment`], the
    /// storage account's key or a piece of any token.
    pub fn assert_no_secret_in(&self, text: &str) {
        assert!(!text.contains(&self.header), "the text contains IDENTITY_HEADER");
        let accounts: Vec<StorageAccount> = self.azure.read(|state| state.all().collect());
        for account in accounts {
            assert!(
                account.keys.iter().all(|key| !text.contains(key)),
                "the text contains a key of the account {}",
                account.name()
            );
        }
        // Logs may truncate tokens, so a piece counts as well. Any 47 characters of a token contain a whole piece of
        // 24.
        for token in self.tokens() {
            for (at, piece) in token.as_bytes().chunks_exact(24).enumerate() {
                let piece = str::from_utf8(piece).expect("a token consists of base64url and dots");
                assert!(
                    !text.contains(piece),
                    "the text contains a piece of a token, starting at its character {}",
                    24 * at
                );
            }
        }
    }

    /// The last lines of the log of each running service.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut all = String::new();
        let mut add = |service: &str, log: &str| {
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            let _ = writeln!(all, "== The log of {service} ends with:\n{}", last.join("\n"));
        };
        if let Some(postgres) = self.postgres.get() {
            add("PostgreSQL", &postgres.log());
        }
        if let Some(storage) = self.blob_storage.get() {
            add("Azurite", &storage.log());
        }
        if self.app_service.get().is_some() {
            let lines = logs(self.azure.folder(), APP).lines();
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            add("the web app", &lines.join("\n"));
        }
        all
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.logs());
        }
    }
}

/// The Azurite that ./test.sh installs.
#[must_use]
pub fn azurite() -> AzuriteFrom {
    AzuriteFrom::Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("azurite"))
}

fn ready<T>(result: crate::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests;
