//! All PostgreSQL servers of the state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::Postgres;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::reconcile::each;
use crate::state::{PostgresServer, View as _};
use crate::state_folder::{is_claimed, remove};

/// How often the processes are checked, and the pause after a failed start.
const INTERVAL: Duration = Duration::from_secs(2);

/// The PostgreSQL servers, each with its own data and its own port.
#[derive(Clone)]
pub struct Servers(Arc<Inner>);

struct Inner {
    azure: Azure,
    /// The name of the server that has the port of the option `--postgres-port`, in lower case. The others get free ones.
    first: String,
    port: u16,
    running: watch::Sender<BTreeMap<String, Start>>,
}

/// The latest start of a server.
#[derive(Clone)]
enum Start {
    Done(Arc<Postgres>),
    Failed(Arc<Error>),
}

impl Servers {
    /// Creates it without any running server. The server with that name gets this port; 0 selects a free one.
    #[must_use]
    pub fn new(azure: &Azure, server: &str, port: u16) -> Self {
        Self(Arc::new(Inner {
            azure: azure.clone(),
            first: server.to_ascii_lowercase(),
            port,
            running: watch::Sender::default(),
        }))
    }

    /// The running server with that name. The case of the name is ignored.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Postgres>> {
        match self.0.running.borrow().get(&name.to_ascii_lowercase())? {
            Start::Done(server) => Some(server.clone()),
            Start::Failed(_) => None,
        }
    }

    /// All running servers.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Postgres>> {
        let running = self.0.running.borrow();
        let servers = running.values().filter_map(|start| match start {
            Start::Done(server) => Some(server.clone()),
            Start::Failed(_) => None,
        });
        servers.collect()
    }

    /// Keeps the servers in line with the state until the future is dropped. Servers that exit are started again.
    pub async fn follow(&self) {
        let servers = self.clone();
        let follow = move |name: String| {
            let servers = servers.clone();
            async move { servers.follow_one(&name).await }
        };
        each::<PostgresServer, _>(&self.0.azure, follow).await;
    }

    /// Waits until every server that should run does, or cannot be started.
    ///
    /// # Errors
    ///
    /// The server with the name `needed` cannot be started.
    pub async fn started(&self, needed: &str) -> Result<()> {
        let mut running = self.0.running.subscribe();
        loop {
            let wanted: Vec<PostgresServer> = self.0.azure.read(|state| state.all().collect());
            let mut wanted = wanted.iter().filter(|server| !server.is_stopped);
            {
                let running = running.borrow_and_update();
                if let Some(Start::Failed(error)) = running.get(&needed.to_ascii_lowercase()) {
                    return Err(Error::Refused(error.to_string()));
                }
                if wanted.all(|server| running.contains_key(&server.name().to_ascii_lowercase())) {
                    return Ok(());
                }
            }
            let _ = tokio::time::timeout(INTERVAL, running.changed()).await;
        }
    }

    /// Brings every running server in line with the state and the faults, and waits for it.
    ///
    /// # Errors
    ///
    /// Those of the first server for which this fails.
    pub async fn reconcile(&self) -> Result<()> {
        let servers = self.all();
        let done = join_all(servers.iter().map(|server| server.reconcile())).await;
        done.into_iter().collect()
    }

    /// Whether the server with that name matches the state: running, stopped or deleted.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn is_settled(&self, name: &str) -> Result<bool> {
        let server: Option<PostgresServer> = self.0.azure.read(|state| state.find(name));
        let exists = server.is_some();
        let running = self.0.running.borrow();
        match running.get(&name.to_ascii_lowercase()) {
            Some(Start::Done(server)) => Ok(exists && server.is_settled()),
            Some(Start::Failed(error)) if exists => Err(Error::Refused(error.to_string())),
            Some(Start::Failed(_)) => Ok(false),
            None => Ok(server.is_none_or(|server| server.is_stopped)),
        }
    }

    /// Stops all servers.
    pub async fn stop(&self) {
        let servers = self.all();
        let stop = |server: Arc<Postgres>| tokio::task::spawn_blocking(move || server.stop());
        join_all(servers.into_iter().map(stop)).await;
    }

    /// Starts a server, keeps it in line with the state, and deletes its data when it is deleted.
    async fn follow_one(&self, name: &str) {
        let azure = &self.0.azure;
        let uid = || azure.read(|state| Some(state.uid(state.find::<PostgresServer>(name)?.id())));
        let Some(own) = uid() else { return };
        let (mut changes, mut faults) = (azure.changes(), azure.faults().changes());
        loop {
            changes.mark_unchanged();
            faults.mark_unchanged();
            if uid() != Some(own) {
                break;
            }
            self.step(name).await;
            tokio::select! {
                _ = changes.changed() => {}
                _ = faults.changed() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        let folder = azure.folder().join("postgres").join(name);
        let server = self.get(name);
        let deleted = tokio::task::spawn_blocking(move || {
            if let Some(server) = server {
                server.stop();
            }
            if is_claimed(&folder, own) {
                remove(&folder)
            } else {
                Ok(())
            }
        });
        if let Ok(Err(error)) = deleted.await {
            tracing::warn!("the data of {name} cannot be deleted: {error}");
        }
        self.0.running.send_modify(|running| drop(running.remove(name)));
    }

    /// Starts the server or brings it in line with the state.
    async fn step(&self, name: &str) {
        let azure = &self.0.azure;
        if let Some(server) = self.get(name) {
            if let Err(error) = server.reconcile().await {
                tracing::warn!("the PostgreSQL server {name}: {error}");
            }
            return;
        }
        let is_stopped = azure.read(|state| {
            state
                .find::<PostgresServer>(name)
                .is_none_or(|server| server.is_stopped)
        });
        if is_stopped {
            return;
        }
        let port = if name == self.0.first { self.0.port } else { 0 };
        let start = match Postgres::start(azure, name, port).await {
            Ok(server) => Start::Done(Arc::new(server)),
            Err(error) => {
                // Once, although it is tried again and again.
                if !self.0.running.borrow().contains_key(name) {
                    tracing::warn!("the PostgreSQL server {name} cannot be started: {error}");
                }
                Start::Failed(Arc::new(error))
            }
        };
        self.0
            .running
            .send_modify(|running| drop(running.insert(name.to_owned(), start)));
    }
}
