//! Blob Storage: Azurite, which implements the protocol and stores the blobs, behind a front door that checks what Azurite
//! does not: the signatures of tokens, the roles of their principals, and the settings of the account.
//!
//! An acknowledged blob is on disk and survives a SIGKILL of Azurite and of this process.

mod address;
mod azurite;
mod containers;
mod door;
mod error;
mod install;
mod operations;
mod shared_key;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;

pub use self::install::AzuriteFrom;

use self::azurite::Azurite;
use self::door::Door;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::server::{LOOPBACK, Server, bind};

/// The blob services of all storage accounts, on one loopback port. They stop when this value is dropped.
pub struct BlobStorage {
    /// `None` while the service is stopped. It is dropped before Azurite.
    door: Mutex<Option<Server>>,
    azure: Azure,
    azurite: Arc<Azurite>,
    port: u16,
    /// Held while containers are created.
    sync: tokio::sync::Mutex<()>,
}

/// The hosts of the front door's certificate: the local addresses, and Azure's for clients that resolve them to loopback.
const HOSTS: [&str; 4] = ["localhost", LOOPBACK, "*.blob.core.windows.net", "*.blob.localhost"];

impl BlobStorage {
    /// Starts the blob services of the state's storage accounts on that port, and creates their containers. Port 0 selects
    /// a free one.
    ///
    /// # Errors
    ///
    /// The port is in use; Node.js, npm or Azurite is missing; or npm or Azurite fails. The error then contains its
    /// output.
    pub async fn start(azure: &Azure, port: u16, from: AzuriteFrom) -> Result<Self> {
        let listener = listen(port)?;
        let port = listener
            .local_addr()
            .map_err(Error::file("the port of Blob Storage"))?
            .port();
        let for_azurite = azure.clone();
        let azurite = blocking(move || Azurite::start(&for_azurite, &from)).await?;
        let storage = Self {
            door: Mutex::new(None),
            azure: azure.clone(),
            azurite: Arc::new(azurite),
            port,
            sync: tokio::sync::Mutex::new(()),
        };
        storage.sync().await?;
        storage.open(listener)?;
        Ok(storage)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of an account's blob service, without a trailing slash: `https://127.0.0.1:<port>/<account>`. The host
    /// `<account>.blob.core.windows.net` works too, for clients that resolve it to loopback.
    #[must_use]
    pub fn account_url(&self, account: &str) -> String {
        format!("https://{LOOPBACK}:{}/{account}", self.port)
    }

    /// Creates the state's accounts and containers that do not exist yet, and sets the containers' public access. A new
    /// account or key restarts Azurite, and requests wait during the restart. Containers that the state does not name are
    /// left unchanged.
    pub async fn sync(&self) -> Result<()> {
        let _one_at_a_time = self.sync.lock().await;
        let (azurite, accounts) = (self.azurite.clone(), self.azure.read(azurite::accounts));
        blocking(move || azurite.set_accounts(&accounts)).await?;
        containers::create(&self.azure, self.azurite.address()).await
    }

    /// Closes the port, as if Azure were unreachable. Blobs are kept.
    pub fn stop(&self) {
        *self.door.lock().expect("no thread panics while holding the lock") = None;
    }

    /// Listens again on the same port, if it was stopped.
    pub fn start_again(&self) -> Result<()> {
        if self
            .door
            .lock()
            .expect("no thread panics while holding the lock")
            .is_some()
        {
            return Ok(());
        }
        self.open(listen(self.port)?)
    }

    /// Kills Azurite with SIGKILL, to test that nothing is lost. It is restarted.
    pub fn kill_azurite(&self) {
        self.azurite.kill();
    }

    /// Azurite's log, which contains every request, but no signatures.
    #[must_use]
    pub fn log(&self) -> String {
        self.azurite.log()
    }

    /// The routes of the blob services.
    pub fn router(&self) -> Result<Router> {
        let door = Door::new(self.azure.clone(), self.azurite.address(), self.port)?;
        Ok(door.router())
    }

    fn open(&self, listener: TcpListener) -> Result<()> {
        let tls = self.azure.authority().server(&HOSTS)?;
        let server = Server::https(listener, tls, self.router()?);
        *self.door.lock().expect("no thread panics while holding the lock") = Some(server);
        Ok(())
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    bind(port, "Blob Storage", "--blob-port")
}

/// Runs blocking work on another thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::failed("Blob Storage", error))?
}
