//! Opening connections to PostgreSQL, and signing in with a password or a token.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::Secret as Token;
use entra_postgres::{EntraPassword, is_refusal};
use sqlx::ConnectOptions;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};

use super::silence::{Silence, within};
use crate::config::{DatabaseConfig, Secret};
use crate::store::StoreError;
use crate::tls;

/// How long a request waits for a connection, and how long the server may take to answer a sign-in.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection is used. The server checks a token only at sign-in, so this also limits how long an identity
/// that has lost its access stays signed in.
pub(super) const LIFETIME: Duration = Duration::from_mins(30);

/// After this time the server ends a statement, sooner than the site gives up the connection.
const STATEMENT_TIMEOUT: &str = "9s";

/// The secret with which each connection signs in.
#[derive(Clone)]
pub enum SignIn {
    /// The password from the settings.
    Password,
    /// An Entra token in place of the password.
    Token(Arc<EntraPassword>),
}

/// Opens connections to the database that the settings name.
#[derive(Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    sign_in: SignIn,
    /// Whether connections have stopped answering.
    pub(super) silence: Arc<Silence>,
}

impl Connector {
    /// Opens no connection yet.
    pub(super) fn new(config: &DatabaseConfig, sign_in: SignIn) -> Self {
        // sqlx needs a provider for verify-ca, and panics when there are two to choose from.
        tls::choose_provider();
        Self {
            options: options(config),
            sign_in,
            silence: Arc::default(),
        }
    }

    /// Which server, and which database.
    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// A connection for requests.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        self.signed_in(&self.options, connect_with).await
    }

    /// A connection for statements that may take longer than those of a request.
    pub(super) async fn connect_without_statement_timeout(&self) -> Result<PgConnection, StoreError> {
        let options = self.options.clone().options([("statement_timeout", "0")]);
        self.signed_in(&options, connect_with).await
    }

    /// A connection that receives notifications.
    pub(super) async fn listener(&self) -> Result<PgListener, StoreError> {
        self.signed_in(&self.options, listen_with).await
    }

    /// Opens a connection with the current token, and once more with a newer one if the server refuses the first.
    async fn signed_in<T, F: Future<Output = sqlx::Result<T>>>(
        &self,
        options: &PgConnectOptions,
        open: impl Fn(PgConnectOptions) -> F,
    ) -> Result<T, StoreError> {
        let SignIn::Token(password) = &self.sign_in else {
            return Ok(open(options.clone()).await?);
        };
        let with_token = |token: Token| open(options.clone().password(token.secret()));
        Ok(password.open(with_token, is_refused).await?)
    }

    /// Whether connections need tokens and the last refresh failed.
    pub(super) fn lacks_new_tokens(&self) -> bool {
        matches!(&self.sign_in, SignIn::Token(password) if password.problem().is_some())
    }
}

async fn connect_with(options: PgConnectOptions) -> sqlx::Result<PgConnection> {
    // Boxed: TLS makes the future large, and most requests that carry it use a connection that is already open.
    within(TIME_LIMIT, Box::pin(async move { options.connect().await })).await
}

/// A listener takes its connection from a pool, so it gets a pool of one. It does not reconnect by itself: it would
/// miss the notifications sent in between.
async fn listen_with(options: PgConnectOptions) -> sqlx::Result<PgListener> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(TIME_LIMIT)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    Ok(listener)
}

/// Whether the server rejected the role and its token.
fn is_refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    is_refusal(code.as_deref())
}

fn options(config: &DatabaseConfig) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&config.host)
        .port(config.port)
        .database(&config.name)
        .username(&config.user)
        .password(config.password.as_ref().map_or("", Secret::expose))
        .ssl_mode(config.ssl_mode)
        .application_name("restaurant-review")
        // The request's own log line has its duration, and an error its cause.
        .disable_statement_logging()
        .options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            // If the site is silent, the server releases its locks, and closes its connections after two minutes
            // instead of two hours: a small server allows only 35.
            ("idle_in_transaction_session_timeout", "15s"),
            ("tcp_keepalives_idle", "60"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "6"),
            // The tables are mostly in memory. With the default of 4, PostgreSQL sorts small tables instead of reading
            // an index in its order, which costs a third more for the page of a restaurant with 20 reviews.
            ("random_page_cost", "1"),
        ]);
    match &config.root_certificates {
        Some(file) => options.ssl_root_cert(file),
        None => options,
    }
}
