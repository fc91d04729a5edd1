//! Azure for the integration tests of an app: each part that a test asks for, on a free port, with a state of its own.
//!
//! A test starts a [`Cloud`], hands its addresses to the app, and looks at what became of them. Nothing of it is left
//! when the test is over, however it ends.
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
//! What there is stands in the state ([`Cloud::azure`]). A test may change it before it asks for a part, such as give
//! the database server an administrator with a password, and later, such as take a role back. [`crate::faults`] says
//! how to let parts fail.
//!
//! Starting PostgreSQL and Azurite takes seconds. Tests that leave each other alone may share one cloud, in a static:
//!
//! ```no_run
//! use local_azure::testing::Cloud;
//! use std::sync::LazyLock;
//!
//! static SHARED: LazyLock<Cloud> = LazyLock::new(Cloud::start);
//! ```
//!
//! What cannot be started panics with the reason, as fits a test.

mod folder;
mod patience;
mod resources;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use sqlx::{Connection as _, Executor as _};
use tokio::sync::OnceCell;

pub use self::patience::patiently;

use self::folder::Folder;
use self::resources::fill;
use crate::app_service::{AppService, Options, logs};
use crate::azure::Azure;
use crate::identity::IdentityEndpoints;
use crate::postgres::Postgres;
use crate::state::{Container, ManagedIdentity, PublicAccess};
use crate::storage::{AzuriteFrom, BlobStorage};
use crate::tokens::Claims;

/// The resource group that everything is in.
pub const RESOURCE_GROUP: &str = "tests";
/// The web app, which has the identity and no other.
pub const APP: &str = "app";
/// The user-assigned identity of the app.
pub const IDENTITY: &str = "app-identity";
/// The PostgreSQL server, which takes Entra's tokens only.
pub const POSTGRES_SERVER: &str = "tests";
/// The storage account, whose blobs the identity may read and write, and nobody else.
pub const STORAGE_ACCOUNT: &str = "testsaccount";

/// How many lines of each log are printed when a test fails.
const LAST_LINES: usize = 100;

/// A small Azure of a test's own: a web app with a user-assigned managed identity, a PostgreSQL server and a storage
/// account. The identity's endpoints run from the beginning, the others when they are asked for first.
///
/// Everything ends with this value; in a static, with the process. When a test that owns it fails, the logs of its
/// parts are printed.
pub struct Cloud {
    // In the order in which they end.
    app_service: OnceLock<AppService>,
    postgres: OnceCell<Postgres>,
    blob_storage: OnceCell<BlobStorage>,
    endpoints: IdentityEndpoints,
    header: String,
    identity: ManagedIdentity,
    /// The tokens that did not come from the endpoints.
    signed: Mutex<Vec<String>>,
    azure: Azure,
    _folder: Folder,
}

impl Cloud {
    /// Starts the managed identity endpoints on a state in a temporary folder.
    #[must_use]
    pub fn start() -> Self {
        let folder = ready(Folder::new());
        let azure = ready(Azure::open(folder.path()));
        let identity = ready(azure.change(|state| Ok(fill(state))));
        Self {
            app_service: OnceLock::new(),
            postgres: OnceCell::new(),
            blob_storage: OnceCell::new(),
            endpoints: ready(IdentityEndpoints::start(&azure, 0)),
            header: azure.identity_headers().give(APP),
            identity,
            signed: Mutex::default(),
            azure,
            _folder: folder,
        }
    }

    /// The state, the keys, the faults.
    #[must_use]
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The identity of the app.
    #[must_use]
    pub fn identity(&self) -> &ManagedIdentity {
        &self.identity
    }

    /// The variables by which a program is the app and has its identity: `IDENTITY_ENDPOINT`, `IDENTITY_HEADER` and
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

    /// The PostgreSQL server.
    pub async fn postgres(&self) -> &Postgres {
        let start = async || {
            let postgres = ready(Postgres::start(&self.azure, POSTGRES_SERVER).await);
            // Nothing here has to survive the machine's end.
            superuser(&postgres, "alter system set fsync = off").await;
            superuser(&postgres, "select pg_reload_conf()").await;
            postgres
        };
        self.postgres.get_or_init(start).await
    }

    /// Makes a role of the PostgreSQL server that the identity signs in as, without any privilege yet.
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
    /// Azurite comes from this crate's folder `azurite`, where ./test.sh installs it.
    pub async fn blob_storage(&self) -> &BlobStorage {
        let start = async || ready(BlobStorage::start(&self.azure, 0, azurite()).await);
        self.blob_storage.get_or_init(start).await
    }

    /// Makes a private container in the storage account.
    pub async fn create_container(&self, name: &str) {
        ready(self.azure.change(|state| {
            let accounts = &mut state.storage_accounts;
            let account = accounts.iter_mut().find(|account| account.name == STORAGE_ACCOUNT);
            account.expect("it is there").containers.push(Container {
                name: name.to_owned(),
                public_access: PublicAccess::None,
            });
            Ok(())
        }));
        ready(self.blob_storage().await.sync().await);
    }

    /// App Service, with the web app [`APP`], to which nothing is deployed yet.
    pub fn app_service(&self) -> &AppService {
        self.app_service.get_or_init(|| {
            let endpoint = self.endpoints.app_service_url();
            ready(AppService::start(&self.azure, endpoint, Options::default()))
        })
    }

    /// A token of the identity for that resource, such as [`crate::tokens::POSTGRES`], past the endpoints.
    #[must_use]
    pub fn token(&self, resource: &str) -> String {
        self.sign(&self.claims(resource))
    }

    /// What such a token says, for a test that changes it before it has it signed.
    #[must_use]
    pub fn claims(&self, resource: &str) -> Claims {
        self.azure.claims(&self.identity.principal(), resource)
    }

    /// A token that says what the test wants.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let token = self.azure.sign(claims);
        self.signed.lock().expect("nobody panics").push(token.clone());
        token
    }

    /// The tokens that were issued so far: by the endpoints (at most the last 1000) and here.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let signed = self.signed.lock().expect("nobody panics");
        [self.endpoints.issued(), signed.clone()].concat()
    }

    /// Fails where a log, a page or a message holds the `IDENTITY_HEADER` of [`Cloud::environment`], the storage
    /// account's key or a piece of any token.
    pub fn assert_no_secret_in(&self, text: &str) {
        assert!(!text.contains(&self.header), "the text holds IDENTITY_HEADER");
        let accounts = self.azure.read(|state| state.storage_accounts.clone());
        for account in accounts {
            assert!(
                !text.contains(&account.key),
                "the text holds the key of the account {}",
                account.name
            );
        }
        // A piece counts as well: logs shorten what is long. Any 47 characters hold a whole one of 24.
        for token in self.tokens() {
            for (at, piece) in token.as_bytes().chunks_exact(24).enumerate() {
                let piece = str::from_utf8(piece).expect("a token is base64url and dots");
                assert!(
                    !text.contains(piece),
                    "the text holds a piece of a token, from character {} on",
                    24 * at
                );
            }
        }
    }

    /// The last lines of the log of each part that runs.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut all = String::new();
        let mut add = |part: &str, log: &str| {
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            let _ = writeln!(all, "== The log of {part} ends with:\n{}", last.join("\n"));
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

async fn superuser(postgres: &Postgres, command: &'static str) {
    let mut connection = ready(postgres.superuser("postgres").await);
    let done = connection.execute(command).await;
    done.unwrap_or_else(|error| panic!("{command}: {error}"));
    let _ = connection.close().await;
}

#[cfg(test)]
mod tests;
