//! A connection that receives notifications, and is closed within a limit.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{Acquire as _, Connection as _};

use super::connect::Connector;
use super::silence::{PING_LIMIT, is_time_out, within};
use crate::store::StoreError;

/// The pause between attempts to open a connection in place of a silent one.
const PAUSE: Duration = Duration::from_secs(5);

/// A connection that receives notifications.
///
/// When sqlx drops its listener, it sends `UNLISTEN` and waits for the answer without a limit: a task and a socket would
/// remain each time that the server falls silent. sqlx has no way to close the connection instead, but it can be
/// exchanged for one that answers.
pub(super) struct Notified {
    /// Always there until the drop.
    listener: Option<PgListener>,
    connector: Connector,
}

impl Notified {
    pub(super) async fn open(connector: &Connector) -> Result<Self, StoreError> {
        Ok(Self {
            listener: Some(connector.listener().await?),
            connector: connector.clone(),
        })
    }

    pub(super) fn listener(&mut self) -> &mut PgListener {
        self.listener.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            tokio::spawn(close(listener, self.connector.clone()));
        }
    }
}

async fn close(mut listener: PgListener, connector: Connector) {
    let Ok(connection) = listener.acquire().await else {
        return;
    };
    // sqlx soon closes a connection that answers, or that is known to be lost.
    while within(PING_LIMIT, connection.ping())
        .await
        .as_ref()
        .is_err_and(is_time_out)
    {
        match connector.connect().await {
            // Dropping the silent connection closes it.
            Ok(answering) => *connection = answering,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
