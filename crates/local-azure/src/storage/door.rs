//! The front door, which makes the checks that Azurite does not make.

mod copy;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, EXPECT, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt as _;
use time::macros::format_description;
use tokio::sync::watch;
use url::Url;
use uuid::Uuid;

use super::address::{AddressStyle, BlobAddress, Query};
use super::credential::Credential;
use super::error::{FIRST_WITH_TOKENS, StorageError};
use super::operations::{self, AnyOf};
use super::shared_key;
use crate::azure::Azure;
use crate::error::Result;
use crate::proxy::{self, Client};
use crate::server::LOOPBACK;
use crate::state::{Action, CONTAINERS, StorageAccount, View as _};
use crate::tokens::STORAGE;

/// Checks requests and forwards the permitted ones to Azurite.
#[derive(Clone)]
pub(super) struct Door(Arc<Inner>);

struct Inner {
    azure: Azure,
    azurite: watch::Receiver<Option<Uri>>,
    client: Client,
    port: u16,
}

/// The client id of Azure Storage, which is also accepted as the audience of tokens.
const STORAGE_CLIENT: &str = "e406a681-f3d4-42a8-90b6-c2b029497af1";
/// How long a request waits while Azurite is starting.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How much of a rejected request's body is read before the response, because clients do not read while they send.
const DRAIN_LIMIT: usize = 256 << 20;

/// The sender of a request, as far as the front door checks it.
enum Caller {
    /// A principal with a valid token.
    Principal(Uuid),
    /// The holder of the account's key, or of a signature made with that key or with a user delegation key. Azurite
    /// verifies the signature.
    Signer { has_key: bool },
    /// An anonymous client.
    Anonymous,
}

impl Door {
    pub(super) fn new(azure: Azure, azurite: watch::Receiver<Option<Uri>>, port: u16) -> Result<Self> {
        let client = proxy::client(azure.authority().client()?);
        Ok(Self(Arc::new(Inner {
            azure,
            azurite,
            client,
            port,
        })))
    }

    pub(super) fn router(self) -> Router {
        Router::new().fallback(move |request: Request| async move { self.answer(request).await })
    }

    async fn answer(&self, mut request: Request) -> Response {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        // A malformed version is not repeated in the answer.
        let version = Some(version(request.headers())).filter(|version| is_date(version));
        let version = version.unwrap_or_default().to_owned();
        let answer = match self.admit(&mut request).await {
            Ok(caller) => self.forward(request, &caller, &version).await,
            Err(error) => {
                drain(request).await;
                Err(error)
            }
        };
        let answer = answer.unwrap_or_else(|error| {
            tracing::debug!(%method, path, code = error.code, "request rejected");
            error.response(&method, &version, self.0.azure.read(|state| state.tenant))
        });
        tracing::debug!(%method, path, status = answer.status().as_u16(), "Blob Storage");
        answer
    }

    /// Checks a request, and rewrites it for Azurite.
    async fn admit(&self, request: &mut Request) -> Result<Caller, StorageError> {
        let headers = request.headers_mut();
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        if AddressStyle::of(host) == AddressStyle::Unclear {
            let own = format!("{LOOPBACK}:{}", self.0.port);
            headers.insert(
                HOST,
                HeaderValue::from_str(&own).expect("an address is a valid header value"),
            );
        }
        let (method, headers) = (request.method(), request.headers());
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let address = BlobAddress::parse(host, request.uri().path()).ok_or(StorageError::WRONG_ADDRESS)?;
        let injected = self.0.azure.faults().active().storage_of(&address.account);
        if let Some(status) = injected.and_then(|status| StatusCode::from_u16(status).ok()) {
            return Err(StorageError::injected(status));
        }
        let query = Query::parse(request.uri().query().unwrap_or_default()).ok_or(StorageError::WRONG_QUERY)?;
        if headers.contains_key("x-ms-version") && !is_date(version(headers)) {
            return Err(StorageError::WRONG_VERSION);
        }
        let account = self.account(&address.account)?;
        // Each part of a batch has its own credential.
        if query.get("comp") == "batch" {
            return Err(StorageError::NO_BATCHES);
        }
        if *method == Method::OPTIONS {
            // CORS preflight requests carry no credentials.
            return Ok(Caller::Anonymous);
        }

        let needed = operations::needed(method, &address, &query, headers);
        let caller = match Credential::of(headers, &query)? {
            Credential::Token(token) => {
                let principal = self.authenticate(token, &account, version(headers))?;
                self.permits(principal, &needed, &account, &address)?;
                Caller::Principal(principal)
            }
            Credential::Key | Credential::KeySas if !account.allow_shared_key_access => {
                return Err(StorageError::NO_ACCESS_BY_KEY);
            }
            Credential::Key => Caller::Signer { has_key: true },
            Credential::KeySas => Caller::Signer { has_key: false },
            Credential::DelegationSas { principal, tenant } => {
                // The signature grants the permissions of the principal that requested its key, as long as that
                // principal exists.
                let is_known = self
                    .0
                    .azure
                    .read(|state| state.tenant == tenant && state.principal(principal).is_some());
                if !is_known {
                    return Err(StorageError::WRONG_SIGNATURE);
                }
                self.permits(principal, &needed, &account, &address)?;
                Caller::Signer { has_key: false }
            }
            Credential::None if !account.allow_blob_public_access => return Err(StorageError::NO_PUBLIC_ACCESS),
            Credential::None if !operations::may_be_anonymous(method, &address, &query) => {
                return Err(StorageError::anonymous(version(headers)));
            }
            Credential::None => Caller::Anonymous,
        };
        if headers.contains_key("x-ms-blob-public-access") && !account.allow_blob_public_access {
            return Err(StorageError::NO_PUBLIC_ACCESS);
        }
        if let Some(source) = headers.get("x-ms-copy-source") {
            let source = source.to_str().ok().and_then(|source| Url::parse(source).ok());
            let source = source.ok_or(StorageError::WRONG_COPY_SOURCE)?;
            let version = version(headers).to_owned();
            // The check sends a request through this door, so its future is recursive.
            Box::pin(self.check_source(&source, &caller, &account, &version)).await?;
        }
        if let Caller::Principal(_) = caller
            && operations::needs_key_at_azurite(&address, &query)
        {
            sign(request, &account);
        }
        Ok(caller)
    }

    /// The account with that name in the state.
    fn account(&self, name: &str) -> Result<StorageAccount, StorageError> {
        let found: Option<StorageAccount> = self.0.azure.read(|state| state.find(name));
        found
            .filter(|account| account.name() == name)
            .ok_or(StorageError::NO_SUCH_RESOURCE)
    }

    /// Authenticates a principal by its token.
    fn authenticate(&self, token: &str, account: &StorageAccount, version: &str) -> Result<Uuid, StorageError> {
        if version < FIRST_WITH_TOKENS {
            return Err(StorageError::old_version());
        }
        let own = format!("https://{}.blob.core.windows.net", account.name());
        let claims = self.0.azure.verify(token, &[STORAGE, &own, STORAGE_CLIENT]);
        claims.map(|claims| claims.oid).map_err(|why| {
            tracing::warn!(account = account.name(), "a token was rejected: {why}");
            StorageError::token(why)
        })
    }

    /// Checks that the principal currently has roles that permit everything that is needed.
    fn permits(
        &self,
        principal: Uuid,
        needed: &[AnyOf],
        account: &StorageAccount,
        address: &BlobAddress,
    ) -> Result<(), StorageError> {
        let removed = self.0.azure.faults().active().roles_removed.concerns(account.name());
        self.0.azure.read(|state| {
            // No role can be assigned for a container whose name is not valid.
            let container = address
                .container
                .as_ref()
                .and_then(|name| account.id.try_child(CONTAINERS, name).ok());
            let scope = container.unwrap_or_else(|| account.id.clone());
            let has = |action: &Action<'_>| !removed && state.permits(principal, *action, &scope);
            for any_of in needed {
                if !any_of.iter().any(has) {
                    let name = state
                        .principal(principal)
                        .map_or_else(|| principal.to_string(), |it| it.display_name);
                    let (Action::Control(action) | Action::Data(action)) = any_of[0];
                    tracing::warn!("{name} has no role that permits {action} on {scope}");
                    return Err(StorageError::NO_PERMISSION);
                }
            }
            Ok(())
        })
    }

    /// Forwards a request to Azurite.
    async fn forward(&self, request: Request, caller: &Caller, version: &str) -> Result<Response, StorageError> {
        let mut azurite = self.0.azurite.clone();
        let listening = tokio::time::timeout(START_LIMIT, azurite.wait_for(Option::is_some)).await;
        let base = listening
            .ok()
            .and_then(|address| address.ok()?.clone())
            .ok_or(StorageError::STARTING)?;
        let answer = proxy::forward(&self.0.client, &base, request).await.map_err(|error| {
            tracing::warn!(%error, "Azurite does not respond");
            StorageError::STARTING
        })?;
        let code = answer.headers().get("x-ms-error-code").map(HeaderValue::as_bytes);
        match (caller, answer.status(), code) {
            // Azurite returns one error where Azure returns two, and mistakes a signature with another key for a token.
            (Caller::Anonymous, StatusCode::FORBIDDEN, Some(b"AuthorizationFailure")) => {
                Err(StorageError::anonymous(version))
            }
            (Caller::Signer { .. }, _, Some(b"AuthorizationFailure" | b"InvalidAuthenticationInfo")) => {
                Err(StorageError::WRONG_SIGNATURE)
            }
            _ => Ok(answer),
        }
    }
}

/// The protocol version of the request, or an empty string if the request does not name one.
fn version(headers: &HeaderMap) -> &str {
    let version = headers.get("x-ms-version").and_then(|version| version.to_str().ok());
    version.unwrap_or_default()
}

/// Whether the text is a date such as `2025-11-05`, as every protocol version is.
fn is_date(text: &str) -> bool {
    let format = format_description!("[year]-[month]-[day]");
    // A year may have a sign in that format.
    text.starts_with(|c: char| c.is_ascii_digit()) && time::Date::parse(text, format).is_ok()
}

/// Signs a permitted request with the account's key.
fn sign(request: &mut Request, account: &StorageAccount) {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let (method, headers) = (request.method(), request.headers());
    let signature = shared_key::sign(account.name(), &account.keys[0], method, path, query, headers);
    if let Some(value) = signature.and_then(|signature| HeaderValue::from_str(&signature).ok()) {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

/// Reads the body, so that the client finishes sending and reads the response. A client that sent `Expect` waits for the
/// response before it sends the body.
async fn drain(request: Request) {
    if request.headers().contains_key(EXPECT) {
        return;
    }
    let (mut body, mut read) = (request.into_body(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, axum::body::Bytes::len);
        if read > DRAIN_LIMIT {
            break;
        }
    }
}
