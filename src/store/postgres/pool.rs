//! The connections that requests share.
//!
//! sqlx's own pool pings the server whenever a connection is taken and whenever it is returned: two extra round trips
//! for a page that needs one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Manager, Metrics, Object, PoolError, QueueMode, RecycleResult};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::connect::{Connector, LIFETIME, TIME_LIMIT};
use super::silence::{PING_LIMIT, TRUSTED, is_time_out, within};
use crate::store::line::Line;
use crate::store::{Connections, StoreError};
use crate::telemetry;

/// Connections of one instance. A small server in Azure allows 35 for all instances, and has one or two processors: more
/// statements at a time would only wait for each other.
const CONNECTIONS: usize = 5;
/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(10);
/// How long the server may take to read a page, and to change something. It ends a statement earlier by itself (see
/// `STATEMENT_TIMEOUT`), so after this time it is silent.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(10);
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(12);

/// A pool of connections, opened when they are needed.
///
/// Every use of a connection passes through [`Self::read`], [`Self::write`] or [`Self::work`], which limit its time.
pub(super) struct Pool {
    connections: managed::Pool<Connector>,
    line: Line,
    /// Whether the server refused the last change, because it is read-only or its disk is full.
    refuses_changes: AtomicBool,
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        let pool = managed::Pool::builder(connector)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(TIME_LIMIT))
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build();
        Self {
            connections: pool.expect("a pool with a time limit has a runtime"),
            line: Line::before(CONNECTIONS, "use"),
            refuses_changes: AtomicBool::new(false),
        }
    }

    /// How many connections there are, and how many requests wait for one.
    pub(super) fn connections(&self) -> Connections {
        let status = self.connections.status();
        Connections {
            used: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
        }
    }

    /// Opens the connections of the pool, and others outside it.
    pub(super) fn connector(&self) -> &Connector {
        self.connections.manager()
    }

    /// Reads something for a visitor.
    ///
    /// The server may have closed the connection since its last use, up to a second ago; then this reads again over
    /// another one.
    pub(super) async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T> + Clone,
    ) -> Result<T, StoreError> {
        let _place = self.line.join()?;
        loop {
            let mut connection = self.get().await?;
            let result = self.limited(READ_LIMIT, read.clone()(connection.inner())).await;
            match result {
                Err(error) if connection.was_closed(&error) => {}
                result => return connection.finish(result),
            }
        }
    }

    /// Changes something for a visitor. This is not repeated, so the server has just answered a ping.
    pub(super) async fn write<T>(
        &self,
        write: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        let _place = self.line.join()?;
        let result = self.work(WRITE_LIMIT, write).await;
        match &result {
            Ok(_) => self.refuses_changes.store(false, Ordering::Relaxed),
            Err(error) if error.is_refused_change() => self.refuses_changes.store(true, Ordering::Relaxed),
            // This says nothing about the next change.
            Err(_) => {}
        }
        result
    }

    /// Whether the server refused the last change that it could tell about, because it is read-only or its disk is full.
    pub(super) fn refuses_changes(&self) -> bool {
        self.refuses_changes.load(Ordering::Relaxed)
    }

    /// Does something that no visitor waits for, so it may wait behind a line that is full.
    pub(super) async fn work<T>(
        &self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.get_pinged().await?;
        let result = self.limited(limit, work(connection.inner())).await;
        connection.finish(result)
    }

    /// The result of statements, outside the request's span, which sqlx would enter and leave for each row.
    async fn limited<T>(&self, limit: Duration, statements: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let connector = self.connector();
        let statements = statements.with_subscriber(Dispatch::none());
        telemetry::of_statements(connector.options(), connector.silence.limit(limit, statements)).await
    }

    async fn get(&self) -> Result<Pooled, StoreError> {
        self.connections
            .retain(|idle, metrics| metrics.age() < LIFETIME && idle.since.elapsed() < IDLE_LIMIT);
        match self.connections.get().await {
            Ok(connection) => Ok(Pooled(Some(connection))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// A connection on which the server has just answered a ping.
    async fn get_pinged(&self) -> Result<Pooled, StoreError> {
        loop {
            let mut connection = self.get().await?;
            let silence = &self.connector().silence;
            if connection.is_new() || silence.ping(connection.inner().ping()).await.is_ok() {
                return Ok(connection);
            }
            connection.close();
        }
    }
}

/// A connection in the pool.
pub(super) struct Idle {
    connection: PgConnection,
    /// When the server last answered on it.
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

    /// Fails if the connection may be lost; the pool then closes it, and takes or opens another one.
    async fn recycle(&self, idle: &mut Idle, _: &Metrics) -> RecycleResult<StoreError> {
        if self.silence.concerns(idle.since) {
            return Err(StoreError::from(sqlx::Error::PoolTimedOut).into());
        }
        if idle.since.elapsed() >= TRUSTED {
            self.silence
                .ping(idle.connection.ping())
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }
}

/// A connection in use.
struct Pooled(Option<Object<Connector>>);

impl Pooled {
    fn object(&mut self) -> &mut Object<Connector> {
        self.0.as_mut().expect("taken only by the methods that consume it")
    }

    fn inner(&mut self) -> &mut PgConnection {
        &mut self.object().connection
    }

    /// Whether the connection was opened for this use.
    fn is_new(&mut self) -> bool {
        Object::metrics(self.object()).recycle_count == 0
    }

    /// Whether the error only means that the connection was closed while it was idle, for instance because the server
    /// restarted. A caller that only reads can then try again with another one.
    fn was_closed(&mut self, error: &sqlx::Error) -> bool {
        !self.is_new()
            && match error {
                sqlx::Error::Io(_) => !is_time_out(error),
                // The server is shutting down, or an administrator closed the connection.
                sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
                _ => false,
            }
    }

    /// Returns the connection to the pool after its use, or closes it if its answer is missing.
    fn finish<T>(mut self, result: sqlx::Result<T>) -> Result<T, StoreError> {
        match &result {
            // The server has answered everything, so this needs no ping.
            Ok(_) => {
                if let Some(mut object) = self.0.take() {
                    object.since = Instant::now();
                }
            }
            Err(error) if is_time_out(error) => self.close(),
            Err(_) => {}
        }
        Ok(result?)
    }

    fn close(mut self) {
        self.0.take().map(Object::take);
    }
}

/// A connection that is dropped, perhaps while the server still answers an abandoned request, returns to the pool once
/// it has answered a ping. That may say nothing about other connections: the server pings back only after the request.
impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut object) = self.0.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            let _ = Object::take(object);
            return;
        };
        runtime.spawn(async move {
            match within(PING_LIMIT, object.connection.ping()).await {
                Ok(()) => object.since = Instant::now(),
                Err(_) => drop(Object::take(object)),
            }
        });
    }
}
