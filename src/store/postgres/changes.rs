//! What changes in the database, whoever changes it: triggers notify (`migrations/postgres/0002_changes.sql`),
//! and this listens (<https://www.postgresql.org/docs/current/sql-notify.html>).

use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::postgres::PgListener;
use sqlx::{Acquire, Connection};
use tokio::time::timeout;
use uuid::Uuid;

use super::connect::{Database, LIFETIME, PATIENCE, within};
use crate::model::RestaurantId;
use crate::store::{Change, Changes, StoreError};

const CHANNEL: &str = "restaurant_review_changes";
/// How often the server is asked whether all was heard. Less than [`crate::cache::LEASE`] by far, so that one late
/// answer does no harm.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) struct Listener {
    connection: PgListener,
    since: Instant,
    next_question: Instant,
    /// When a question was asked that has been answered: what was committed before came before the answer.
    answered: Option<Instant>,
}

impl Listener {
    pub(super) async fn start(database: &Database) -> Result<Self, StoreError> {
        let mut listener = database.listener().await?;
        listener.listen(CHANNEL).await?;
        is_heard(database, &mut listener).await?;
        let now = Instant::now();
        Ok(Self {
            connection: listener,
            since: now,
            next_question: now,
            answered: None,
        })
    }
}

/// Proves that notifications come through to a connection that waits. Behind a pooler that lends connections for
/// a transaction (`PgBouncer` on port 6432) they do not, without any error.
async fn is_heard(database: &Database, listener: &mut PgListener) -> Result<(), StoreError> {
    let sent = format!("test {}", Uuid::new_v4());
    let mut connection = database.acquire().await?;
    sqlx::query_scalar!("select pg_notify($1, $2)::text", CHANNEL, sent)
        .fetch_one(&mut *connection)
        .await?;
    let heard = async {
        while listener.try_recv().await?.ok_or(lost())?.payload() != sent {}
        Ok(())
    };
    timeout(PATIENCE, heard).await.unwrap_or_else(|_| {
        let why = "a notification did not arrive; a pooler that shares connections by transaction lets none through";
        Err(StoreError::Unavailable(sqlx::Error::Configuration(why.into())))
    })
}

#[async_trait]
impl Changes for Listener {
    async fn next(&mut self) -> Result<Option<Change>, StoreError> {
        loop {
            // What came before an answer, before the answer.
            if let Some(notification) = self.connection.next_buffered() {
                if let Some(change) = change(notification.payload()) {
                    return Ok(Some(change));
                }
                continue;
            }
            if let Some(moment) = self.answered.take() {
                return Ok(Some(Change::NoneElseBefore(moment)));
            }
            // Like every connection, this one is signed in anew from time to time.
            if self.since.elapsed() > LIFETIME {
                return Ok(None);
            }
            tokio::select! {
                notification = self.connection.try_recv() => {
                    if let Some(change) = change(notification?.ok_or(lost())?.payload()) {
                        return Ok(Some(change));
                    }
                }
                () = tokio::time::sleep_until(self.next_question.into()) => {
                    let asked = Instant::now();
                    // The server sends what it has to tell before it says that it is ready again.
                    let connection = self.connection.acquire().await?;
                    within(connection.ping()).await?;
                    self.answered = Some(asked);
                    self.next_question = asked + PERIOD;
                }
            }
        }
    }
}

/// What a notification says; `None` for the test of some instance.
fn change(payload: &str) -> Option<Change> {
    match payload.parse() {
        Ok(id) => Some(Change::Restaurant(RestaurantId(id))),
        Err(_) if payload.starts_with("test ") => None,
        // `all`, and whatever a later version may send.
        Err(_) => Some(Change::Everything),
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into()))
}
