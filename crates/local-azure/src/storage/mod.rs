//! Blob Storage: Azurite, which implements the protocol and stores the blobs, behind a front door that checks what Azurite
//! does not: the signatures of tokens, the roles of their principals, and the settings of the account.
//!
//! An acknowledged blob is on disk and survives a SIGKILL of Azurite and of this process.

pub mod address;
mod azurite;
mod containers;
pub mod credential;
mod door;
mod error;
mod index;
mod install;
pub mod operations;
pub mod shared_key;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;

pub use self::install::{AzuriteFrom, fetch};

use self::azurite::{Accounts, Azurite};
use self::door::Door;
use self::index::Index;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::server::{LOOPBACK, Server, bind};
use crate::state::{Container, State, StorageAccount, View as _, new_key};

/// The blob services of all storage accounts, on one loopback port. They stop when this value is dropped.
pub struct BlobStorage {
    /// `None` while the service is stopped. It is dropped before Azurite.
    door: Mutex<Option<Server>>,
    azure: Azure,
    azurite: Arc<Azurite>,
    port: u16,
    /// Whether [`BlobStorage::start`] has opened the port.
    was_started: bool,
    index: Index,
    /// The accounts that were created. It is locked while accounts are changed.
    applied: tokio::sync::Mutex<Vec<StorageAccount>>,
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
        let wanted: Vec<StorageAccount> = azure.read(|state| state.all().collect());
        let azurite = blocking(move || Azurite::start(&for_azurite, &from, &accounts(&wanted))).await?;
        let mut storage = Self {
            door: Mutex::new(None),
            index: Index::in_folder(&azure.subfolder("storage")?),
            azure: azure.clone(),
            azurite: Arc::new(azurite),
            port,
            was_started: false,
            applied: tokio::sync::Mutex::default(),
        };
        storage.reconcile().await?;
        storage.open(listener)?;
        storage.was_started = true;
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

    /// Makes the accounts and containers equal to the state: creates those that do not exist yet, sets the containers'
    /// public access, and deletes what belongs to accounts that were deleted. A new account or key restarts Azurite, and
    /// requests wait during the restart. Containers that the state does not name are left unchanged. While the fault
    /// `storage=away` is active, the port is closed.
    ///
    /// # Errors
    ///
    /// Azurite fails, or the port is in use.
    pub async fn reconcile(&self) -> Result<()> {
        let mut applied = self.applied.lock().await;
        if self.azure.faults().active().storage_away.all {
            self.stop();
        } else if self.was_started {
            self.start_again()?;
        }
        let state = self.azure.state();
        let wanted: Vec<StorageAccount> = state.all().collect();
        if *applied == wanted {
            return Ok(());
        }
        self.delete_obsolete(&state, &wanted).await?;
        let (azurite, accounts) = (self.azurite.clone(), accounts(&wanted));
        blocking(move || azurite.set_accounts(&accounts)).await?;
        self.index.write(&state)?;
        containers::create(&self.azure, self.azurite.address(), &wanted).await?;
        *applied = wanted;
        Ok(())
    }

    /// Whether the accounts and containers match the state.
    pub(crate) fn is_settled(&self) -> bool {
        let Ok(applied) = self.applied.try_lock() else {
            return false;
        };
        let wanted: Vec<StorageAccount> = self.azure.read(|state| state.all().collect());
        *applied == wanted
    }

    /// The containers of an account, whoever created them.
    ///
    /// # Errors
    ///
    /// Azurite does not answer.
    pub async fn containers(&self, account: &StorageAccount) -> Result<Vec<Container>> {
        containers::list(&self.azure, self.azurite.address(), account).await
    }

    /// Deletes a container, if it exists.
    ///
    /// # Errors
    ///
    /// Azurite does not answer.
    pub async fn delete_container(&self, account: &StorageAccount, name: &str) -> Result<()> {
        // The state that is being applied may still have it.
        let _one = self.applied.lock().await;
        containers::delete(&self.azure, self.azurite.address(), account, name).await
    }

    /// Keeps the accounts in line with the state and the faults until the future is dropped.
    pub async fn follow(&self) {
        let (mut changes, mut faults) = (self.azure.changes(), self.azure.faults().changes());
        loop {
            changes.mark_unchanged();
            faults.mark_unchanged();
            let pause = match self.reconcile().await {
                Ok(()) => Duration::MAX,
                Err(error) => {
                    tracing::warn!("Blob Storage: {error}");
                    RETRY
                }
            };
            tokio::select! {
                _ = changes.changed() => {}
                _ = faults.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Deletes the containers of accounts that were deleted, even if there are new accounts of their names.
    async fn delete_obsolete(&self, state: &State, wanted: &[StorageAccount]) -> Result<()> {
        let obsolete = self.index.obsolete(state)?;
        if obsolete.is_empty() {
            return Ok(());
        }
        // Azurite still has the keys of accounts that were just deleted.
        let mut with_obsolete = accounts(wanted);
        let running = self.azurite.accounts();
        for name in &obsolete {
            let keys = running.get(name).cloned().unwrap_or_else(|| [new_key(), new_key()]);
            with_obsolete.entry(name.clone()).or_insert(keys);
        }
        let (azurite, accounts) = (self.azurite.clone(), with_obsolete.clone());
        blocking(move || azurite.set_accounts(&accounts)).await?;
        for name in &obsolete {
            let [key, _] = &with_obsolete[name];
            containers::delete_all(&self.azure, self.azurite.address(), name, key).await?;
        }
        Ok(())
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

/// The pause after a failed attempt to bring the accounts in line with the state.
const RETRY: Duration = Duration::from_secs(2);

fn accounts(accounts: &[StorageAccount]) -> Accounts {
    let accounts = accounts.iter();
    accounts
        .map(|account| (account.name().to_owned(), account.keys.clone()))
        .collect()
}

fn listen(port: u16) -> Result<TcpListener> {
    bind(port, "Blob Storage", "--blob-port")
}

/// Runs blocking work on another thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::failed("Blob Storage", error))?
}
