//! What Azure's control plane does to a server.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{Postgres, config, failed};
use crate::state::{PostgresServer, PrincipalKind};
use crate::{Error, Result};

/// PostgreSQL's code for a database that is there already.
const DUPLICATE_DATABASE: &str = "42P04";

impl Postgres {
    /// Brings the tenant's directory and the server's administrators of the state into the server: the functions look
    /// principals up there, and each Entra administrator has a role of its display name. To be called when either has
    /// changed.
    pub async fn sync_directory(&self) -> Result<()> {
        let config = config(&self.azure, &self.name)?;
        let (tenant, principals) = self
            .azure
            .read(|state| (state.tenant, state.principals().collect::<Vec<_>>()));
        let ids: Vec<_> = principals.iter().map(|principal| principal.id.to_string()).collect();
        let kinds: Vec<_> = principals.iter().map(|principal| kind(principal.kind)).collect();
        let names: Vec<_> = principals
            .iter()
            .map(|principal| principal.display_name.as_str())
            .collect();
        let administrators: Vec<_> = config.entra_administrators.iter().map(ToString::to_string).collect();
        let mut connection = self.own_connection("postgres").await?;
        let mut all = connection.begin().await.map_err(failed)?;
        // Also keeps another sync out until this one is done.
        (&mut *all)
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
                .bind(config.administrator_login),
        ] {
            statement.execute(&mut *all).await.map_err(failed)?;
        }
        all.commit().await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    /// Makes that database if it is not there, as `az postgres flexible-server db create` does, and keeps it in the
    /// state.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        let mut connection = self.own_connection("postgres").await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
        if !there {
            let create = format!("create database {} owner azure_pg_admin", quoted(name));
            let created = connection.execute(AssertSqlSafe(create)).await;
            match created {
                // Somebody else made it just now.
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DUPLICATE_DATABASE) => {}
                Err(error) => return Err(failed(error)),
                Ok(_) => {}
            }
        }
        connection.close().await.map_err(failed)?;
        self.azure.change(|state| {
            let server = state
                .postgres_servers
                .iter_mut()
                .find(|server| server.name == self.name);
            if let Some(server) = server
                && name != "postgres"
                && !server.databases.iter().any(|database| database == name)
            {
                server.databases.push(name.to_owned());
            }
            Ok(())
        })
    }

    /// Gives the administrator with a password this one.
    pub async fn set_administrator_password(&self, password: &str) -> Result<()> {
        let name = config(&self.azure, &self.name)?.administrator_login.ok_or_else(|| {
            Error::Refused(format!(
                "the server {} has no administrator with a password: it takes Microsoft Entra tokens only",
                self.name
            ))
        })?;
        self.set_password_administrator(&name, Some(password)).await
    }

    async fn set_password_administrator(&self, name: &str, password: Option<&str>) -> Result<()> {
        let mut connection = self.own_connection("postgres").await?;
        // Nothing of a statement with a password in it gets into the log.
        connection
            .execute("set log_min_messages to panic")
            .await
            .map_err(failed)?;
        sqlx::query("select local_azure.set_password_administrator($1, $2)")
            .bind(name)
            .bind(password)
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    /// Sets the server parameter `azure.extensions`: the extensions that users may create. At first there are none.
    /// <https://learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions>
    pub async fn allow_extensions(&self, names: &[&str]) -> Result<()> {
        let is_name = |name: &&str| {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
            !name.is_empty() && name.chars().all(is_part)
        };
        if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
            return Err(Error::Refused(format!("{wrong:?} is no name of an extension")));
        }
        let mut connection = self.own_connection("postgres").await?;
        let set = format!("alter system set azure.extensions = '{}'", names.join(","));
        connection.execute(AssertSqlSafe(set)).await.map_err(failed)?;
        connection.execute("select pg_reload_conf()").await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    /// Makes the server what its part of the state says, whatever it is by now.
    pub(super) async fn prepare(&self) -> Result<()> {
        let config = config(&self.azure, &self.name)?;
        self.run("postgres", include_str!("sql/server.sql")).await?;
        self.run("postgres", include_str!("sql/pgaadauth.sql")).await?;
        // The template that is closed is one that databases are made from, too.
        self.run("postgres", "alter database template0 allow_connections true")
            .await?;
        for database in ["template0", "template1", "postgres"] {
            self.run(database, include_str!("sql/database.sql")).await?;
        }
        self.run("postgres", "alter database template0 allow_connections false")
            .await?;
        if let Some(name) = &config.administrator_login {
            self.set_password_administrator(name, None).await?;
        }
        self.sync_directory().await?;
        for database in &config.databases {
            self.create_database(database).await?;
        }
        if config.port != self.port {
            self.azure.change(|state| {
                let server = state
                    .postgres_servers
                    .iter_mut()
                    .find(|server| server.name == self.name);
                if let Some(server) = server {
                    server.port = self.port;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    async fn run(&self, database: &str, script: &'static str) -> Result<()> {
        let mut connection = self.own_connection(database).await?;
        connection.execute(script).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }
}

/// Names that no administrator can have.
const TAKEN: [&str; 8] = [
    "azure_superuser",
    "azuresu",
    "azure_pg_admin",
    "admin",
    "administrator",
    "root",
    "guest",
    "public",
];

/// Azure's rules for names, as far as a folder or `pg_hba.conf` depends on them.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftdbforpostgresql>
pub(super) fn check_names(config: &PostgresServer) -> Result<()> {
    let is_server = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '-');
    if !(3..=63).contains(&config.name.len()) || !config.name.chars().all(is_server) {
        return Err(Error::Refused(format!(
            "a PostgreSQL server has a name of 3 to 63 lower-case letters, digits and hyphens, unlike {:?}",
            config.name
        )));
    }
    let is_login = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    match &config.administrator_login {
        Some(login)
            if !(1..=63).contains(&login.len())
                || !login.chars().all(is_login)
                || login.starts_with("pg_")
                || TAKEN.contains(&login.as_str()) =>
        {
            Err(Error::Refused(format!(
                "the administrator of a PostgreSQL server cannot be called {login:?}"
            )))
        }
        _ => Ok(()),
    }
}

/// The words of `pgaadauth_create_principal_with_oid`.
fn kind(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Group => "group",
        PrincipalKind::ServicePrincipal => "service",
    }
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
