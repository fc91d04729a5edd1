//! Connections to PostgreSQL, and the password that each is opened with.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions, PgSslMode};

use super::pool::{Pool, Pooled};
use crate::azure::KeptToken;
use crate::config::{DatabaseConfig, Secret, SslMode};
use crate::store::StoreError;
use crate::tls;

/// How long a request waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection is used. The server checks a token at sign-in alone, so this also bounds how long
/// an identity that is no longer wanted stays in.
pub(super) const LIFETIME: Duration = Duration::from_mins(30);
/// How long after its last use a connection is taken to live.
const TRUSTED: Duration = Duration::from_secs(1);

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
    pool: Pool,
    options: PgConnectOptions,
    sign_in: SignIn,
}

impl Database {
    /// Takes note of the settings; nothing is connected to yet.
    pub(super) fn new(config: &DatabaseConfig, sign_in: SignIn) -> Self {
        // For verify-ca, sqlx asks for it, and ends the process when there are two to choose from.
        tls::choose_provider();
        Self {
            pool: Pool::new(),
            options: options(config),
            sign_in,
        }
    }

    /// A connection of the pool, which lives.
    pub(super) async fn acquire(&self) -> Result<Pooled, StoreError> {
        self.pool.acquire(Duration::ZERO, self.open(&self.options)).await
    }

    /// A connection of the pool for who can ask another one if this [was closed](Pooled::was_closed).
    pub(super) async fn acquire_unasked(&self) -> Result<Pooled, StoreError> {
        self.pool.acquire(TRUSTED, self.open(&self.options)).await
    }

    /// A connection beside the pool, for work that may take long.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        self.open(&self.options.clone().options([("statement_timeout", "0")]))
            .await
    }

    /// A new connection, with a token that is valid now.
    async fn open(&self, options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
        let SignIn::Token(kept) = &self.sign_in else {
            return Ok(connected(options.clone()).await?);
        };
        let token = kept.get().await?;
        match connected(options.clone().password(token.expose())).await {
            Err(error) if is_refusal(&error) => {
                let token = kept.refuse(&token).await?;
                Ok(connected(options.clone().password(token.expose())).await?)
            }
            result => Ok(result?),
        }
    }

    /// A connection that hears notifications, beside the pool.
    pub(super) async fn listener(&self) -> Result<PgListener, StoreError> {
        let SignIn::Token(kept) = &self.sign_in else {
            return Ok(listen_with(self.options.clone()).await?);
        };
        let token = kept.get().await?;
        match listen_with(self.options.clone().password(token.expose())).await {
            Err(error) if is_refusal(&error) => {
                let token = kept.refuse(&token).await?;
                Ok(listen_with(self.options.clone().password(token.expose())).await?)
            }
            result => Ok(result?),
        }
    }

    /// Whether tokens are needed, and the last refresh failed.
    pub(super) fn lacks_new_tokens(&self) -> bool {
        matches!(&self.sign_in, SignIn::Token(kept) if kept.problem().is_some())
    }
}

async fn connected(options: PgConnectOptions) -> sqlx::Result<PgConnection> {
    // Boxed: TLS makes it large, and most requests that carry it find a connection that is open.
    within(Box::pin(async move { options.connect().await })).await
}

/// A listener takes its connection from a pool; this one has no other. When it is lost, so is the listener:
/// what was sent meanwhile is lost too.
async fn listen_with(options: PgConnectOptions) -> sqlx::Result<PgListener> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    Ok(listener)
}

/// An answer that does not come in time is as good as none.
pub(super) async fn within<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(PATIENCE, answer)
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
        // What is slow or wrong is seen in the line of its request.
        .disable_statement_logging()
        .options([
            ("statement_timeout", "10s"),
            // Each query has one good plan, whatever its values and however much there is: planned once per
            // connection, along the indexes that are made for it. Guesses of how many rows there will be (of
            // one restaurant, say, which may have a thousand times the usual number) do not change it.
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_sort", "off"),
            ("enable_seqscan", "off"),
            // A sort that no index replaces counts as very dear now, which is no reason to compile the query.
            ("jit", "off"),
        ]);
    if let Some(file) = &config.root_certificates {
        options = options.ssl_root_cert(file);
    }
    options
}
