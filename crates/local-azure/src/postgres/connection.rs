//! The superuser's connections to a server.

use std::path::PathBuf;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use crate::error::{Error, Result};
use crate::server::LOOPBACK;

/// The name of the server in error messages.
pub(super) const PART: &str = "PostgreSQL";

/// The superuser's name, which is the same as on Azure. Only Local Azure signs in as the superuser.
pub(super) const SUPERUSER: &str = "azuresu";

/// How the superuser connects to a server.
pub(super) struct Superuser {
    pub(super) port: u16,
    pub(super) password: String,
    pub(super) root_certificate: PathBuf,
}

impl Superuser {
    /// Connects to a database with its default settings.
    pub(super) async fn connect(&self, database: &str) -> Result<PgConnection> {
        self.default_options()
            .database(database)
            .connect()
            .await
            .map_err(failed)
    }

    /// Connects to a database for Local Azure's own work.
    pub(super) async fn connect_isolated(&self, database: &str) -> Result<PgConnection> {
        self.isolated_options(database).connect().await.map_err(failed)
    }

    /// Options for Local Azure's own work. The owner of a database can change its default settings, such as the search
    /// path, so these options override them.
    pub(super) fn isolated_options(&self, database: &str) -> PgConnectOptions {
        self.default_options().database(database).options([
            ("search_path", "pg_catalog"),
            ("default_transaction_read_only", "off"),
            ("statement_timeout", "0"),
            ("lock_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
        ])
    }

    fn default_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(LOOPBACK)
            .port(self.port)
            .username(SUPERUSER)
            .password(&self.password)
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert(&self.root_certificate)
            .application_name("local-azure")
    }
}

pub(super) fn failed(error: sqlx::Error) -> Error {
    Error::failed(PART, error)
}
