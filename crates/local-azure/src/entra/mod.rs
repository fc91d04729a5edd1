//! The tenant's authority: what stands at `https://login.microsoftonline.com` in Azure.
//!
//! It says which keys sign ([`Entra::authority_host`] and the discovery document), gives tokens to applications that
//! prove who they are by a secret, by a certificate or by the token of an issuer that they trust, and is such an issuer
//! itself ([`Entra::workload_issuer`]). Nobody signs in here with a browser.

mod assertion;
mod certificate;
mod discovery;
mod error;
mod federation;
mod secrets;
mod token;
mod workload;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use tower::Layer as _;
use tower::util::MapRequestLayer;
use uuid::Uuid;

pub use self::secrets::add_secret;

use self::federation::Issuers;
use crate::server::{LOOPBACK, Server, bind};
use crate::state::Azure;
use crate::tokens::SigningKeys;
use crate::{Error, Result};

const PART: &str = "the tenant's authority (Entra)";
const FLAG: &str = "--entra-port";

/// The tenant's authority over HTTPS, until this value is dropped.
pub struct Entra {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

struct Shared {
    azure: Azure,
    /// With a slash at its end.
    authority: String,
    /// The keys of the workload issuer.
    workload_keys: SigningKeys,
    issuers: Issuers,
}

impl Entra {
    /// Serves it on that port of loopback; 0 takes a free one. The names that its certificate is for are `localhost`
    /// and `127.0.0.1`.
    pub fn start(azure: &Azure, port: u16) -> Result<Self> {
        let listener = bind(port, PART, FLAG)?;
        let address = listener.local_addr().map_err(|error| Error::failed(PART, error))?;
        let entra = Self {
            port: address.port(),
            shared: Arc::new(Shared {
                azure: azure.clone(),
                authority: format!("https://localhost:{}/", address.port()),
                workload_keys: SigningKeys::open(&azure.subfolder("workload")?)?,
                issuers: Issuers::new(azure)?,
            }),
            server: Mutex::new(None),
        };
        entra.serve_on(listener)?;
        Ok(entra)
    }

    /// The port of loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `AZURE_AUTHORITY_HOST`: `https://localhost:PORT/`.
    #[must_use]
    pub fn authority_host(&self) -> String {
        self.shared.authority.clone()
    }

    /// The token endpoint, version 2.0.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!(
            "{}{}/oauth2/v2.0/token",
            self.shared.authority,
            self.shared.own_tenant()
        )
    }

    /// The `iss` of this machine's own workload tokens, for a
    /// [federated credential](crate::state::FederatedCredential).
    #[must_use]
    pub fn workload_issuer(&self) -> String {
        self.shared.workload_issuer()
    }

    /// A workload token for the file that `AZURE_FEDERATED_TOKEN_FILE` names. It lives an hour.
    #[must_use]
    pub fn workload_token(&self, subject: &str, audience: &str) -> String {
        workload::token(&self.shared, subject, audience)
    }

    /// Refuses connections and ends those it has.
    pub fn stop(&self) {
        drop(self.server.lock().expect("nobody panics").take());
    }

    /// Listens again, on the same port, if it was stopped.
    pub fn start_again(&self) -> Result<()> {
        if self.server.lock().expect("nobody panics").is_some() {
            return Ok(());
        }
        self.serve_on(bind(self.port, PART, FLAG)?)
    }

    fn serve_on(&self, listener: std::net::TcpListener) -> Result<()> {
        let tls = self.shared.azure.authority().server(&["localhost", LOOPBACK])?;
        let server = Server::https(listener, tls, router(self.shared.clone()));
        *self.server.lock().expect("nobody panics") = Some(server);
        Ok(())
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let router = Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route(
            "/workload/.well-known/openid-configuration",
            get(workload::configuration),
        )
        .route("/workload/keys", get(workload::keys))
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
        .with_state(shared);
    // Around the router: a layer of it would come after the choice of the route.
    Router::new().fallback_service(MapRequestLayer::new(collapse_slashes).layer(router))
}

/// Makes one slash of several in the path. Clients that join addresses as text send `//`, and Entra takes it.
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What stands for the tenant in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tenant {
    /// The tenant's own id.
    Own,
    /// `common` or `organizations`: the one that the user belongs to.
    Any,
}

impl Shared {
    fn own_tenant(&self) -> Uuid {
        self.azure.read(|state| state.tenant)
    }

    /// The tenant that is meant; `None` if there is no such.
    fn tenant(&self, name: &str) -> Option<Tenant> {
        if Uuid::try_parse(name) == Ok(self.own_tenant()) {
            Some(Tenant::Own)
        } else if ["common", "organizations"].contains(&name) {
            Some(Tenant::Any)
        } else {
            None
        }
    }

    /// How the tenant is written in addresses.
    fn name(&self, tenant: Tenant) -> String {
        match tenant {
            Tenant::Own => self.own_tenant().to_string(),
            Tenant::Any => "common".to_owned(),
        }
    }

    /// The host and port of the authority.
    fn host(&self) -> &str {
        self.authority.trim_start_matches("https://").trim_end_matches('/')
    }

    fn workload_issuer(&self) -> String {
        format!("{}workload", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn several_slashes_are_one() {
        for (from, to) in [
            ("/t/oauth2/token", "/t/oauth2/token"),
            ("//t///oauth2//token?a=//b", "/t/oauth2/token?a=//b"),
        ] {
            let request = Request::builder().uri(from).body(Body::empty()).unwrap();
            assert_eq!(*collapse_slashes(request).uri(), *to);
        }
    }
}
