//! The steps that the Entra administrator takes in the database, signed in with a token as in the tutorial.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::postgres::{Postgres, quote_identifier};
use crate::server::LOOPBACK;
use crate::state::PostgresServer;
use crate::tokens::POSTGRES;
use crate::tutorial;

/// Creates the database, and the role of the web app's identity with access to it.
pub async fn provision(azure: &Azure, postgres: &Postgres) -> Result<()> {
    // What a person has taken away stays away.
    let (administrator, server) = azure.read(|state| {
        (
            state.find_principal(tutorial::ADMINISTRATOR),
            state.find::<PostgresServer>(tutorial::SERVER),
        )
    });
    let administrators = server.map(|server| server.entra_administrators).unwrap_or_default();
    if administrator.is_none_or(|administrator| !administrators.contains(&administrator.id)) {
        return Ok(());
    }
    postgres.create_database(tutorial::DATABASE).await?;
    grant(azure, postgres, tutorial::DATABASE, tutorial::IDENTITY).await
}

/// Creates the role of a managed identity, unless it exists, and gives it access to the database.
pub async fn grant(azure: &Azure, postgres: &Postgres, database: &str, identity: &str) -> Result<()> {
    let granted = create_role(azure, postgres, database, identity).await;
    granted.map_err(|error| Error::failed("the database of the web app", error))
}

async fn create_role(azure: &Azure, postgres: &Postgres, database: &str, identity: &str) -> Result<(), sqlx::Error> {
    let mut admin = sign_in(azure, postgres, "postgres").await?;
    let existing: Option<String> =
        sqlx::query_scalar("select rolname::text from pgaadauth_list_principals(false) where rolname = $1")
            .bind(identity)
            .fetch_optional(&mut admin)
            .await?;
    if existing.is_none() {
        sqlx::query("select pgaadauth_create_principal($1, false, false)")
            .bind(identity)
            .execute(&mut admin)
            .await?;
    }
    admin.close().await?;
    let mut admin = sign_in(azure, postgres, database).await?;
    for grant in grants(database, identity) {
        admin.execute(AssertSqlSafe(grant)).await?;
    }
    admin.close().await
}

/// The statements that let a role use a database and create tables in it.
fn grants(database: &str, role: &str) -> [String; 2] {
    let (database, role) = (quote_identifier(database), quote_identifier(role));
    [
        format!("grant connect on database {database} to {role}"),
        format!("grant usage, create on schema public to {role}"),
    ]
}

/// Connects as the Entra administrator.
async fn sign_in(azure: &Azure, postgres: &Postgres, database: &str) -> Result<PgConnection, sqlx::Error> {
    let administrator = azure
        .read(|state| state.find_principal(tutorial::ADMINISTRATOR))
        .expect("`tutorial::provision` created it");
    PgConnectOptions::new_without_pgpass()
        .host(LOOPBACK)
        .port(postgres.port())
        .username(tutorial::ADMINISTRATOR)
        .password(&azure.token(&administrator, POSTGRES))
        .database(database)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(azure.authority().file())
        .connect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_grants_are_quoted() {
        let [connect, create] = grants(r#"Ada's "database""#, r#"the "site""#);
        assert_eq!(
            connect,
            r#"grant connect on database "Ada's ""database""" to "the ""site""""#
        );
        assert_eq!(create, r#"grant usage, create on schema public to "the ""site""""#);
    }
}
