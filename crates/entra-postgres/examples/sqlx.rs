//! A pool of sqlx that signs in with Entra. sqlx takes one password for all connections that it will open, so a task gives
//! it each new token.
//!
//! ```sh
//! PGHOST=contoso.postgres.database.azure.com PGUSER=my-identity PGDATABASE=app cargo run --example sqlx
//! ```

use std::error::Error;

use default_azure_credential::DefaultAzureCredential;
use entra_postgres::{EntraPassword, SCOPE};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // sqlx and the HTTP client of the credential both use rustls, which must be told whose cryptography to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let password = EntraPassword::start(|| Ok(DefaultAzureCredential::new(None)?), SCOPE);
    // A token is sent only to a server whose certificate was verified. The other options are in `PGHOST` and so on.
    let options = PgConnectOptions::new().ssl_mode(PgSslMode::VerifyFull);
    let first = options.clone().password(password.get().await?.secret());
    let pool = PgPoolOptions::new().max_connections(5).connect_with(first).await?;
    let mut tokens = password.tokens();
    tokio::spawn({
        let pool = pool.clone();
        async move {
            while let Some(token) = tokens.next().await {
                pool.set_connect_options(options.clone().password(token.secret()));
            }
        }
    });
    println!("signed in as {}", who(&pool).await?);
    Ok(())
}

async fn who(pool: &PgPool) -> sqlx::Result<String> {
    sqlx::query_scalar("select current_user::text").fetch_one(pool).await
}
