//! Takes turns with the other processes that open the same file.
//!
//! SQLite's own locks keep them apart, but an attempt to get one may fail: a file's first change to WAL mode does not wait
//! for a lock, and another process may keep a lock for longer than a connection waits.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::StoreError;

/// How long an opening waits for other processes. A migration of a large file is a matter of seconds.
pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// BUSY; and PROTOCOL, when others have locked and unlocked the file again and again.
const IN_USE: [i32; 2] = [5, 15];

/// Repeats an attempt while other processes lock the file, for at most `limit`.
pub(super) async fn in_turn(
    file: &Path,
    limit: Duration,
    attempt: impl AsyncFn() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let start = Instant::now();
    let mut announcement = Some(start + Duration::from_secs(1));
    loop {
        match attempt().await {
            Err(error) if is_in_use(&error) => {}
            result => return result,
        }
        let now = Instant::now();
        if now - start >= limit {
            return Err(StoreError::InUse(limit));
        }
        if announcement.take_if(|at| *at <= now).is_some() {
            tracing::warn!("another program is writing to {}; waiting for it", file.display());
        }
        sleep(PAUSE).await;
    }
}

fn is_in_use(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(sqlx::Error::PoolTimedOut) => true,
        StoreError::Unavailable(sqlx::Error::Database(error)) | StoreError::Failed(sqlx::Error::Database(error)) => {
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            code.is_some_and(|code| IN_USE.contains(&(code & 0xff)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::*;

    #[tokio::test]
    async fn an_opening_waits_for_a_lock_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        let mut other = options.connect().await.unwrap();
        let lock = other.begin_with("begin immediate").await.unwrap();
        let attempt = async || {
            let mut connection = options.connect().await?;
            let transaction = connection.begin_with("begin immediate").await?;
            Ok(transaction.commit().await?)
        };
        let limit = 3 * PAUSE;
        let refused = in_turn(&file, limit, attempt).await;
        assert!(
            matches!(refused, Err(StoreError::InUse(waited)) if waited == limit),
            "{refused:?}"
        );

        let (opened, ()) = tokio::join!(in_turn(&file, LIMIT, attempt), async {
            sleep(3 * PAUSE).await;
            lock.rollback().await.unwrap();
        });
        opened.unwrap();
    }

    #[tokio::test]
    async fn other_errors_are_not_repeated() {
        let mut attempts = std::sync::atomic::AtomicUsize::new(0);
        let failed = in_turn(Path::new("file"), LIMIT, async || {
            attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(StoreError::Damaged("a page".into()))
        })
        .await;
        assert!(matches!(failed, Err(StoreError::Damaged(_))));
        assert_eq!(*attempts.get_mut(), 1);
    }
}
