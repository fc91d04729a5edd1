//! The operations of Azure's control plane on a server.

use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use super::connection::{Superuser, failed};
use super::identifier::quote_identifier;
use super::parameters::{self, Parameter};
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::state::{PostgresServer, Principal, PrincipalKind, State, View as _};

const SERVER: &str = include_str!("sql/server.sql");
const PGAADAUTH: &str = include_str!("sql/pgaadauth.sql");
const DATABASE: &str = include_str!("sql/database.sql");

/// PostgreSQL's error code for a database that already exists.
const DUPLICATE_DATABASE: &str = "42P04";

/// The server with that name in the state.
pub(super) fn config(state: &State, name: &str) -> Result<PostgresServer> {
    let server = state.find(name);
    server.ok_or_else(|| Error::Refused(format!("there is no PostgreSQL server {name:?}")))
}

/// A database of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its encoding, such as `UTF8`.
    pub charset: String,
    /// Its collation, such as `en_US.utf8`.
    pub collation: String,
}

/// What a running server has of the state.
#[derive(Clone, PartialEq)]
pub(super) struct Content {
    tenant: Uuid,
    principals: Vec<Principal>,
    pub(super) config: PostgresServer,
}

impl Content {
    pub(super) fn of(state: &State, name: &str) -> Result<Self> {
        Ok(Self {
            tenant: state.tenant,
            principals: state.principals().collect(),
            config: config(state, name)?,
        })
    }
}

/// The control plane of one running server.
pub(super) struct ControlPlane<'a> {
    pub(super) azure: &'a Azure,
    pub(super) server: &'a str,
    pub(super) superuser: &'a Superuser,
}

impl ControlPlane<'_> {
    /// Copies the tenant's directory and the server's administrators into the server, creates its databases, and sets its
    /// parameters.
    pub(super) async fn apply(&self, content: &Content, has_new_rules: bool) -> Result<()> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        if let Some(name) = &content.config.administrator_login {
            let password = content.config.administrator_password.as_deref();
            sqlx::query("select local_azure.set_password_administrator($1, $2)")
                .bind(name)
                .bind(password)
                .execute(&mut connection)
                .await
                .map_err(failed)?;
        }
        self.sync(&mut connection, content).await?;
        for database in &content.config.databases {
            create_database(&mut connection, database).await?;
        }
        let is_changed = parameters::apply(&mut connection, &content.config.parameters).await?;
        if is_changed || has_new_rules {
            connection.execute("select pg_reload_conf()").await.map_err(failed)?;
        }
        connection.close().await.map_err(failed)
    }

    async fn sync(&self, connection: &mut PgConnection, content: &Content) -> Result<()> {
        let Content {
            tenant,
            principals,
            config,
        } = content;
        let ids: Vec<_> = principals.iter().map(|principal| principal.id.to_string()).collect();
        let kinds: Vec<_> = principals.iter().map(|principal| kind(principal.kind)).collect();
        let names: Vec<_> = principals
            .iter()
            .map(|principal| principal.display_name.as_str())
            .collect();
        let administrators: Vec<_> = config.entra_administrators.iter().map(ToString::to_string).collect();
        let mut transaction = connection.begin().await.map_err(failed)?;
        // The lock also serialises concurrent calls.
        (&mut *transaction)
            .execute("lock table local_azure.tenant; delete from local_azure.tenant; delete from local_azure.directory")
            .await
            .map_err(failed)?;
        for statement in [
            sqlx::query("insert into local_azure.tenant (id) values ($1::text::uuid)").bind(tenant.to_string()),
            sqlx::query(include_str!("sql/directory.sql"))
                .bind(ids)
                .bind(kinds)
                .bind(names),
            sqlx::query("select local_azure.set_administrators($1::text[]::uuid[], $2)")
                .bind(administrators)
                .bind(config.administrator_login.as_deref()),
        ] {
            statement.execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// The databases of the server except templates, with their encodings and collations.
    pub(super) async fn databases(&self) -> Result<Vec<Database>> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        let found: Vec<(String, String, String)> = sqlx::query_as(
            "select datname::text, pg_encoding_to_char(encoding)::text, datcollate::text
             from pg_database where not datistemplate order by datname",
        )
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
        connection.close().await.map_err(failed)?;
        let database = |(name, charset, collation)| Database {
            name,
            charset,
            collation,
        };
        Ok(found.into_iter().map(database).collect())
    }

    /// Deletes a database, whoever uses it, if it exists.
    pub(super) async fn drop_database(&self, name: &str) -> Result<()> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        let drop = format!("drop database if exists {} with (force)", quote_identifier(name));
        connection.execute(AssertSqlSafe(drop)).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    pub(super) async fn parameters(&self) -> Result<Vec<Parameter>> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        let found = parameters::all(&mut connection).await?;
        connection.close().await.map_err(failed)?;
        Ok(found)
    }

    /// # Errors
    ///
    /// The server does not take this value of the parameter.
    pub(super) async fn check_parameter(&self, name: &str, value: &str) -> Result<()> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        let server = config(&self.azure.state(), self.server)?;
        let checked = parameters::check(&mut connection, name, value, server.parameters.get(name)).await;
        connection.close().await.map_err(failed)?;
        checked
    }

    /// Gives the server Azure's roles, functions and rules for extensions.
    pub(super) async fn prepare(&self) -> Result<()> {
        let mut connection = self.superuser.connect_isolated("postgres").await?;
        self.run_scripts(&mut connection).await?;
        connection.close().await.map_err(failed)
    }

    /// Runs the scripts of `sql/` unless their current version has already been run.
    async fn run_scripts(&self, connection: &mut PgConnection) -> Result<()> {
        let hash = hex::encode(Sha256::digest([SERVER, PGAADAUTH, DATABASE].concat()));
        let installed: Option<Option<String>> = sqlx::query_scalar(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'local_azure'",
        )
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
        if installed.flatten().as_ref() == Some(&hash) {
            return Ok(());
        }
        // template0 accepts no connections by default, but databases are created from it too.
        let open = "alter database template0 allow_connections true";
        for script in [SERVER, PGAADAUTH, DATABASE, open] {
            connection.execute(script).await.map_err(failed)?;
        }
        for template in ["template0", "template1"] {
            let mut connection = self.superuser.connect_isolated(template).await?;
            connection.execute(DATABASE).await.map_err(failed)?;
            connection.close().await.map_err(failed)?;
        }
        let close = "alter database template0 allow_connections false";
        let record = format!("comment on schema local_azure is '{hash}'");
        connection.execute(close).await.map_err(failed)?;
        connection.execute(AssertSqlSafe(record)).await.map_err(failed)?;
        Ok(())
    }
}

/// Creates the database if it does not exist.
async fn create_database(connection: &mut PgConnection, name: &str) -> Result<()> {
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !exists {
        let create = format!("create database {} owner azure_pg_admin", quote_identifier(name));
        match connection.execute(AssertSqlSafe(create)).await {
            // Another connection has just created it.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DUPLICATE_DATABASE) => {}
            Err(error) => return Err(failed(error)),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Names that an administrator cannot have.
const RESERVED: [&str; 9] = [
    "azure_ad_user",
    "azure_superuser",
    "azuresu",
    "azure_pg_admin",
    "admin",
    "administrator",
    "root",
    "guest",
    "public",
];

/// Whether a server can have that name.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    let is_permitted = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-');
    (3..=63).contains(&name.len()) && name.chars().all(is_permitted)
}

/// Checks Azure's rules for names, as far as a folder or `pg_hba.conf` depends on them.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftdbforpostgresql>
pub fn check_names(config: &PostgresServer) -> Result<()> {
    if !is_server_name(config.name()) {
        return Err(Error::Refused(format!(
            "{:?} is not a valid PostgreSQL server name: use 3 to 63 lower-case letters, digits and hyphens",
            config.name()
        )));
    }
    let is_login = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    match &config.administrator_login {
        Some(login)
            if !(1..=63).contains(&login.len())
                || !login.chars().all(is_login)
                || login.starts_with("pg_")
                || RESERVED.contains(&login.as_str()) =>
        {
            Err(Error::Refused(format!(
                "{login:?} is not a valid name for the administrator of a PostgreSQL server: use 1 to 63 letters, \
                 digits, hyphens and underscores, and no reserved name"
            )))
        }
        _ => Ok(()),
    }
}

/// The kind as `pgaadauth_create_principal_with_oid` names it.
fn kind(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Group => "group",
        PrincipalKind::ServicePrincipal => "service",
    }
}
