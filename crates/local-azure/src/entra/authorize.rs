//! The authorize endpoint: an application sends a person here to sign in, and gets an authorization code or an ID token.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>
//!
//! The request is in the address, so the page that asks for the user keeps no state, and a sign-in lasts no longer than
//! the answer: no session remains here.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::codes::{Authorized, Platform};
use super::error::OAuthError;
use super::form::Form;
use super::redirects::{self, Registered};
use super::scopes::Scopes;
use super::shared::Shared;
use super::{client, discovery, id_token, pages, users};
use crate::state::User;

/// The name of the button by which a person refuses to sign in.
const CANCEL: &str = "cancel";

/// How the answer reaches the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// Where the answer goes.
struct Target {
    uri: String,
    mode: Mode,
    state: Option<String>,
}

/// A request that may be granted.
struct Request {
    target: Target,
    client: Uuid,
    registered: Registered,
    wants_code: bool,
    wants_id_token: bool,
    scopes: Scopes,
    nonce: Option<String>,
    challenge: Option<String>,
    login_hint: String,
}

/// Why a request is refused. The person is told if it is not certain that the application has sent it.
enum Refusal {
    Person(OAuthError),
    Application(Target, OAuthError),
}

/// `GET /{tenant}/oauth2/v2.0/authorize`: the page where a person signs in.
pub async fn page(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&shared, &tenant, query.as_deref()) {
        Ok(request) => sign_in_page(&shared, &request, StatusCode::OK, ""),
        Err(refusal) => refuse(refusal),
    }
}

/// `POST /{tenant}/oauth2/v2.0/authorize`: the form of that page.
pub async fn sign_in(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // A page of another site must not sign anyone in.
    if pages::is_foreign(&shared, &headers) {
        return pages::foreign();
    }
    let mut request = match read(&shared, &tenant, query.as_deref()) {
        Ok(request) => request,
        Err(refusal) => return refuse(refusal),
    };
    let form = Form::parse(&HeaderMap::new(), &body);
    if form.get(CANCEL).is_some() {
        let error = OAuthError::request("access_denied", 65_004, "User declined to consent to access the app.");
        return refuse(Refusal::Application(request.target, error));
    }
    match pages::authenticate(&shared, &form) {
        Ok(user) => grant(&shared, request, &user),
        Err((status, text)) => {
            // The user stays chosen.
            form.get("user").unwrap_or_default().clone_into(&mut request.login_hint);
            sign_in_page(&shared, &request, status, text)
        }
    }
}

/// Reads a request.
fn read(shared: &Shared, tenant: &str, query: Option<&str>) -> Result<Request, Refusal> {
    let form = Form::parse(&HeaderMap::new(), query.unwrap_or_default().as_bytes());
    // Whatever is wrong with these must not be sent to an address that may not be the application's.
    let trusted = || {
        if shared.tenant(tenant).is_none() {
            return Err(discovery::unknown_tenant("invalid_request", tenant));
        }
        if let Some(name) = form.repeated() {
            let text = format!("The request is not properly formatted. The parameter '{name}' is duplicated.");
            return Err(OAuthError::request("invalid_request", 9_000_411, text));
        }
        let client = users::client(shared, &form)?;
        let uri = form.required("redirect_uri")?;
        Ok((client, uri, redirects::check(shared, client, uri)?))
    };
    let (client, uri, registered) = trusted().map_err(Refusal::Person)?;
    let types: Vec<_> = form.get("response_type").unwrap_or_default().split(' ').collect();
    let wants = |kind: &str| types.contains(&kind);
    let (wants_code, wants_id_token) = (wants("code"), wants("id_token"));
    let default = if wants_id_token { Mode::Fragment } else { Mode::Query };
    let mode = match form.get("response_mode") {
        Some("query") => Some(Mode::Query),
        Some("fragment") => Some(Mode::Fragment),
        Some("form_post") => Some(Mode::FormPost),
        None => Some(default),
        Some(_) => None,
    };
    let target = Target {
        uri: uri.to_owned(),
        // An answer to an invalid mode is safe in the one that is the default.
        mode: mode
            .filter(|mode| !(wants_id_token && *mode == Mode::Query))
            .unwrap_or(default),
        state: form.get("state").map(str::to_owned),
    };
    let challenge = form.get("code_challenge");
    let checks = || {
        if !(wants_code || wants_id_token) || !types.iter().all(|kind| ["code", "id_token"].contains(kind)) {
            let text = "The response_type must be 'code', 'id_token' or 'code id_token'.";
            return Err(OAuthError::request("unsupported_response_type", 70_005, text));
        }
        if mode.is_none() || wants_id_token && mode == Some(Mode::Query) {
            let text = "The response_mode must be 'fragment' or 'form_post', or 'query' for a code alone.";
            return Err(OAuthError::request("invalid_request", 70_007, text));
        }
        if wants_id_token {
            if !issues_id_tokens(shared, client) {
                let text = "response_type 'id_token' is not enabled for the application.";
                return Err(OAuthError::request("unsupported_response_type", 700_054, text));
            }
            form.required("nonce")?;
        }
        let scopes = Scopes::of_sign_in(form.required("scope")?)?;
        shared.azure.read(|state| scopes.check(state, client))?;
        if !scopes.has("openid") && wants_id_token {
            let text = "The scope must contain 'openid' for an ID token.";
            return Err(OAuthError::request("invalid_request", 70_011, text));
        }
        if challenge.is_some() || form.get("code_challenge_method").is_some() {
            check_challenge(challenge, form.get("code_challenge_method"))?;
        } else if registered.platform == Platform::Spa {
            let text = "Proof Key for Code Exchange is required for cross-origin authorization code redemption.";
            return Err(OAuthError::request("invalid_request", 9_002_325, text));
        }
        match form.get("prompt") {
            None | Some("login" | "select_account" | "consent" | "create") => Ok(scopes),
            Some("none") => {
                let text = "Silent sign-in request was sent but no user is signed in.";
                Err(OAuthError::request("login_required", 50_058, text))
            }
            Some(_) => Err(OAuthError::request(
                "invalid_request",
                90_023,
                "Unsupported 'prompt' value.",
            )),
        }
    };
    let scopes = match checks() {
        Ok(scopes) => scopes,
        Err(error) => return Err(Refusal::Application(target, error)),
    };
    Ok(Request {
        target,
        client,
        registered,
        wants_code,
        wants_id_token,
        scopes,
        nonce: form.get("nonce").map(str::to_owned),
        challenge: challenge.map(str::to_owned),
        login_hint: form.get("login_hint").unwrap_or_default().to_owned(),
    })
}

/// Whether the application has turned on ID tokens from this endpoint (`enableIdTokenIssuance`).
fn issues_id_tokens(shared: &Shared, client: Uuid) -> bool {
    shared.azure.read(|state| {
        let mut all = state.directory.applications.iter();
        let web = all
            .find(|one| one.client_id == client)
            .and_then(|one| one.properties.get("web"));
        web.is_some_and(|web| web["implicitGrantSettings"]["enableIdTokenIssuance"] == true)
    })
}

/// Checks the challenge of PKCE. The method `plain`, which protects from nothing here, is refused.
fn check_challenge(challenge: Option<&str>, method: Option<&str>) -> Result<(), OAuthError> {
    let is_valid = challenge.is_some_and(|challenge| {
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        challenge.len() == 43 && challenge.bytes().all(is_base64url)
    });
    if is_valid && method == Some("S256") {
        return Ok(());
    }
    let text = "The code_challenge must be the SHA-256 hash of the verifier in base64url, with the code_challenge_method \
                'S256'.";
    Err(OAuthError::request("invalid_request", 501_481, text))
}

fn sign_in_page(shared: &Shared, request: &Request, status: StatusCode, error: &str) -> Response {
    let name = shared.azure.read(|state| {
        let mut all = state.directory.applications.iter();
        let found = all.find(|one| one.client_id == request.client);
        found.map_or_else(|| "A program of Microsoft".to_owned(), |one| one.display_name.clone())
    });
    let origin = redirects::origin(&request.target.uri);
    let content = format!(
        "{}{}<p><strong>{}</strong> asks who you are, and continues at <strong>{}</strong>.</p>\
         <form method=\"post\">{}<p class=\"actions\"><button>Sign in</button> \
         <button name=\"{CANCEL}\" value=\"1\" class=\"secondary\" formnovalidate>Cancel</button></p></form>",
        pages::LOCAL,
        pages::alert(error),
        pages::escape(&name),
        pages::escape(&origin),
        pages::user_fields(shared, Some(request.client), &request.login_hint)
    );
    // The answer to the form leads to the application.
    pages::show(status, pages::SIGN_IN, &content, &format!("'self' {origin}"))
}

/// Sends the application what it asked for.
fn grant(shared: &Shared, request: Request, user: &User) -> Response {
    if let Err(error) = shared.azure.read(|state| id_token::check(state, user, request.client)) {
        return refuse(Refusal::Application(request.target, error));
    }
    if let Err(error) = client::consent(shared, request.client) {
        return refuse(Refusal::Application(request.target, error));
    }
    let mut answer = Vec::new();
    if request.wants_id_token {
        let nonce = request.nonce.as_deref();
        let id_token = id_token::issue(shared, user, request.client, &request.scopes, nonce);
        answer.push(("id_token", id_token));
    }
    if request.wants_code {
        let code = shared.codes.issue(Authorized {
            client: request.client,
            user: user.id,
            scope: request.scopes.text(),
            redirect_uri: request.target.uri.clone(),
            redirect_uri_in_azure: request.registered.in_azure,
            platform: request.registered.platform,
            nonce: request.nonce,
            challenge: request.challenge,
        });
        answer.push(("code", code));
    }
    send(&request.target, answer)
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Person(error) => {
            let content = format!("<p role=\"alert\">{}</p>", pages::escape(&error.description()));
            pages::show(StatusCode::BAD_REQUEST, pages::FAILED, &content, "'none'")
        }
        Refusal::Application(target, error) => {
            let answer = vec![
                ("error", error.error().to_owned()),
                ("error_description", error.description()),
            ];
            send(&target, answer)
        }
    }
}

/// Sends an answer to the application.
fn send(target: &Target, mut answer: Vec<(&'static str, String)>) -> Response {
    if let Some(state) = &target.state {
        answer.push(("state", state.clone()));
    }
    let encoded = || {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&answer)
            .finish()
    };
    let Ok(mut url) = Url::parse(&target.uri) else {
        return refuse(Refusal::Person(OAuthError::missing("redirect_uri")));
    };
    match target.mode {
        Mode::Query => {
            url.query_pairs_mut().extend_pairs(&answer);
        }
        Mode::Fragment => url.set_fragment(Some(&encoded())),
        Mode::FormPost => {
            let fields: Vec<_> = answer.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return pages::post_to(&target.uri, &fields);
        }
    }
    let headers = [(LOCATION, url.to_string()), (CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}
