//! The device code flow: a program shows a code, and a person confirms it in a browser.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code>

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::device_codes::Pending;
use super::error::OAuthError;
use super::form::Form;
use super::scopes::Scopes;
use super::shared::Shared;
use super::user_tokens::{self, Granted};
use super::{client, discovery, pages, users};

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
pub async fn redeem(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let platform = client::fallback_platform(shared, client);
    let method = client::authenticate_for_user(shared, form, platform).await?;
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
    let scopes = Scopes::parse(&scope)?;
    let granted = Granted::direct(client, platform, method);
    user_tokens::answer(shared, &users::by_id(shared, user)?, &scopes, &granted)
}

/// The query of the page.
#[derive(Deserialize)]
pub struct PageQuery {
    #[serde(default)]
    code: String,
}

/// `GET /device`: the page where a person confirms a code.
pub async fn page(State(shared): State<Arc<Shared>>, Query(query): Query<PageQuery>) -> Response {
    ask(StatusCode::OK, &form_page(&shared, &query.code, "", ""))
}

/// `POST /device`
pub async fn confirm(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    // A page of another site must not confirm a code.
    if pages::is_foreign(&shared, &headers) {
        return pages::foreign();
    }
    let form = Form::parse(&HeaderMap::new(), &body);
    let code = form.get("code").unwrap_or_default().trim().to_uppercase();
    let name = form.get("user").unwrap_or_default();
    let user = match pages::authenticate(&shared, &form) {
        Ok(user) => user,
        Err((status, text)) => return ask(status, &form_page(&shared, &code, name, text)),
    };
    let mut codes = shared.device_codes.lock();
    let now = Instant::now();
    let pending = codes
        .values_mut()
        .find(|pending| pending.user_code == code && pending.expires > now);
    let Some(pending) = pending else {
        drop(codes);
        let text = "There is no such code, or it has expired. Start the sign-in again.";
        return ask(StatusCode::BAD_REQUEST, &form_page(&shared, &code, name, text));
    };
    let name = pages::escape(&user.user_principal_name);
    pending.user = Some(user.id);
    let content = format!("<p>You are signed in as {name}. You can close this page.</p>");
    pages::show(StatusCode::OK, pages::SIGNED_IN, &content, "'none'")
}

fn form_page(shared: &Shared, code: &str, user: &str, error: &str) -> String {
    format!(
        "{}{}<p>A program asks to sign in. Enter the code that it shows only if you started it.</p>\
         <form method=\"post\" action=\"/device\">\
         <p><label>Code <input name=\"code\" value=\"{}\" required autofocus autocomplete=\"off\"></label></p>{}\
         <p><button>Sign in</button></p></form>",
        pages::LOCAL,
        pages::alert(error),
        pages::escape(code),
        pages::user_fields(shared, None, user)
    )
}

fn ask(status: StatusCode, content: &str) -> Response {
    pages::show(status, pages::SIGN_IN, content, "'self'")
}
