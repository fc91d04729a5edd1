//! Brings the tables to this program's version.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;

use super::connect::Connector;
use super::pool::READ_LIMIT;
use super::silence::within;
use crate::store::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How often to look whether the server still runs the migration.
const WATCH_PERIOD: Duration = Duration::from_secs(5);
/// How often in a row that may fail.
const WATCH_TRIES: u32 = 3;

/// The version of the tables.
pub(super) async fn version(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("select max(version) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await
}

/// Fails if the tables are older than this program.
pub(super) fn check_version(applied: Option<i64>) -> Result<(), StoreError> {
    let wanted = MIGRATIONS.iter().map(|migration| migration.version).max();
    // A newer version is fine: another instance may already run the next release.
    if applied < wanted {
        return Err(StoreError::NotMigrated(format!(
            "version {applied:?} found, {wanted:?} needed"
        )));
    }
    Ok(())
}

/// Migrates the tables. That may take long, but fails soon after the server has stopped answering.
pub(super) async fn run(connector: &Connector, connection: &mut PgConnection) -> Result<(), StoreError> {
    let process = sqlx::query_scalar!("select pg_backend_pid() as \"process!\"").fetch_one(&mut *connection);
    let process = within(READ_LIMIT, process).await?;
    tokio::select! {
        // sqlx takes a lock in the database: one instance migrates, and the others wait.
        // (`run` does the same for an `Acquire`, which does not compile in an async trait.)
        result = MIGRATIONS.run_direct(None, connection, false) => Ok(result?),
        error = watch(connector, process) => Err(error),
    }
}

/// Asks over other connections whether that process of the server is working. Returns an error once it is not: then its
/// answer was lost.
async fn watch(connector: &Connector, process: i32) -> StoreError {
    let mut failures = 0;
    loop {
        sleep(WATCH_PERIOD).await;
        match is_working(connector, process).await {
            Ok(true) => failures = 0,
            Ok(false) => return sqlx::Error::Io(ErrorKind::TimedOut.into()).into(),
            // The server may have too many connections at the moment.
            Err(error) => {
                failures += 1;
                if failures == WATCH_TRIES {
                    return error;
                }
            }
        }
    }
}

/// Whether the process is working, or was a moment ago.
async fn is_working(connector: &Connector, process: i32) -> Result<bool, StoreError> {
    let mut connection = connector.connect().await?;
    let working = sqlx::query_scalar!(
        "select exists (
             select from pg_stat_activity
             where pid = $1 and (state = 'active' or state_change > clock_timestamp() - interval '2 seconds')
         ) as \"working!\"",
        process
    );
    let working = within(READ_LIMIT, working.fetch_one(&mut connection)).await?;
    within(READ_LIMIT, connection.close()).await?;
    Ok(working)
}
