//! Copies the write-ahead log into the file while the site is idle.
//!
//! SQLite does so itself after each 1,000 pages, and when the last connection closes; what was written last would
//! otherwise stay in the log, which every reader must search.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::fs;

/// How long nothing must have been written.
const IDLE: Duration = Duration::from_secs(5);

/// Looks regularly, until the task is dropped.
pub(super) async fn run(file: PathBuf, options: SqliteConnectOptions) {
    // It gives up at once where it would have to wait for a reader, or a writer for it.
    let options = options.create_if_missing(false).busy_timeout(Duration::ZERO);
    let mut name = OsString::from(file);
    name.push("-wal");
    let log = PathBuf::from(name);
    let mut last = None;
    loop {
        tokio::time::sleep(IDLE).await;
        let written = last_written(&log).await;
        if written.is_some()
            && written == last
            && let Err(error) = checkpoint(&options).await
        {
            tracing::debug!(%error, "the write-ahead log stays until later");
        }
        last = written;
    }
}

/// When the log was last written; `None` if it is empty.
async fn last_written(log: &PathBuf) -> Option<SystemTime> {
    let log = fs::metadata(log).await.ok().filter(|log| log.len() > 0)?;
    log.modified().ok()
}

async fn checkpoint(options: &SqliteConnectOptions) -> sqlx::Result<()> {
    let mut connection = options.connect().await?;
    sqlx::query("pragma wal_checkpoint(truncate)")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await
}
