//! Blob Storage: Azurite, which speaks the protocol and keeps the blobs, behind a front door that does what Azurite
//! does not: it checks the signatures of tokens, the roles of who holds them, and what an account allows.
//!
//! A blob that was acknowledged is on disk: it survives kill -9 of Azurite and of all the rest.

mod azurite;
mod containers;
mod door;
mod install;
mod operations;
mod place;
mod refusal;
mod shared_key;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub use self::install::AzuriteFrom;

use self::azurite::Azurite;
use self::door::Door;
use crate::server::{LOOPBACK, Server, bind};
use crate::state::Azure;
use crate::{Error, Result};

/// The blob services of all storage accounts, on one port of loopback. They end with this value.
pub struct BlobStorage {
    azure: Azure,
    azurite: Arc<Azurite>,
    port: u16,
    /// `None` while the service is away.
    door: Mutex<Option<Server>>,
    /// Held by whoever makes containers.
    sync: tokio::sync::Mutex<()>,
}

/// What the front door's certificate is for: the addresses here, and Azure's for those who resolve them to loopback.
const HOSTS: [&str; 4] = ["localhost", LOOPBACK, "*.blob.core.windows.net", "*.blob.localhost"];

impl BlobStorage {
    /// Serves the storage accounts of the state on that port, 0 for a free one, with their containers made.
    ///
    /// # Errors
    ///
    /// The port is taken; Node.js, npm or Azurite is missing; npm or Azurite fails, with what it said.
    pub async fn start(azure: &Azure, port: u16, from: AzuriteFrom) -> Result<Self> {
        let listener = listen(port)?;
        let port = listener
            .local_addr()
            .map_err(Error::file("the port of Blob Storage"))?
            .port();
        let for_azurite = azure.clone();
        let azurite = blocking(move || Azurite::start(&for_azurite, &from)).await?;
        let storage = Self {
            azure: azure.clone(),
            azurite: Arc::new(azurite),
            port,
            door: Mutex::new(None),
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

    /// The blob service of that account, without a slash at the end: `https://127.0.0.1:<port>/<account>`. The host
    /// `<account>.blob.core.windows.net` works as well, for those who resolve it to loopback.
    #[must_use]
    pub fn account_url(&self, account: &str) -> String {
        format!("https://{LOOPBACK}:{}/{account}", self.port)
    }

    /// Makes the accounts and containers of the state that are not there yet, and gives containers their level of
    /// public access. Requests wait meanwhile: a new account, or a new key, restarts Azurite. What the state does not
    /// name stays.
    pub async fn sync(&self) -> Result<()> {
        let _one_at_a_time = self.sync.lock().await;
        let (azurite, accounts) = (self.azurite.clone(), self.azure.read(azurite::accounts));
        blocking(move || azurite.know(&accounts)).await?;
        containers::make(&self.azure, self.azurite.address()).await
    }

    /// Nobody listens any more, as when Azure cannot be reached. Blobs stay.
    pub fn stop(&self) {
        *self.door.lock().expect("nobody panics") = None;
    }

    /// Listens again, on the same port.
    pub fn start_again(&self) -> Result<()> {
        if self.door.lock().expect("nobody panics").is_some() {
            return Ok(());
        }
        self.open(listen(self.port)?)
    }

    /// kill -9 of Azurite, to see that nothing is lost. It is started again.
    pub fn kill_azurite(&self) {
        self.azurite.kill();
    }

    /// What Azurite has said, each request included; without signatures.
    #[must_use]
    pub fn log(&self) -> String {
        self.azurite.log()
    }

    fn open(&self, listener: TcpListener) -> Result<()> {
        let tls = self.azure.authority().server(&HOSTS)?;
        let door = Door::new(self.azure.clone(), self.azurite.address(), self.port)?;
        let server = Server::https(listener, tls, door.router());
        *self.door.lock().expect("nobody panics") = Some(server);
        Ok(())
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    bind(port, "Blob Storage", "--blob-port")
}

/// Does what blocks elsewhere.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::failed("Blob Storage", error))?
}
