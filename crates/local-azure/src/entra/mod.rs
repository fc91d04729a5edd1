//! The tenant's authority, which is `https://login.microsoftonline.com` on Azure.
//!
//! It publishes its signing keys ([`Entra::authority_host`] and the discovery document), and issues tokens to applications
//! that authenticate with a secret, a certificate or the token of an issuer that they trust, and to users by password, by
//! a code that they confirm in a browser, or on the sign-in page to which an application sends them. It also acts as an issuer of workload tokens ([`Entra::workload_issuer`]).

mod access_token;
pub mod assertion;
mod attempts;
mod authorize;
mod certificate;
mod client;
mod code_grant;
mod codes;
mod device;
mod device_codes;
mod discovery;
mod error;
mod federation;
mod form;
mod id_token;
mod logout;
mod pages;
mod password_grant;
mod redirects;
mod refresh_grant;
mod refresh_tokens;
mod scopes;
mod secrets;
mod shared;
mod token;
mod user_tokens;
mod users;
mod workload;

use std::sync::{Arc, Mutex, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::response::Response;
use axum::routing::{get, post};
use tower::Layer as _;
use tower::util::{MapRequestLayer, MapResponseLayer};

pub use self::refresh_tokens::refresh_token;
pub use self::secrets::{add_secret, hash_password};

pub(crate) use self::secrets::{add_secret_with, is_complex};

use self::federation::Issuers;
use self::shared::Shared;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::server::{LOOPBACK, Server, bind};
use crate::tokens::{AZURE_AUTHORITY, SigningKeys};

const PART: &str = "the tenant's authority (Entra)";
const FLAG: &str = "--entra-port";

/// The tenant's authority, served over HTTPS until this value is dropped.
pub struct Entra {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

impl Entra {
    /// Starts it on that loopback port. Port 0 selects a free one. Its certificate is for `localhost` and `127.0.0.1`.
    pub fn start(azure: &Azure, port: u16) -> Result<Self> {
        let listener = bind(port, PART, FLAG)?;
        let address = listener.local_addr().map_err(|error| Error::failed(PART, error))?;
        let authority = format!("https://localhost:{}/", address.port());
        let entra = Self {
            port: address.port(),
            shared: Arc::new(Shared {
                azure: azure.clone(),
                workload_issuer: format!("{authority}workload"),
                outside: authority.clone(),
                authority,
                device_codes: Arc::default(),
                codes: Arc::default(),
                app_port: Arc::new(OnceLock::new()),
                attempts: Arc::default(),
                workload_keys: Arc::new(SigningKeys::open(&azure.subfolder("workload")?)?),
                issuers: Arc::new(Issuers::new(azure)?),
            }),
            server: Mutex::new(None),
        };
        entra.serve_on(listener)?;
        Ok(entra)
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `AZURE_AUTHORITY_HOST`: `https://localhost:PORT/`.
    #[must_use]
    pub fn authority_host(&self) -> String {
        self.shared.authority.clone()
    }

    /// The URL of the token endpoint, version 2.0.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!(
            "{}{}/oauth2/v2.0/token",
            self.shared.authority,
            self.shared.own_tenant()
        )
    }

    /// The `iss` of this machine's workload tokens, for a [federated credential](crate::state::FederatedCredential).
    #[must_use]
    pub fn workload_issuer(&self) -> String {
        self.shared.workload_issuer.clone()
    }

    /// A workload token for the file that `AZURE_FEDERATED_TOKEN_FILE` names. It is valid for an hour.
    #[must_use]
    pub fn workload_token(&self, subject: &str, audience: &str) -> String {
        workload::token(&self.shared, subject, audience)
    }

    /// Sets the port of web apps on this machine. A sign-in may lead to the address of an app there if the application has
    /// registered the app's address in Azure.
    pub fn set_app_port(&self, https: u16) {
        let _ = self.shared.app_port.set(https);
    }

    /// Where a browser on this machine finds a page that Azure has at `https://login.microsoftonline.com/`.
    #[must_use]
    pub fn outside_url(&self, in_azure: &str) -> Option<String> {
        let rest = in_azure.strip_prefix(AZURE_AUTHORITY)?;
        Some(format!("{}{rest}", self.shared.outside))
    }

    /// The routes of the authority for clients that reach it as `login.microsoftonline.com`.
    pub fn azure_router(&self) -> Router {
        router(Arc::new(Shared {
            authority: AZURE_AUTHORITY.to_owned(),
            ..Shared::clone(&self.shared)
        }))
    }

    /// Closes the port and all connections.
    pub fn stop(&self) {
        drop(
            self.server
                .lock()
                .expect("no thread panics while holding the lock")
                .take(),
        );
    }

    /// Listens again on the same port, if it was stopped.
    pub fn start_again(&self) -> Result<()> {
        if self
            .server
            .lock()
            .expect("no thread panics while holding the lock")
            .is_some()
        {
            return Ok(());
        }
        self.serve_on(bind(self.port, PART, FLAG)?)
    }

    fn serve_on(&self, listener: std::net::TcpListener) -> Result<()> {
        let tls = self.shared.azure.authority().server(&["localhost", LOOPBACK])?;
        let server = Server::https(listener, tls, router(self.shared.clone()));
        *self.server.lock().expect("no thread panics while holding the lock") = Some(server);
        Ok(())
    }
}

fn router(shared: Arc<Shared>) -> Router {
    // A page of any site may read these answers: they depend on nothing that a browser adds to a request.
    let for_scripts = Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(discovery::configuration_v1),
        )
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::configuration_v2),
        )
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/oauth2/token", post(token::v1))
        .route("/{tenant}/oauth2/v2.0/token", post(token::v2))
        .layer(MapResponseLayer::new(readable_by_scripts));
    let router = Router::new()
        .route(
            "/workload/.well-known/openid-configuration",
            get(workload::configuration),
        )
        .route("/workload/keys", get(workload::keys))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::start))
        .route(
            "/{tenant}/oauth2/v2.0/authorize",
            get(authorize::page).post(authorize::sign_in),
        )
        .route("/{tenant}/oauth2/logout", get(logout::page))
        .route("/{tenant}/oauth2/v2.0/logout", get(logout::page))
        .route(pages::SUBMIT, get(pages::submit))
        .route(pages::STYLE, get(pages::style))
        .route("/{tenant}/userrealm/{user}", get(discovery::user_realm))
        .route("/device", get(device::page).post(device::confirm))
        .merge(for_scripts)
        .with_state(shared);
    // A layer of the router itself would run after the route has been chosen.
    Router::new().fallback_service(MapRequestLayer::new(collapse_slashes).layer(router))
}

/// Permits the scripts of all sites to read an answer.
fn readable_by_scripts(mut answer: Response) -> Response {
    let any = HeaderValue::from_static("*");
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    answer
}

/// Collapses repeated slashes in the path. Clients that concatenate URLs send `//`, and Entra accepts it.
fn collapse_slashes(mut request: Request) -> Request {
    let uri = request.uri();
    if uri.path().contains("//") {
        let mut path = String::with_capacity(uri.path().len());
        for character in uri.path().chars() {
            if character != '/' || !path.ends_with('/') {
                path.push(character);
            }
        }
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn repeated_slashes_are_collapsed() {
        for (from, to) in [
            ("/t/oauth2/token", "/t/oauth2/token"),
            ("//t///oauth2//token?a=//b", "/t/oauth2/token?a=//b"),
        ] {
            let request = Request::builder().uri(from).body(Body::empty()).unwrap();
            assert_eq!(*collapse_slashes(request).uri(), *to);
        }
    }
}
