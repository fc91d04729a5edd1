//! Connections that are used again.
//!
//! In place of sqlx's pool, which asks the server whether a connection lives whenever one is taken and whenever it is
//! given back: two more trips to the server for a page that needs one.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect::{LIFETIME, PATIENCE, within};
use crate::store::StoreError;

/// Connections of one instance. A small server in Azure has 35 for all of them.
const CONNECTIONS: usize = 10;
/// How long a connection that is not needed is kept.
const IDLE: Duration = Duration::from_mins(10);

/// Connections that nobody uses now, and how many there may be in all.
pub(super) struct Pool {
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            idle: Arc::default(),
        }
    }

    /// A connection that is open, or else the one that `opening` gives. One that was used less than `trusted` ago is
    /// not asked whether it lives.
    pub(super) async fn acquire(
        &self,
        trusted: Duration,
        opening: impl Future<Output = Result<PgConnection, StoreError>>,
    ) -> Result<Pooled, StoreError> {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let (connection, opened, is_new) = match self.idle(trusted).await {
            Some(idle) => (idle.connection, idle.opened, false),
            None => (opening.await?, Instant::now(), true),
        };
        Ok(Pooled {
            connection: Some(connection),
            opened,
            is_new,
            place: Some(place),
            idle: self.idle.clone(),
        })
    }

    /// The idle connection that was used last, if it lives.
    async fn idle(&self, trusted: Duration) -> Option<Idle> {
        loop {
            let mut idle = lock(&self.idle).pop()?;
            if idle.opened.elapsed() < LIFETIME
                && (idle.since.elapsed() < trusted || within(idle.connection.ping()).await.is_ok())
            {
                return Some(idle);
            }
        }
    }
}

/// A connection in use. Nobody waits for its return: a request that was given up while it waited for an answer leaves
/// one that is asked first whether it can be used on.
pub(super) struct Pooled {
    connection: Option<PgConnection>,
    opened: Instant,
    is_new: bool,
    place: Option<OwnedSemaphorePermit>,
    idle: Arc<Mutex<Vec<Idle>>>,
}

impl Pooled {
    /// Whether that error says no more than that the connection was closed while nobody used it, as when the server
    /// starts again. Whoever only reads can ask another one.
    pub(super) fn was_closed(&self, error: &sqlx::Error) -> bool {
        !self.is_new
            && match error {
                sqlx::Error::Io(_) => true,
                // The server or an administrator ended it.
                sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
                _ => false,
            }
    }

    /// Gives the connection back. What it was asked is answered.
    pub(super) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            keep(&self.idle, connection, self.opened);
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let (Some(mut connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) else {
            return;
        };
        let (idle, opened, place) = (self.idle.clone(), self.opened, self.place.take());
        runtime.spawn(async move {
            if within(connection.ping()).await.is_ok() {
                keep(&idle, connection, opened);
            }
            drop(place);
        });
    }
}

/// Keeps a connection, and none that is too old.
fn keep(idle: &Mutex<Vec<Idle>>, connection: PgConnection, opened: Instant) {
    let mut idle = lock(idle);
    idle.retain(|idle| idle.since.elapsed() < IDLE && idle.opened.elapsed() < LIFETIME);
    idle.push(Idle {
        connection,
        opened,
        since: Instant::now(),
    });
}

fn lock(idle: &Mutex<Vec<Idle>>) -> std::sync::MutexGuard<'_, Vec<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deref for Pooled {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("taken when it is given back")
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("taken when it is given back")
    }
}
