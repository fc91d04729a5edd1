//! A pool of deadpool that signs in with Entra. Each connection is opened with the token of that moment, and again with a
//! newer one if the server refuses it.
//!
//! ```sh
//! PGHOST=contoso.postgres.database.azure.com PGUSER=my-identity PGDATABASE=app cargo run --example deadpool
//! ```

use std::error::Error;
use std::sync::Arc;

use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
use default_azure_credential::DefaultAzureCredential;
use entra_postgres::{EntraPassword, OpenError, SCOPE, is_refusal};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

struct Opener {
    options: PgConnectOptions,
    password: Arc<EntraPassword>,
}

impl Manager for Opener {
    type Type = PgConnection;
    type Error = OpenError<sqlx::Error>;

    async fn create(&self) -> Result<PgConnection, Self::Error> {
        let open = |token: azure_core::credentials::Secret| {
            let options = self.options.clone().password(token.secret());
            async move { options.connect().await }
        };
        let is_refused = |error: &sqlx::Error| {
            let code = error.as_database_error().and_then(DatabaseError::code);
            is_refusal(code.as_deref())
        };
        self.password.open(open, is_refused).await
    }

    async fn recycle(&self, connection: &mut PgConnection, _: &Metrics) -> RecycleResult<Self::Error> {
        Ok(connection.ping().await.map_err(OpenError::Driver)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // sqlx and the HTTP client of the credential both use rustls, which must be told whose cryptography to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let opener = Opener {
        // A token is sent only to a server whose certificate was verified. The other options are in `PGHOST` and so on.
        options: PgConnectOptions::new().ssl_mode(PgSslMode::VerifyFull),
        password: EntraPassword::start(|| Ok(DefaultAzureCredential::new(None)?), SCOPE),
    };
    let pool: Pool<Opener> = Pool::builder(opener).max_size(5).build()?;
    let mut connection = pool.get().await.map_err(|error| error.to_string())?;
    let who: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut *connection)
        .await?;
    println!("signed in as {who}");
    Ok(())
}
