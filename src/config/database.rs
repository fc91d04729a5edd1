//! Where PostgreSQL is, and how to sign in.

use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::postgres::PgSslMode;

use super::reader::{Reader, Secret};

/// The PostgreSQL server that keeps restaurants and reviews.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `DBHOST`: the server. On App Service a bare name gets `.postgres.database.azure.com`.
    pub host: String,
    /// `DBPORT`: its port. Default 5432.
    pub port: u16,
    /// `DBNAME`: the database.
    pub name: String,
    /// `DBUSER`: the role to sign in as; with Entra, the role of the managed identity.
    pub user: String,
    /// `DBPASS`: the role's password, for a local server. Without one, an Entra token is the password.
    pub password: Option<Secret>,
    /// `DBSSLMODE`: how the connection is secured. Default `verify-full`.
    pub ssl_mode: PgSslMode,
    /// `PGSSLROOTCERT`: a PEM file with certificates to trust in addition to the platform's.
    pub root_certificates: Option<PathBuf>,
    /// `AZURE_CLIENT_ID`, or Service Connector's `AZURE_POSTGRESQL_CLIENTID`: the client id of the managed identity. If
    /// both are set, they must be equal.
    pub client_id: Option<String>,
}

impl DatabaseConfig {
    /// Whether a connection verifies the server that it leads to.
    #[must_use]
    pub fn verifies_server(&self) -> bool {
        verifies_server(self.ssl_mode)
    }

    /// Reads the settings; `None` without `DBHOST` (or Service Connector's name for it).
    pub(super) fn read<G: Fn(&str) -> Option<String>>(
        reader: &mut Reader<'_, G>,
        on_app_service: bool,
    ) -> Option<Self> {
        let host = reader.one_of(&["DBHOST", "AZURE_POSTGRESQL_HOST"]);
        let name = reader.one_of(&["DBNAME", "AZURE_POSTGRESQL_NAME", "AZURE_POSTGRESQL_DATABASE"]);
        let user = reader.one_of(&["DBUSER", "AZURE_POSTGRESQL_USER", "AZURE_POSTGRESQL_USERNAME"]);
        let Some((host_variable, host)) = host else {
            for (variable, _) in [name, user].into_iter().flatten() {
                reader.fault(format!(
                    "{variable} is set, but DBHOST is not. Set DBHOST to the PostgreSQL server, or unset {variable}."
                ));
            }
            return None;
        };
        let expected_host = "a server's name, such as contoso-db or contoso-db.postgres.database.azure.com";
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
            reader.fault(format!("{host_variable} is {host:?}, but it must be {expected_host}."));
        }
        let mut required = |value: Option<(&'static str, String)>, variable: &str, expected: &str| {
            if value.is_none() {
                reader.fault(format!(
                    "{host_variable} is set, but {variable} is not. Set {variable} to {expected}."
                ));
            }
            value.map(|(_, value)| value).unwrap_or_default()
        };
        let name = required(name, "DBNAME", "the name of the database");
        let user = required(user, "DBUSER", "the role to sign in as");

        let password = reader
            .one_of(&["DBPASS", "AZURE_POSTGRESQL_PASSWORD"])
            .map(|(_, password)| Secret::new(password));
        let ssl_mode = reader.parse(
            "DBSSLMODE",
            "disable, prefer, require, verify-ca or verify-full",
            PgSslMode::VerifyFull,
            |mode| !matches!(mode, PgSslMode::Allow),
        );
        if password.is_none() && !verifies_server(ssl_mode) {
            reader.fault(
                "DBSSLMODE does not verify the server, but without DBPASS an Entra token is sent to it. \
                 Set DBSSLMODE to verify-full (or verify-ca), or set DBPASS for a local server."
                    .to_owned(),
            );
        }
        Some(Self {
            host: full_name(host, on_app_service),
            port: reader.parse_one_of(
                &["DBPORT", "AZURE_POSTGRESQL_PORT"],
                "a port number from 1 to 65535",
                5432,
                |port| *port > 0,
            ),
            name,
            user,
            password,
            ssl_mode,
            root_certificates: reader.readable_file("PGSSLROOTCERT"),
            client_id: reader.client_id("AZURE_POSTGRESQL_CLIENTID"),
        })
    }
}

/// Whether that mode verifies the server that a connection leads to.
/// <https://www.postgresql.org/docs/current/libpq-ssl.html>
fn verifies_server(mode: PgSslMode) -> bool {
    matches!(mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// The value for one of Service Connector's variables in its connection string (libpq's `key=value` form, which it uses
/// for Go and "none"). Its `sslmode=require` is ignored: the server is always verified unless `DBSSLMODE` says
/// otherwise.
pub(super) fn from_connection_string(variable: &str, text: &str) -> Option<String> {
    let key = match variable {
        "AZURE_POSTGRESQL_HOST" => "host",
        "AZURE_POSTGRESQL_PORT" => "port",
        "AZURE_POSTGRESQL_NAME" => "dbname",
        "AZURE_POSTGRESQL_USER" => "user",
        "AZURE_POSTGRESQL_PASSWORD" => "password",
        _ => return None,
    };
    let mut pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == key)?;
    Some(value.trim_matches('\'').to_owned())
}

/// The server's name in DNS. In Azure, as in the sample, the bare name is enough.
fn full_name(host: String, on_app_service: bool) -> String {
    let is_bare = !host.contains('.') && host.parse::<IpAddr>().is_err() && host != "localhost";
    if is_bare && on_app_service {
        host + ".postgres.database.azure.com"
    } else {
        host
    }
}
