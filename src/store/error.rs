//! Why a store could not answer, and which of these failures are transient.

use std::time::Duration;

use entra_postgres::{NoToken, OpenError};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or cannot work now (no connection, locked, read-only). The same request may
    /// succeed later.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Its disk is full.
    #[error("the disk of the store is full: {0}")]
    Full(#[source] sqlx::Error),
    /// Too many requests wait for it already.
    #[error("the store is busy: too many requests wait for it")]
    Busy,
    /// Another process has kept its SQLite file locked for this long.
    #[error("another program has been writing to the file for {} seconds", .0.as_secs())]
    InUse(Duration),
    /// It reported an unexpected error.
    #[error("the store failed: {0}")]
    Failed(#[source] sqlx::Error),
    /// Its tables could not be migrated to this program's version.
    #[error("the store could not be migrated: {0}")]
    Migration(#[source] MigrateError),
    /// Its tables do not have this program's version.
    #[error("the store is not migrated: {0}")]
    NotMigrated(String),
    /// There is no token to sign in with.
    #[error("cannot sign in to the store: {0}")]
    NoToken(#[from] NoToken),
    /// The role lacks a privilege; `grant` is the command, or the commands, that grant it.
    #[error("the store's role lacks a privilege ({cause}). As an administrator, run: {grant}")]
    MissingGrant {
        /// The SQL commands.
        grant: String,
        /// The error of the server, or what is not allowed.
        cause: String,
    },
    /// The SQLite file is damaged, or it is something else.
    #[error(
        "the file is damaged or is not an SQLite file ({0}). Stop the site, and move the file and those beside it that \
         end with -wal and -shm to another folder. Then put a copy that `restaurant-review backup` made in its place. \
         Without a copy, save what can be read: sqlite3 DAMAGED .recover | sqlite3 NEW"
    )]
    Damaged(String),
}

impl StoreError {
    /// Whether PostgreSQL can be read but not changed. Azure makes a server read-only before its disk is full:
    /// <https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-limits>.
    pub(super) fn is_refused_change(&self) -> bool {
        match self {
            Self::Full(_) => true,
            Self::Unavailable(sqlx::Error::Database(error)) => error.code().as_deref() == Some(READ_ONLY),
            _ => false,
        }
    }
}

impl From<OpenError<sqlx::Error>> for StoreError {
    fn from(error: OpenError<sqlx::Error>) -> Self {
        match error {
            OpenError::NoToken(error) => error.into(),
            OpenError::Driver(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Configuration, Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match &error {
            Database(database) => {
                let code = database.code().unwrap_or_default();
                let is_postgres = database.try_downcast_ref::<PgDatabaseError>().is_some();
                if is_postgres && postgres_lacks_tables(&code) {
                    return Self::NotMigrated(database.message().to_owned());
                }
                if !is_postgres && is_damage_in_sqlite(&code) {
                    return Self::Damaged(database.message().to_owned());
                }
                if is_full(is_postgres, &code) {
                    return Self::Full(error);
                }
                let is_transient = if is_postgres {
                    is_transient_in_postgres(&code)
                } else {
                    is_transient_in_sqlite(&code)
                };
                if is_transient {
                    Self::Unavailable(error)
                } else {
                    Self::Failed(error)
                }
            }
            // An administrator can replace a certificate that cannot be read or trusted. A connection that a proxy closes
            // while its server is away is a protocol error to sqlx.
            PoolTimedOut | PoolClosed | WorkerCrashed | Io(_) | Protocol(_) | Tls(_) | Configuration(_) => {
                Self::Unavailable(error)
            }
            _ => Self::Failed(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            // The connection failed, or a privilege is missing, before a migration ran.
            MigrateError::Execute(cause) => Self::from(cause),
            MigrateError::ExecuteMigration(cause, version) => match Self::from(cause) {
                Self::Failed(cause) => Self::Migration(MigrateError::ExecuteMigration(cause, version)),
                transient => transient,
            },
            other => Self::Migration(other),
        }
    }
}

/// PostgreSQL's `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_transient_in_postgres(code: &str) -> bool {
    // Connection, sign-in, deadlock, resources, system; then: missing database or schema, read-only, missing privilege,
    // lock not available, and a statement or session ended by its time limit or by an administrator.
    const CLASSES: [&str; 5] = ["08", "28", "40", "53", "58"];
    const CODES: [&str; 10] = [
        "3D000", "3F000", READ_ONLY, "42501", "55P03", "57014", "57P01", "57P02", "57P03", "57P05",
    ];
    CLASSES.iter().any(|class| code.starts_with(class)) || CODES.contains(&code)
}

/// Undefined table, column, function.
fn postgres_lacks_tables(code: &str) -> bool {
    ["42P01", "42703", "42883"].contains(&code)
}

/// Primary result codes, <https://sqlite.org/rescode.html>: BUSY, LOCKED, READONLY, IOERR, CANTOPEN.
fn is_transient_in_sqlite(code: &str) -> bool {
    has_primary_code(code, &[5, 6, 8, 10, 14])
}

/// PostgreSQL's `disk_full`; SQLite's FULL, and its `IOERR_SHMSIZE`, when the file beside it (-shm) cannot grow.
fn is_full(is_postgres: bool, code: &str) -> bool {
    if is_postgres {
        code == "53100"
    } else {
        has_primary_code(code, &[13]) || code == "4874"
    }
}

/// CORRUPT, NOTADB.
fn is_damage_in_sqlite(code: &str) -> bool {
    has_primary_code(code, &[11, 26])
}

/// Whether the extended result code belongs to one of these primary ones.
fn has_primary_code(code: &str, primary: &[i32]) -> bool {
    code.parse::<i32>().is_ok_and(|code| primary.contains(&(code & 0xff)))
}
