//! Where PostgreSQL is, and how to sign in.

use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::postgres::PgSslMode;

use super::connection_string::{ConnectionString, is_url};
use super::reader::{Found, Reader, Secret};
use super::redact::shown;

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
    pub(super) fn read(reader: &mut Reader<'_>, on_app_service: bool) -> Option<Self> {
        let strings = connection_strings(reader)?;
        let values = |reader: &Reader<'_>, names: &[&str], part: fn(&ConnectionString) -> &Option<String>| {
            let in_strings = strings.iter().filter_map(|(variable, string)| {
                Some(Found {
                    variable: variable.clone(),
                    value: part(string).clone()?,
                })
            });
            reader.all_of(names).into_iter().chain(in_strings).collect::<Vec<_>>()
        };
        let full_name = |host: &str| full_name(host, on_app_service);
        let hosts = values(reader, &["DBHOST", "AZURE_POSTGRESQL_HOST"], |string| &string.host);
        let Some(host) = reader.agreed(hosts, full_name) else {
            for variable in reader.named(&MEANT_FOR_POSTGRESQL) {
                reader.fault(format!(
                    "{variable} is set, but DBHOST is not. Set DBHOST to the PostgreSQL server, or unset {variable}."
                ));
            }
            return None;
        };
        if let Some(fault) = host_fault(&host) {
            reader.fault(fault);
        }
        let names = ["DBNAME", "AZURE_POSTGRESQL_NAME", "AZURE_POSTGRESQL_DATABASE"];
        let names = values(reader, &names, |string| &string.database);
        let name = required(reader, &host, names, "DBNAME", "the name of the database");
        let users = [
            "DBUSER",
            "AZURE_POSTGRESQL_USER",
            "AZURE_POSTGRESQL_USERNAME",
            "SPRING_DATASOURCE_USERNAME",
        ];
        let users = values(reader, &users, |string| &string.user);
        let user = required(reader, &host, users, "DBUSER", "the role to sign in as");
        let passwords = ["DBPASS", "AZURE_POSTGRESQL_PASSWORD", "SPRING_DATASOURCE_PASSWORD"];
        let passwords = values(reader, &passwords, |string| &string.password);
        let password = reader.agreed(passwords, str::to_owned);
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
        let ports = values(reader, &["DBPORT", "AZURE_POSTGRESQL_PORT"], |string| &string.port);
        let port = reader.agreed(ports, str::to_owned);
        Some(Self {
            host: full_name(&host.value),
            port: reader.parse_found(port, "a port number from 1 to 65535", 5432, |port| *port > 0),
            name,
            user,
            password: password.map(|found| Secret::new(found.value)),
            ssl_mode,
            root_certificates: reader.readable_file("PGSSLROOTCERT"),
            client_id: reader.client_id("AZURE_POSTGRESQL_CLIENTID"),
        })
    }
}

/// Beginnings of the names of variables that make sense only with a PostgreSQL server, without dots and underscores.
const MEANT_FOR_POSTGRESQL: [&str; 8] = [
    "AZUREPOSTGRESQL",
    "DATABASEURL",
    "DBNAME",
    "DBPASS",
    "DBPORT",
    "DBUSER",
    "POSTGRESQLCONNSTR",
    "SPRINGDATASOURCE",
];

/// The connection strings that are set, each with its variable. `None` if one of them cannot be read, which is an error.
fn connection_strings(reader: &mut Reader<'_>) -> Option<Vec<(String, ConnectionString)>> {
    const NAMES: [&str; 3] = [
        "AZURE_POSTGRESQL_CONNECTIONSTRING",
        "DATABASE_URL",
        "SPRING_DATASOURCE_URL",
    ];
    let variables = reader.variables;
    // App Service adds these prefixes to the names of its connection strings. Those of the type Custom are for anything.
    let set = variables.iter().filter(|(name, value)| {
        NAMES.contains(&name.as_str())
            || name.starts_with("POSTGRESQLCONNSTR_")
            || name
                .strip_prefix("CUSTOMCONNSTR_")
                .is_some_and(|name| name.starts_with("AZURE_POSTGRESQL") || value.contains("postgres"))
    });
    let mut strings = Vec::new();
    let faults = reader.errors.len();
    for (variable, value) in set {
        match ConnectionString::parse(value) {
            Ok(string) => strings.push((variable.clone(), string)),
            // Without the value: even a single word may be a password.
            Err(fault) => reader.fault(format!(
                "{variable} must be a connection string of PostgreSQL, such as host=contoso-db dbname=restaurant \
                 user=web, but {fault}. Instead of it, you can set DBHOST, DBNAME and DBUSER."
            )),
        }
    }
    (reader.errors.len() == faults).then_some(strings)
}

/// The value of a setting that a server needs.
fn required(reader: &mut Reader<'_>, host: &Found, values: Vec<Found>, variable: &str, expected: &str) -> String {
    let Some(found) = reader.agreed(values, str::to_owned) else {
        let host = &host.variable;
        reader.fault(format!(
            "{host} is set, but {variable} is not. Set {variable} to {expected}."
        ));
        return String::new();
    };
    if is_url(&found.value) || found.value.contains([';', '=']) {
        reader.fault(format!(
            "{} is {}, but it must be {expected}, not a connection string.",
            found.variable,
            shown(&found.value)
        ));
    }
    found.value
}

/// What is wrong with the name of a server, and which setting takes the rest of it.
fn host_fault(Found { variable, value }: &Found) -> Option<String> {
    let is_name = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_name || value.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut hints = String::new();
    let mut rest = value.as_str();
    if is_url(rest)
        && let Some((scheme, after)) = rest.split_once("://")
    {
        hints.extend([" Leave out ", scheme, "://."]);
        rest = after;
    }
    if let Some((before, path)) = rest.split_once('/') {
        // The path of a socket has nothing before the slash.
        if !before.is_empty() && !path.is_empty() {
            hints += " DBNAME takes the name of the database.";
        }
        rest = before;
    }
    if let Some((_, host)) = rest.rsplit_once('@') {
        hints += " DBUSER takes the role, and DBPASS the password of a local server.";
        rest = host;
    }
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    if let Some((host, port)) = rest.rsplit_once(':')
        && !is_address(rest)
        && !host.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
    {
        hints += " DBPORT takes the port.";
        rest = host;
    }
    if rest.starts_with('[') && is_address(rest.trim_matches(['[', ']'])) {
        hints += " Leave out the brackets of the IP address.";
    }
    Some(format!(
        "{variable} is {}, but it must be a server's name alone, such as contoso-db or \
         contoso-db.postgres.database.azure.com.{hints}",
        shown(value)
    ))
}

/// Whether that mode verifies the server that a connection leads to.
/// <https://www.postgresql.org/docs/current/libpq-ssl.html>
fn verifies_server(mode: PgSslMode) -> bool {
    matches!(mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// The server's name in DNS. In Azure, as in the sample, the bare name is enough.
fn full_name(host: &str, on_app_service: bool) -> String {
    let is_bare = !host.contains('.') && host.parse::<IpAddr>().is_err() && host != "localhost";
    if is_bare && on_app_service {
        format!("{host}.postgres.database.azure.com")
    } else {
        host.to_owned()
    }
}
