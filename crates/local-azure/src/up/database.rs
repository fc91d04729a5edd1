//! What an Entra administrator does in the database, by a token as in the tutorial.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::postgres::Postgres;
use crate::state::Azure;
use crate::tokens::POSTGRES;
use crate::{Error, Result, world};

/// Creates the principal of the web app's identity, and lets it use the database.
pub async fn provision(azure: &Azure, postgres: &Postgres) -> Result<()> {
    postgres.create_database(world::DATABASE).await?;
    let provision = async {
        let mut admin = sign_in(azure, postgres, "postgres").await?;
        let known: Option<String> =
            sqlx::query_scalar("select rolname::text from pgaadauth_list_principals(false) where rolname = $1")
                .bind(world::IDENTITY)
                .fetch_optional(&mut admin)
                .await?;
        if known.is_none() {
            sqlx::query("select pgaadauth_create_principal($1, false, false)")
                .bind(world::IDENTITY)
                .execute(&mut admin)
                .await?;
        }
        admin.close().await?;
        let mut admin = sign_in(azure, postgres, world::DATABASE).await?;
        let (role, database) = (world::IDENTITY, world::DATABASE);
        for grant in [
            format!("grant connect on database \"{database}\" to \"{role}\""),
            format!("grant usage, create on schema public to \"{role}\""),
        ] {
            admin.execute(AssertSqlSafe(grant)).await?;
        }
        admin.close().await
    };
    provision
        .await
        .map_err(|error: sqlx::Error| Error::failed("the database of the web app", error))
}

/// A connection of the Entra administrator's.
async fn sign_in(azure: &Azure, postgres: &Postgres, database: &str) -> Result<PgConnection, sqlx::Error> {
    let administrator = azure
        .read(|state| state.find_principal(world::ADMINISTRATOR))
        .expect("it was provisioned");
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(postgres.port())
        .username(world::ADMINISTRATOR)
        .password(&azure.token(&administrator, POSTGRES))
        .database(database)
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(azure.authority().file())
        .connect()
        .await
}
