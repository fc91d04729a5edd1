//! The device code flow: a program shows a code, and a person confirms it in a browser.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code>

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::device_codes::Pending;
use super::error::OAuthError;
use super::form::Form;
use super::shared::Shared;
use super::{discovery, users};

/// How long a code is valid.
const LIFETIME: Duration = Duration::from_mins(15);
/// How many codes may be valid at a time.
const LIMIT: usize = 1000;

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub async fn start(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&headers, &body);
    let begun = match shared.tenant(&tenant) {
        Some(_) => begin(&shared, &form),
        None => Err(discovery::unknown_tenant("invalid_request", &tenant)),
    };
    match begun {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.answer(&headers),
    }
}

fn begin(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let scope = form.required("scope")?.to_owned();
    // Letters and digits that cannot be confused.
    let letters: Vec<char> = "BCDFGHJKLMNPQRSTVWXZ23456789".chars().collect();
    let user_code: String = Uuid::new_v4()
        .into_bytes()
        .iter()
        .take(9)
        .map(|byte| letters[usize::from(*byte) % letters.len()])
        .collect();
    let device_code = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let mut codes = shared.device_codes.lock();
    codes.retain(|_, pending| pending.expires > Instant::now());
    if codes.len() >= LIMIT {
        return Err(OAuthError::request(
            "temporarily_unavailable",
            90_033,
            "Too many codes wait for confirmation.",
        ));
    }
    codes.insert(
        device_code.clone(),
        Pending {
            user_code: user_code.clone(),
            client,
            scope,
            expires: Instant::now() + LIFETIME,
            user: None,
        },
    );
    let page = format!("{}device", shared.outside);
    Ok(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": LIFETIME.as_secs(),
        "interval": 1,
        "message": format!(
            "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
        ),
    }))
}

/// The grant by a device code.
pub fn redeem(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let code = form.required("device_code")?;
    let mut codes = shared.device_codes.lock();
    let expired = || {
        OAuthError::request(
            "expired_token",
            70_020,
            "The provided value for the device code is expired or unknown.",
        )
    };
    let pending = codes.get(code).ok_or_else(expired)?;
    if pending.expires <= Instant::now() || pending.client != client {
        return Err(expired());
    }
    let Some(user) = pending.user else {
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        return Err(OAuthError::request("authorization_pending", 70_016, text));
    };
    let scope = pending.scope.clone();
    codes.remove(code);
    drop(codes);
    users::answer(shared, &users::by_id(shared, user)?, client, &scope)
}

/// The query of the page.
#[derive(Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    code: String,
}

/// `GET /device`: the page where a person confirms a code.
pub async fn page(State(shared): State<Arc<Shared>>, Query(query): Query<PageQuery>) -> Response {
    show(StatusCode::OK, &form_page(&shared, &query.code, ""))
}

/// `POST /device`
pub async fn confirm(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    // A page of another site must not confirm a code.
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    if origin.is_some_and(|origin| origin != shared.outside.trim_end_matches('/')) {
        return show(
            StatusCode::FORBIDDEN,
            "<p>The form was sent by a page of another site.</p>",
        );
    }
    let fields: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let code = field("code").to_uppercase();
    let Ok(user) = users::find(&shared.azure, field("user")) else {
        return show(StatusCode::BAD_REQUEST, &form_page(&shared, &code, "Choose a user."));
    };
    // A user without a password stands for the person at this machine.
    if user.password.is_some() && users::check_password(&shared, &user, field("password")).is_err() {
        return show(
            StatusCode::FORBIDDEN,
            &form_page(&shared, &code, "The password is wrong."),
        );
    }
    let mut codes = shared.device_codes.lock();
    let now = Instant::now();
    let pending = codes
        .values_mut()
        .find(|pending| pending.user_code == code && pending.expires > now);
    let Some(pending) = pending else {
        drop(codes);
        let text = "There is no such code, or it has expired. Start the sign-in again.";
        return show(StatusCode::BAD_REQUEST, &form_page(&shared, &code, text));
    };
    let name = escape(&user.user_principal_name);
    pending.user = Some(user.id);
    show(
        StatusCode::OK,
        &format!("<p>You are signed in as {name}. You can close this page.</p>"),
    )
}

fn form_page(shared: &Shared, code: &str, error: &str) -> String {
    let users = shared.azure.read(|state| state.directory.users.clone());
    let mut options = String::new();
    for user in users {
        let name = escape(&user.user_principal_name);
        let _ = write!(options, "<option value=\"{name}\">{name}</option>");
    }
    let error = if error.is_empty() {
        String::new()
    } else {
        format!("<p role=\"alert\">{}</p>", escape(error))
    };
    format!(
        "{error}<p>A program asks to sign in. Enter the code that it shows only if you started it.</p>\
         <form method=\"post\" action=\"/device\">\
         <p><label>Code <input name=\"code\" value=\"{}\" required autofocus autocomplete=\"off\"></label></p>\
         <p><label>User <select name=\"user\">{options}</select></label></p>\
         <p><label>Password, if the user has one <input name=\"password\" type=\"password\"></label></p>\
         <p><button>Sign in</button></p></form>",
        escape(code)
    )
}

fn show(status: StatusCode, content: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Sign in to Local Azure</title></head><body><h1>Sign in to Local \
         Azure</h1>{content}</body></html>"
    );
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    (status, [(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
