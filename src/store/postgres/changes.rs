//! Follows every change in the database: triggers in the migration notify, and this module listens
//! (<https://www.postgresql.org/docs/current/sql-notify.html>).

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::postgres::PgListener;
use sqlx::{Acquire, Connection};
use tokio::time::timeout;
use uuid::Uuid;

use super::connect::{LIFETIME, TIME_LIMIT};
use super::notified::Notified;
use super::pool::{Pool, WRITE_LIMIT};
use super::silence::{Silence, within};
use crate::model::RestaurantId;
use crate::store::{Change, Changes, StoreError};

const CHANNEL: &str = "restaurant_review_changes";
/// How often the listener pings the server. Far less than the lease of the page cache, so that one late answer is
/// harmless.
const PING_PERIOD: Duration = Duration::from_secs(1);

pub(super) struct Listener {
    connection: Notified,
    silence: Arc<Silence>,
    opened: Instant,
    next_ping: Instant,
    /// When the last answered ping was sent: every change that was committed earlier has arrived.
    heard_until: Option<Instant>,
}

impl Listener {
    pub(super) async fn start(pool: &Pool) -> Result<Self, StoreError> {
        let mut connection = Notified::open(pool.connector()).await?;
        within(TIME_LIMIT, connection.listener().listen(CHANNEL)).await?;
        check_delivery(pool, connection.listener()).await?;
        let now = Instant::now();
        Ok(Self {
            connection,
            silence: Arc::clone(&pool.connector().silence),
            opened: now,
            next_ping: now,
            heard_until: None,
        })
    }
}

/// Checks that notifications reach the listener. A pooler that shares connections by transaction (`PgBouncer` on port
/// 6432) does not deliver them, and reports no error.
async fn check_delivery(pool: &Pool, listener: &mut PgListener) -> Result<(), StoreError> {
    let sent = format!("test {}", Uuid::new_v4());
    let notify = sqlx::query_scalar!("select pg_notify($1, $2)::text", CHANNEL, sent);
    pool.work(WRITE_LIMIT, async |connection| notify.fetch_one(connection).await)
        .await?;
    let delivered = async {
        while listener.try_recv().await?.ok_or(connection_lost())?.payload() != sent {}
        Ok(())
    };
    timeout(TIME_LIMIT, delivered).await.unwrap_or_else(|_| {
        let why = "a notification did not arrive; a pooler that shares connections by transaction does not deliver any";
        Err(StoreError::Unavailable(sqlx::Error::Configuration(why.into())))
    })
}

#[async_trait]
impl Changes for Listener {
    async fn next(&mut self) -> Result<Option<Change>, StoreError> {
        loop {
            // Changes that arrived before an answer are returned before it.
            if let Some(notification) = self.connection.listener().next_buffered() {
                if let Some(change) = change(notification.payload()) {
                    return Ok(Some(change));
                }
                continue;
            }
            if let Some(moment) = self.heard_until.take() {
                return Ok(Some(Change::HeardUntil(moment)));
            }
            // Like every connection, this one is replaced from time to time.
            if self.opened.elapsed() > LIFETIME {
                return Ok(None);
            }
            tokio::select! {
                notification = self.connection.listener().try_recv() => {
                    if let Some(change) = change(notification?.ok_or(connection_lost())?.payload()) {
                        return Ok(Some(change));
                    }
                }
                () = tokio::time::sleep_until(self.next_ping.into()) => {
                    let sent = Instant::now();
                    // The server sends pending notifications before the answer to the ping.
                    let connection = self.connection.listener().acquire().await?;
                    self.silence.ping(connection.ping()).await?;
                    self.heard_until = Some(sent);
                    self.next_ping = sent + PING_PERIOD;
                }
            }
        }
    }
}

/// The change that a notification reports. `None` for the delivery check of an instance.
fn change(payload: &str) -> Option<Change> {
    match payload.parse() {
        Ok(id) => Some(Change::Restaurant(RestaurantId(id))),
        Err(_) if payload.starts_with("test ") => None,
        // `all`, and payloads of later versions.
        Err(_) => Some(Change::Everything),
    }
}

fn connection_lost() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into()))
}
