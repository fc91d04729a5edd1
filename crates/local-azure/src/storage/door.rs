//! The front door: what of a request Azurite does not check.

mod credential;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, EXPECT, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use url::Url;
use uuid::Uuid;

use self::credential::Credential;
use super::operations::{self, OneOf};
use super::place::{Place, Query, Style};
use super::refusal::{FIRST_WITH_TOKENS, Refusal};
use super::shared_key;
use crate::Result;
use crate::proxy::{self, Client};
use crate::server::LOOPBACK;
use crate::state::{Action, Azure, StorageAccount};
use crate::tokens::STORAGE;

/// Checks requests, and hands on those that may pass.
#[derive(Clone)]
pub(super) struct Door(Arc<Inner>);

struct Inner {
    azure: Azure,
    azurite: watch::Receiver<Option<Uri>>,
    client: Client,
    port: u16,
}

/// The client id of Azure Storage, which tokens may name as their audience instead of its address.
const STORAGE_CLIENT: &str = "e406a681-f3d4-42a8-90b6-c2b029497af1";
/// How long a request waits for Azurite to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a body is read before its refusal is sent; a client that still sends would not read it.
const DRAINED: usize = 256 << 20;

/// Who asks, as far as it is checked here.
enum Caller {
    /// A principal, by a token that is right.
    Principal(Uuid),
    /// Who has the account's key, or a signature made with it or with a user delegation key: Azurite checks it.
    Signer { has_key: bool },
    /// Nobody in particular.
    Anyone,
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
        let version = version(request.headers()).to_owned();
        let answer = match self.admit(&mut request).await {
            Ok(caller) => self.pass(request, &caller, &version).await,
            Err(refusal) => {
                drain(request).await;
                Err(refusal)
            }
        };
        let answer = answer.unwrap_or_else(|refusal| {
            tracing::debug!(%method, path, code = refusal.code, "refused");
            refusal.answer(&method, &version, self.0.azure.read(|state| state.tenant))
        });
        tracing::debug!(%method, path, status = answer.status().as_u16(), "Blob Storage");
        answer
    }

    /// Checks a request, and makes of it the one that Azurite is asked.
    async fn admit(&self, request: &mut Request) -> Result<Caller, Refusal> {
        let headers = request.headers_mut();
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        if Style::of(host) == Style::Unclear {
            let own = format!("{LOOPBACK}:{}", self.0.port);
            headers.insert(
                HOST,
                HeaderValue::from_str(&own).expect("an address is a header's value"),
            );
        }
        let (method, headers) = (request.method(), request.headers());
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let place = Place::read(host, request.uri().path()).ok_or(Refusal::WRONG_ADDRESS)?;
        let query = Query::read(request.uri().query().unwrap_or_default()).ok_or(Refusal::WRONG_QUERY)?;
        let account = self.account(&place.account)?;
        // Each part of a batch has a credential of its own.
        if query.get("comp") == "batch" {
            return Err(Refusal::NO_BATCHES);
        }
        if *method == Method::OPTIONS {
            // A browser asks so, without credentials, whether it may ask.
            return Ok(Caller::Anyone);
        }

        let needed = operations::needed(method, &place, &query, headers);
        let caller = match Credential::of(headers, &query)? {
            Credential::Token(token) => {
                let principal = self.sign_in(token, &account, version(headers))?;
                self.permits(principal, &needed, &account, &place)?;
                Caller::Principal(principal)
            }
            Credential::Key | Credential::KeySas if !account.allow_shared_key_access => {
                return Err(Refusal::NO_ACCESS_BY_KEY);
            }
            Credential::Key => Caller::Signer { has_key: true },
            Credential::KeySas => Caller::Signer { has_key: false },
            Credential::DelegationSas { principal, tenant } => {
                // The signature can do no more than who asked for its key, and only while that one is there.
                let is_known = self
                    .0
                    .azure
                    .read(|state| state.tenant == tenant && state.principal(principal).is_some());
                if !is_known {
                    return Err(Refusal::WRONG_SIGNATURE);
                }
                self.permits(principal, &needed, &account, &place)?;
                Caller::Signer { has_key: false }
            }
            Credential::None if !account.allow_blob_public_access => return Err(Refusal::NO_PUBLIC_ACCESS),
            Credential::None => Caller::Anyone,
        };
        if headers.contains_key("x-ms-blob-public-access") && !account.allow_blob_public_access {
            return Err(Refusal::NO_PUBLIC_ACCESS);
        }
        if let Some(source) = headers.get("x-ms-copy-source") {
            let source = source.to_str().ok().and_then(|source| Url::parse(source).ok());
            let source = source.ok_or(Refusal::WRONG_COPY_SOURCE)?;
            let version = version(headers).to_owned();
            Box::pin(self.check_source(&source, &caller, &account, &version)).await?;
        }
        if let Caller::Principal(_) = caller
            && operations::needs_key_at_azurite(&place, &query)
        {
            sign(request, &account);
        }
        Ok(caller)
    }

    /// The account of the state with that name.
    fn account(&self, name: &str) -> Result<StorageAccount, Refusal> {
        self.0.azure.read(|state| {
            let found = state.storage_accounts.iter().find(|account| account.name == name);
            found.cloned().ok_or(Refusal::NO_SUCH_RESOURCE)
        })
    }

    /// Whose token that is.
    fn sign_in(&self, token: &str, account: &StorageAccount, version: &str) -> Result<Uuid, Refusal> {
        if version < FIRST_WITH_TOKENS {
            return Err(Refusal::old_version());
        }
        let own = format!("https://{}.blob.core.windows.net", account.name);
        let claims = self.0.azure.verify(token, &[STORAGE, &own, STORAGE_CLIENT]);
        claims.map(|claims| claims.oid).map_err(|why| {
            tracing::warn!(account = account.name, "a token was refused: {why}");
            Refusal::token(why)
        })
    }

    /// Whether the principal has roles for all of that, at this moment.
    fn permits(
        &self,
        principal: Uuid,
        needed: &[OneOf],
        account: &StorageAccount,
        place: &Place,
    ) -> Result<(), Refusal> {
        let removed = self.0.azure.faults().now().roles_removed;
        self.0.azure.read(|state| {
            let mut scope = state.resource_id(
                &account.resource_group,
                "Microsoft.Storage/storageAccounts",
                &account.name,
            );
            if let Some(container) = &place.container {
                scope = format!("{scope}/blobServices/default/containers/{container}");
            }
            let has = |action: &Action<'_>| !removed && state.permits(principal, *action, &scope);
            for one_of in needed {
                if !one_of.iter().any(has) {
                    let name = state
                        .principal(principal)
                        .map_or_else(|| principal.to_string(), |it| it.display_name);
                    let (Action::Control(action) | Action::Data(action)) = one_of[0];
                    tracing::warn!("{name} has no role that permits {action} on {scope}");
                    return Err(Refusal::NO_PERMISSION);
                }
            }
            Ok(())
        })
    }

    /// Whether that caller may read what it wants to copy: by itself in its own account, and elsewhere as the source's
    /// address allows.
    async fn check_source(
        &self,
        source: &Url,
        caller: &Caller,
        account: &StorageAccount,
        version: &str,
    ) -> Result<(), Refusal> {
        let host = source.host_str().unwrap_or_default();
        if Style::of(host) == Style::Unclear {
            return Err(Refusal::WRONG_COPY_SOURCE);
        }
        let place = Place::read(host, source.path()).ok_or(Refusal::WRONG_COPY_SOURCE)?;
        let is_own = place.account == account.name;
        match caller {
            Caller::Signer { has_key: true } if is_own => return Ok(()),
            Caller::Principal(id) if is_own && self.permits(*id, &[operations::READ], account, &place).is_ok() => {
                return Ok(());
            }
            _ => {}
        }
        let mut target = source.path().to_owned();
        if let Some(query) = source.query() {
            target = format!("{target}?{query}");
        }
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::HEAD;
        *request.uri_mut() = target.parse().map_err(|_| Refusal::WRONG_COPY_SOURCE)?;
        for (name, value) in [("host", host), ("x-ms-version", version)] {
            let value = HeaderValue::from_str(value).map_err(|_| Refusal::WRONG_COPY_SOURCE)?;
            request.headers_mut().insert(name, value);
        }
        match self.answer(request).await.status() {
            status if status.is_success() => Ok(()),
            status => Err(Refusal::no_copy_source(status)),
        }
    }

    /// Hands it on to Azurite.
    async fn pass(&self, request: Request, caller: &Caller, version: &str) -> Result<Response, Refusal> {
        let mut azurite = self.0.azurite.clone();
        let there = tokio::time::timeout(PATIENCE, azurite.wait_for(Option::is_some)).await;
        let base = there
            .ok()
            .and_then(|there| there.ok()?.clone())
            .ok_or(Refusal::STARTING)?;
        let answer = proxy::forward(&self.0.client, &base, request).await.map_err(|error| {
            tracing::warn!(%error, "Azurite does not answer");
            Refusal::STARTING
        })?;
        let code = answer.headers().get("x-ms-error-code").map(HeaderValue::as_bytes);
        match (caller, answer.status(), code) {
            // Azurite has one answer where Azure has these two.
            (Caller::Anyone, StatusCode::FORBIDDEN, Some(b"AuthorizationFailure")) => Err(Refusal::anonymous(version)),
            (Caller::Signer { .. }, StatusCode::FORBIDDEN, Some(b"AuthorizationFailure")) => {
                Err(Refusal::WRONG_SIGNATURE)
            }
            // It takes what is signed with another key for a token.
            (Caller::Signer { .. }, StatusCode::BAD_REQUEST, Some(b"InvalidAuthenticationInfo")) => {
                Err(Refusal::WRONG_SIGNATURE)
            }
            _ => Ok(answer),
        }
    }
}

/// The version of the protocol that the request speaks; empty where it does not say.
fn version(headers: &HeaderMap) -> &str {
    let version = headers.get("x-ms-version").and_then(|version| version.to_str().ok());
    version.unwrap_or_default()
}

/// Signs a request that may pass with the account's key.
fn sign(request: &mut Request, account: &StorageAccount) {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let (method, headers) = (request.method(), request.headers());
    let signature = shared_key::sign(&account.name, &account.key, method, path, query, headers);
    if let Some(value) = signature.and_then(|signature| HeaderValue::from_str(&signature).ok()) {
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

/// Reads what the client sends, so that it reads the answer; unless it waits for the answer before it sends.
async fn drain(request: Request) {
    if request.headers().contains_key(EXPECT) {
        return;
    }
    let (mut body, mut read) = (request.into_body(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, axum::body::Bytes::len);
        if read > DRAINED {
            break;
        }
    }
}
