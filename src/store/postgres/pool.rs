//! The connections that requests share.
//!
//! sqlx's own pool pings the server whenever a connection is taken and whenever it is returned: two extra round trips
//! for a page that needs one.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use deadpool::Runtime;
use deadpool::managed::{self, Manager, Metrics, Object, PoolError, QueueMode, RecycleResult};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;

use super::connect::{Connector, LIFETIME, TIME_LIMIT, with_time_limit};
use crate::store::StoreError;

/// Connections of one instance. A small server in Azure allows 35 for all instances.
const CONNECTIONS: usize = 10;
/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(10);
/// How long after its last use a connection is taken without a ping.
const TRUSTED: Duration = Duration::from_secs(1);

/// A pool of connections, opened when they are needed.
pub(super) struct Pool(managed::Pool<Connector>);

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        let pool = managed::Pool::builder(connector)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(TIME_LIMIT))
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build();
        Self(pool.expect("a pool with a time limit has a runtime"))
    }

    /// Opens the connections of the pool, and others outside it.
    pub(super) fn connector(&self) -> &Connector {
        self.0.manager()
    }

    /// A connection for reading. The server may have closed it since its last use, up to a second ago; then
    /// [`Pooled::was_closed`] tells the caller to try again with another one.
    pub(super) async fn get(&self) -> Result<Pooled, StoreError> {
        self.0
            .retain(|idle, metrics| metrics.age() < LIFETIME && idle.since.elapsed() < IDLE_LIMIT);
        match self.0.get().await {
            Ok(connection) => Ok(Pooled(Some(connection))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// A connection for changes, which must not be repeated: the server has just answered a ping on it.
    pub(super) async fn get_pinged(&self) -> Result<Pooled, StoreError> {
        loop {
            let mut connection = self.get().await?;
            if connection.is_new() || with_time_limit(connection.ping()).await.is_ok() {
                return Ok(connection);
            }
            connection.close();
        }
    }
}

/// A connection in the pool.
pub(super) struct Idle {
    connection: PgConnection,
    since: Instant,
}

impl Manager for Connector {
    type Type = Idle;
    type Error = StoreError;

    async fn create(&self) -> Result<Idle, StoreError> {
        Ok(Idle {
            connection: self.connect().await?,
            since: Instant::now(),
        })
    }

    async fn recycle(&self, idle: &mut Idle, _: &Metrics) -> RecycleResult<StoreError> {
        if idle.since.elapsed() >= TRUSTED {
            with_time_limit(idle.connection.ping())
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }
}

/// A connection in use.
pub(super) struct Pooled(Option<Object<Connector>>);

impl Pooled {
    fn object(&self) -> &Object<Connector> {
        self.0.as_ref().expect("taken only by the methods that consume it")
    }

    /// Whether the connection was opened for this use.
    fn is_new(&self) -> bool {
        Object::metrics(self.object()).recycle_count == 0
    }

    /// Whether the error only means that the connection was closed while it was idle, for instance because the server
    /// restarted. A caller that only reads can then try again with another one.
    pub(super) fn was_closed(&self, error: &sqlx::Error) -> bool {
        !self.is_new()
            && match error {
                sqlx::Error::Io(_) => true,
                // The server is shutting down, or an administrator closed the connection.
                sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
                _ => false,
            }
    }

    /// Returns the connection to the pool without the ping of a drop, for what must be fast. The server must have answered
    /// every query.
    pub(super) fn release(mut self) {
        if let Some(mut object) = self.0.take() {
            object.since = Instant::now();
        }
    }

    fn close(mut self) {
        self.0.take().map(Object::take);
    }
}

/// A connection that is dropped, perhaps while the server still answers an abandoned request, returns to the pool once
/// it has answered a ping.
impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            let _ = Object::take(object);
            return;
        };
        runtime.spawn(async move {
            match with_time_limit(object.connection.ping()).await {
                Ok(()) => object.since = Instant::now(),
                Err(_) => drop(Object::take(object)),
            }
        });
    }
}

impl Deref for Pooled {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.object().connection
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut PgConnection {
        let object = self.0.as_mut().expect("taken only by the methods that consume it");
        &mut object.connection
    }
}
