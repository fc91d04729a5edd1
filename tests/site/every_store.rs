//! Every implementation of the store, for the tests of what they have in common.

use std::io::ErrorKind;

use proptest::test_runner::Config;
use restaurant_review::store::{PostgresStore, SignIn, SqliteStore, Store, StoreError};
use tempfile::TempDir;

use crate::rig::{Database, shared};

/// The implementations.
#[derive(Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// The number of random cases. Creating a database in PostgreSQL takes longer.
    pub fn cases(self) -> Config {
        let cases = match self {
            Self::Sqlite => 12,
            Self::Postgres => 4,
        };
        Config {
            cases,
            ..Config::default()
        }
    }
}

/// Keeps the data of a store until the test ends.
pub enum Guard {
    Folder(#[expect(dead_code, reason = "removed when it is dropped")] TempDir),
    Database(#[expect(dead_code, reason = "reports a failure when it is dropped")] Database),
}

/// A new, empty store.
pub async fn fresh(kind: Kind) -> (Guard, Box<dyn Store>) {
    let (guard, store): (_, Box<dyn Store>) = match kind {
        Kind::Sqlite => {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&folder.path().join("test.sqlite3")).await.unwrap();
            (Guard::Folder(folder), Box::new(store))
        }
        Kind::Postgres => {
            let database = Database::with_password(&shared().await).await;
            let store = PostgresStore::open(&database.config, SignIn::Password).unwrap();
            (Guard::Database(database), Box::new(store))
        }
    };
    while let Err(error) = store.prepare().await {
        assert!(had_no_connection(&error), "{error}");
    }
    (guard, store)
}

/// Makes each function a test of every store. (A function that is missing here is dead code, which the compiler
/// reports.)
macro_rules! on_every_store {
    ([$($store:ident $kind:expr),+] $tests:tt) => {
        $(mod $store {
            use super::{Kind, on_every_store};
            on_every_store!(@ $kind, $tests);
        })+
    };
    (@ $kind:expr, { async $($name:ident)+ $(, blocking $($blocking:ident)+)? }) => {
        $(#[tokio::test]
        async fn $name() {
            super::$name($kind).await;
        })+
        $($(#[test]
        fn $blocking() {
            super::$blocking($kind);
        })+)?
    };
}

pub(crate) use on_every_store;

/// Whether the store got no connection in time, as can happen on a busy machine. It has then not begun to carry out the
/// call, so the call can be repeated.
pub fn had_no_connection(error: &StoreError) -> bool {
    match error {
        StoreError::Busy | StoreError::Unavailable(sqlx::Error::PoolTimedOut) => true,
        StoreError::Unavailable(sqlx::Error::Io(error)) => error.kind() == ErrorKind::TimedOut,
        _ => false,
    }
}
