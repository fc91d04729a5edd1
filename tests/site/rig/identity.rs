//! The managed identity endpoint of App Service, with tokens that are really signed.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::collections::HashMap;
use std::future::pending;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use uuid::Uuid;

use super::server::Server;
use super::token::{Claims, Key, PublicKey};

/// What is there for an app with one user-assigned identity, as long as this value lives.
pub struct IdentityEndpoint {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

/// How the endpoint answers requests that are in order.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// With a token.
    Works,
    /// With this status.
    Fails(u16),
    /// With 429 and this `Retry-After`, in seconds.
    TooManyRequests { retry_after: u64 },
    /// Never.
    Hangs,
}

struct Shared {
    header: String,
    client_id: String,
    object_id: String,
    key: Key,
    changing: Mutex<Changing>,
}

struct Changing {
    behaviour: Behaviour,
    lifetime: u64,
    repeat_while_left: Option<u64>,
    requests: usize,
    given: Vec<(Claims, String)>,
}

impl IdentityEndpoint {
    /// On a free port of loopback. Its tokens live a day, as Azure's do.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Shared {
            header: Uuid::new_v4().simple().to_string().to_uppercase(),
            client_id: Uuid::new_v4().to_string(),
            object_id: Uuid::new_v4().to_string(),
            key: Key::new(),
            changing: Mutex::new(Changing {
                behaviour: Behaviour::Works,
                lifetime: 24 * 60 * 60,
                repeat_while_left: None,
                requests: 0,
                given: Vec::new(),
            }),
        };
        let endpoint = Self {
            port: listener.local_addr().unwrap().port(),
            shared: Arc::new(shared),
            server: Mutex::new(None),
        };
        endpoint.serve_on(listener);
        endpoint
    }

    /// The variables that App Service and its owner give to a process that uses this identity.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("IDENTITY_ENDPOINT", self.url()),
            ("IDENTITY_HEADER", self.header().to_owned()),
            ("AZURE_CLIENT_ID", self.client_id().to_owned()),
        ]
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/msi/token", self.port)
    }

    /// The secret that only the app's own process knows.
    pub fn header(&self) -> &str {
        &self.shared.header
    }

    pub fn client_id(&self) -> &str {
        &self.shared.client_id
    }

    /// What a role of PostgreSQL is bound to.
    pub fn object_id(&self) -> &str {
        &self.shared.object_id
    }

    /// Changes how it answers from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.changing.lock().unwrap().behaviour = behaviour;
    }

    /// Changes how many seconds its next tokens live.
    pub fn set_lifetime(&self, seconds: u64) {
        self.shared.changing.lock().unwrap().lifetime = seconds;
    }

    /// Gives the last token of a resource again, as Azure's own cache does, while it has more than this
    /// many seconds to live. `None`: a new one each time.
    pub fn set_repeat_while_left(&self, seconds: Option<u64>) {
        self.shared.changing.lock().unwrap().repeat_while_left = seconds;
    }

    /// Refuses connections and ends those it has.
    pub fn stop(&self) {
        drop(self.server.lock().unwrap().take());
    }

    /// Listens again, on the same port.
    pub fn start_again(&self) {
        self.serve_on(TcpListener::bind(("127.0.0.1", self.port)).unwrap());
    }

    fn serve_on(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/msi/token", get(token))
            .with_state(self.shared.clone());
        let server = Server::start(listener, async |listener| axum::serve(listener, router).await.unwrap());
        *self.server.lock().unwrap() = Some(server);
    }

    /// How many requests came, however they were answered.
    pub fn requests(&self) -> usize {
        self.shared.changing.lock().unwrap().requests
    }

    /// A token for that resource, past the endpoint.
    pub fn token(&self, resource: &str) -> String {
        self.shared.give(resource)
    }

    /// What such a token says, for a test that changes it before it has it signed.
    pub fn claims(&self, resource: &str) -> Claims {
        let lifetime = self.shared.changing.lock().unwrap().lifetime;
        self.shared.claims(resource, lifetime)
    }

    /// A token that says what the test wants.
    pub fn sign(&self, claims: &Claims) -> String {
        self.shared.sign(claims)
    }

    /// The key that tells its tokens from others.
    pub fn public_key(&self) -> PublicKey {
        self.shared.key.public()
    }

    /// Every token that was signed so far.
    pub fn tokens(&self) -> Vec<String> {
        let changing = self.shared.changing.lock().unwrap();
        changing.given.iter().map(|(_, token)| token.clone()).collect()
    }

    /// Fails where a log, a page or a message holds the endpoint's secret or a piece of any token.
    pub fn assert_no_secret_in(&self, text: &str) {
        assert!(!text.contains(self.header()), "the text holds IDENTITY_HEADER");
        // A piece counts as well: logs shorten what is long. Any 47 characters hold a whole one of 24.
        for token in self.tokens() {
            for (at, piece) in token.as_bytes().chunks_exact(24).enumerate() {
                let piece = str::from_utf8(piece).unwrap();
                assert!(
                    !text.contains(piece),
                    "the text holds a piece of a token, from character {} on",
                    24 * at
                );
            }
        }
    }
}

impl Shared {
    fn claims(&self, resource: &str, lifetime: u64) -> Claims {
        Claims::new(&self.client_id, &self.object_id, resource, lifetime)
    }

    fn sign(&self, claims: &Claims) -> String {
        let token = self.key.sign(claims);
        let given = &mut self.changing.lock().unwrap().given;
        given.push((claims.clone(), token.clone()));
        token
    }

    fn give(&self, resource: &str) -> String {
        let lifetime = self.changing.lock().unwrap().lifetime;
        self.sign(&self.claims(resource, lifetime))
    }

    /// Whether the request names no identity but the one that is assigned.
    fn is_assigned(&self, query: &HashMap<String, String>) -> bool {
        let ids = ["client_id", "principal_id", "object_id", "mi_res_id"];
        let mut named = ids.iter().filter_map(|name| Some((*name, query.get(*name)?)));
        // No name asks for the system-assigned identity, which this app does not have.
        let one = match named.next() {
            Some(("client_id", id)) => id.eq_ignore_ascii_case(&self.client_id),
            Some(("principal_id" | "object_id", id)) => id.eq_ignore_ascii_case(&self.object_id),
            _ => false,
        };
        one && named.next().is_none()
    }
}

const NOT_ASSIGNED: &str =
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let behaviour = {
        let mut changing = shared.changing.lock().unwrap();
        changing.requests += 1;
        changing.behaviour
    };
    match behaviour {
        Behaviour::Works => {}
        Behaviour::Fails(status) => {
            return error(StatusCode::from_u16(status).unwrap(), "An unexpected error occurred.");
        }
        Behaviour::TooManyRequests { retry_after } => {
            let answer = error(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
            return ([(header::RETRY_AFTER, retry_after.to_string())], answer).into_response();
        }
        Behaviour::Hangs => pending().await,
    }
    if headers
        .get("x-identity-header")
        .is_none_or(|value| *value != shared.header)
    {
        return error(StatusCode::UNAUTHORIZED, "X-IDENTITY-HEADER is missing or wrong.");
    }
    if query.get("api-version").map(String::as_str) != Some("2019-08-01") {
        return error(StatusCode::BAD_REQUEST, "The api-version is missing or not supported.");
    }
    // A resource, not a scope: to Entra `https://storage.azure.com/.default` is a name it never heard of.
    let resource = query
        .get("resource")
        .filter(|name| !name.is_empty() && !name.ends_with("/.default"));
    let Some(resource) = resource else {
        return error(StatusCode::BAD_REQUEST, "The resource is missing or not known.");
    };
    if !shared.is_assigned(&query) {
        return error(StatusCode::BAD_REQUEST, NOT_ASSIGNED);
    }
    let kept = {
        let changing = shared.changing.lock().unwrap();
        let alive = |claims: &Claims| {
            let left = claims.exp.saturating_sub(super::token::now());
            changing.repeat_while_left.is_some_and(|enough| left > enough)
        };
        let last = changing.given.iter().rfind(|(claims, _)| claims.aud == *resource);
        last.filter(|(claims, _)| alive(claims)).map(|(_, token)| token.clone())
    };
    let token = kept.unwrap_or_else(|| shared.give(resource));
    let claims = shared.key.public().open(&token).unwrap();
    Json(json!({
        "access_token": token,
        "expires_on": claims.exp.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": shared.client_id,
    }))
    .into_response()
}

/// An error in Azure's form.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"statusCode": status.as_u16(), "message": message}))).into_response()
}
