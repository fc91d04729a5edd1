//! Keeps files: PostgreSQL has the list of them, and Blob Storage their content. The app signs in to both with tokens
//! of its identity, so none of its settings is a secret.

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use azure_core::credentials::TokenCredential;
use azure_core::http::{StatusCode as AzureStatus, Url};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use azure_storage_blob::BlobContainerClient;
use deadpool::managed::{Manager, Metrics, Pool, RecycleError, RecycleResult};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

/// Opens the connections of the pool.
struct Database {
    /// PGHOST, PGDATABASE and PGUSER.
    options: PgConnectOptions,
    credential: Arc<dyn TokenCredential>,
}

impl Manager for Database {
    type Type = PgConnection;
    type Error = sqlx::Error;

    /// Signs in with a token as the password. The credential caches it, and gets the next one before it expires.
    async fn create(&self) -> sqlx::Result<PgConnection> {
        let scope = "https://ossrdbms-aad.database.windows.net/.default";
        let token = self.credential.get_token(&[scope], None).await;
        let token = token.map_err(|error| sqlx::Error::Configuration(error.into()))?;
        self.options.clone().password(token.token.secret()).connect().await
    }

    async fn recycle(&self, connection: &mut PgConnection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        connection.ping().await.map_err(RecycleError::Backend)
    }
}

#[derive(Clone)]
struct Files {
    database: Pool<Database>,
    container: Arc<BlobContainerClient>,
}

/// What went wrong, for the log.
struct Failure(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("{}", self.0);
        (StatusCode::INTERNAL_SERVER_ERROR, "See the log.\n").into_response()
    }
}

async fn list(State(files): State<Files>) -> Result<String, Failure> {
    let mut connection = files.database.get().await?;
    let rows: Vec<(String, i32)> = sqlx::query_as("select name, size from file order by name")
        .fetch_all(&mut *connection)
        .await?;
    Ok(rows.iter().map(|(name, size)| format!("{name} {size}\n")).collect())
}

async fn keep(State(files): State<Files>, Path(name): Path<String>, content: Bytes) -> Result<StatusCode, Failure> {
    if !is_file_name(&name) {
        return Ok(StatusCode::NOT_FOUND);
    }
    let size = i32::try_from(content.len())?;
    // The blob comes first: the list has no file without content.
    let blob = files.container.blob_client(&name);
    blob.upload(content.into(), None).await?;
    let mut connection = files.database.get().await?;
    sqlx::query("insert into file values ($1, $2) on conflict (name) do update set size = excluded.size")
        .bind(name)
        .bind(size)
        .execute(&mut *connection)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show(State(files): State<Files>, Path(name): Path<String>) -> Result<Response, Failure> {
    if !is_file_name(&name) {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    let blob = match files.container.blob_client(&name).download(None).await {
        Err(error) if error.http_status() == Some(AzureStatus::NotFound) => {
            return Ok(StatusCode::NOT_FOUND.into_response());
        }
        blob => blob?,
    };
    // Browsers show it as text, whatever it is.
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, blob.body.collect().await?).into_response())
}

fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= 100 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(allowed)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing was installed before");
    let setting = |name: &str| env::var(name).map_err(|_| format!("the setting {name} is missing"));

    // The user-assigned identity with this id or, without the setting, the system-assigned one.
    let identity = env::var("AZURE_CLIENT_ID").ok();
    let credential = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id: identity.map(UserAssignedId::ClientId),
        ..Default::default()
    }))?;
    let url = Url::parse(&format!("{}/files", setting("STORAGE_URL")?))?;
    let container = BlobContainerClient::new(url, Some(credential.clone()), None)?;
    // The token is sent only to a server with a valid certificate.
    let options = PgConnectOptions::new().ssl_mode(PgSslMode::VerifyFull);
    let database: Pool<Database> = Pool::builder(Database { options, credential }).max_size(5).build()?;
    let mut connection = database.get().await?;
    sqlx::query("create table if not exists file (name text primary key, size integer not null)")
        .execute(&mut *connection)
        .await?;
    drop(connection);

    let files = Files {
        database,
        container: Arc::new(container),
    };
    let site = Router::new()
        .route("/", get(list))
        .route("/{name}", get(show).put(keep))
        .with_state(files);
    let port: u16 = setting("PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", port)).await?;
    println!("http://127.0.0.1:{}", listener.local_addr()?.port());
    Ok(axum::serve(listener, site).await?)
}
