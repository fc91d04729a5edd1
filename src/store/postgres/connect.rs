//! Connections to PostgreSQL, and the password that each is opened with.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Postgres};

use crate::azure::KeptToken;
use crate::config::{DatabaseConfig, Secret, SslMode};
use crate::store::StoreError;
use crate::tls;

/// Connections of one instance. A small server in Azure has 35 for all of them.
const CONNECTIONS: u32 = 10;
/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection is used. The server checks a token at sign-in alone, so this also bounds how long
/// an identity that is no longer wanted stays in.
const LIFETIME: Duration = Duration::from_mins(30);

/// What a connection is opened with.
#[derive(Clone)]
pub enum SignIn {
    /// The password of the settings.
    Password,
    /// An Entra token in place of the password.
    Token(Arc<KeptToken>),
}

/// The database that the settings name.
pub(super) struct Database {
    pool: PgPool,
    options: PgConnectOptions,
    sign_in: SignIn,
    /// The token that the pool's next connection is opened with.
    token: Mutex<Option<Secret>>,
}

impl Database {
    /// Takes note of the settings; nothing is connected to yet.
    pub(super) fn new(config: &DatabaseConfig, sign_in: SignIn) -> Self {
        // For verify-ca, sqlx asks for it, and ends the process when there are two to choose from.
        tls::choose_provider();
        let options = options(config);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .max_lifetime(LIFETIME)
            .connect_lazy_with(options.clone());
        Self {
            pool,
            options,
            sign_in,
            token: Mutex::new(None),
        }
    }

    /// A connection of the pool; a new one is opened with a token that is valid now.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let SignIn::Token(kept) = &self.sign_in else {
            return Ok(self.pool.acquire().await?);
        };
        let token = match kept.get().await {
            Ok(token) => token,
            // What is open needs none.
            Err(error) => return self.pool.try_acquire().ok_or_else(|| error.into()),
        };
        self.use_token(&token);
        match self.pool.acquire().await {
            Err(error) if is_refusal(&error) => {
                self.use_token(&kept.refuse(&token).await?);
                Ok(self.pool.acquire().await?)
            }
            result => Ok(result?),
        }
    }

    /// A connection beside the pool, for work that may take long. The error is the server's own, where the
    /// pool would try until its time is up.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let options = self.options.clone().options([("statement_timeout", "0")]);
        let SignIn::Token(kept) = &self.sign_in else {
            return Ok(within(options.connect()).await?);
        };
        let token = kept.get().await?;
        match within(options.clone().password(token.expose()).connect()).await {
            Err(error) if is_refusal(&error) => {
                let token = kept.refuse(&token).await?;
                Ok(within(options.password(token.expose()).connect()).await?)
            }
            result => Ok(result?),
        }
    }

    /// Whether tokens are needed, and the last refresh failed.
    pub(super) fn lacks_new_tokens(&self) -> bool {
        matches!(&self.sign_in, SignIn::Token(kept) if kept.problem().is_some())
    }

    /// Opens the pool's next connections with that token.
    fn use_token(&self, token: &Secret) {
        let mut current = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() != Some(token) {
            self.pool
                .set_connect_options(self.options.clone().password(token.expose()));
            *current = Some(token.clone());
        }
    }
}

/// A connection that does not come in time is as good as none.
async fn within<T>(connecting: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(PATIENCE, connecting)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Whether the server did not accept the role and password: `invalid_password`, or
/// `invalid_authorization_specification`.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("28P01" | "28000"))
}

fn options(config: &DatabaseConfig) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&config.host)
        .port(config.port)
        .database(&config.name)
        .username(&config.user)
        .password(config.password.as_ref().map_or("", Secret::expose))
        .ssl_mode(match config.ssl_mode {
            SslMode::Disable => PgSslMode::Disable,
            SslMode::Prefer => PgSslMode::Prefer,
            SslMode::Require => PgSslMode::Require,
            SslMode::VerifyCa => PgSslMode::VerifyCa,
            SslMode::VerifyFull => PgSslMode::VerifyFull,
        })
        .application_name("restaurant-review")
        .options([
            ("statement_timeout", "10s"),
            // One query of the list serves with and without a search and a cursor. Planned for its values,
            // it uses the index that suits them; a plan for any values could not.
            ("plan_cache_mode", "force_custom_plan"),
        ]);
    if let Some(file) = &config.root_certificates {
        options = options.ssl_root_cert(file);
    }
    options
}
