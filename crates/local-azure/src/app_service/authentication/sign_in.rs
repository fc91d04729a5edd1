//! Sending a visitor to the sign-in page, and what comes back from there.
//!
//! As in Azure, the page posts an ID token, and a code as well if the app has a client secret or an identity in its place.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad>

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};

use super::credential::Credential;
use super::memory::{Pending, Session, Tokens, secret};
use super::principal::Principal;
use super::visit::Visit;
use super::{answers, cookies, tokens};
use crate::tokens::{AZURE_AUTHORITY, now};

/// The path to which the sign-in page returns. The application registers it as a redirect URI.
pub(super) const CALLBACK: &str = "/.auth/login/aad/callback";

/// The app setting that keeps the names of claims as they are in the token.
const LEGACY_CLAIMS: &str = "WEBSITE_AUTH_USE_LEGACY_CLAIMS";

/// The parameters of the sign-in page that an app may not add.
const RESERVED: [&str; 9] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// Sends a visitor to the sign-in page, and to `target` afterwards.
pub(super) fn begin(visit: &Visit<'_>, headers: &HeaderMap, target: String) -> Response {
    let Some(client_id) = visit.settings.client_id.as_deref() else {
        return answers::page(
            StatusCode::NOT_FOUND,
            "404 Not Found",
            "The app has App Service Authentication turned on, but no application of Microsoft Entra is configured: set \
             its client id, for example by `az webapp auth update --aad-client-id`.",
        );
    };
    let Some(authority) = visit.platform.authority.get() else {
        return answers::page(
            StatusCode::SERVICE_UNAVAILABLE,
            "503 Service Unavailable",
            "The tenant's authority (Entra) is not running.",
        );
    };
    let lifetime = visit.settings.nonce_lifetime;
    let memory = &visit.memory;
    let browser = memory.known_browser(&cookies::nonces(headers)).unwrap_or_else(secret);
    let wants_code = Credential::of(visit).is_some();
    let verifier = wants_code.then(secret);
    let challenge = verifier
        .as_ref()
        .map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let nonce = secret();
    let redirect_uri = format!("{}{CALLBACK}", visit.origin());
    let pending = Pending {
        browser: browser.clone(),
        nonce: nonce.clone(),
        verifier,
        redirect_uri: redirect_uri.clone(),
        target,
    };
    let state = memory.expect(pending, lifetime);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", if wants_code { "code id_token" } else { "id_token" })
        .append_pair("redirect_uri", &redirect_uri)
        .append_pair("client_id", client_id)
        .append_pair("scope", &tokens::scope(visit.settings))
        .append_pair("response_mode", "form_post")
        .append_pair("nonce", &nonce)
        .append_pair("state", &state);
    if let Some(challenge) = challenge {
        query
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
    }
    for (name, value) in visit
        .settings
        .login_parameters
        .iter()
        .filter_map(|one| one.split_once('='))
    {
        if !RESERVED.contains(&name) {
            query.append_pair(name, value);
        }
    }
    let authority = if visit.is_in_azure {
        AZURE_AUTHORITY
    } else {
        authority.as_str()
    };
    let page = format!(
        "{authority}{}/oauth2/v2.0/authorize?{}",
        tokens::tenant(visit),
        query.finish()
    );
    let mut answer = answers::redirect(&page);
    answer
        .headers_mut()
        .append(SET_COOKIE, cookies::nonce(&browser, lifetime));
    answer
}

/// Whether another site than the sign-in page has posted this.
fn is_foreign(visit: &Visit<'_>, headers: &HeaderMap) -> bool {
    let origin = |url: &str| Url::parse(url).map(|url| url.origin().ascii_serialization()).ok();
    let outside = visit.platform.authority.get();
    let known = [outside.and_then(|url| origin(url)), origin(AZURE_AUTHORITY)];
    let sent = headers.get(ORIGIN);
    sent.is_some_and(|sent| !known.iter().flatten().any(|known| known.as_bytes() == sent.as_bytes()))
}

/// Completes a sign-in with what the sign-in page has posted.
pub(super) async fn complete(visit: &Visit<'_>, headers: &HeaderMap, body: &Bytes) -> Response {
    if is_foreign(visit, headers) {
        return answers::forbidden("The form was sent by a page of another site.");
    }
    let fields: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let memory = &visit.memory;
    let Some(pending) = field("state").and_then(|state| memory.take(state)) else {
        return answers::failed_sign_in("The sign-in took too long, or was completed before.");
    };
    let is_own = |cookie: &String| bool::from(cookie.as_bytes().ct_eq(pending.browser.as_bytes()));
    if !cookies::nonces(headers).iter().any(is_own) {
        return answers::failed_sign_in(
            "It was begun in another browser, or this browser has not kept the cookie of the sign-in.",
        );
    }
    if let Some(error) = field("error") {
        let text = field("error_description").unwrap_or(error);
        return answers::failed_sign_in(&answers::escape(text));
    }
    match session(visit, &pending, field("id_token"), field("code")).await {
        Ok((session, lifetime)) => {
            let id = memory.begin(session, lifetime);
            let mut answer = answers::redirect(&pending.target);
            answer.headers_mut().append(SET_COOKIE, cookies::session(&id));
            // Another tab may be signing in with the same cookie.
            if memory.known_browser(std::slice::from_ref(&pending.browser)).is_none() {
                answer.headers_mut().append(SET_COOKIE, cookies::no_nonce());
            }
            answer
        }
        Err(why) => {
            tracing::warn!("{}: a sign-in failed: {why}", visit.name);
            answers::failed_sign_in(&answers::escape(&why))
        }
    }
}

/// The session of a visitor with this ID token, and how long it lasts.
async fn session(
    visit: &Visit<'_>,
    pending: &Pending,
    id_token: Option<&str>,
    code: Option<&str>,
) -> Result<(Session, Duration), String> {
    let id_token = id_token.ok_or("the sign-in page has sent no ID token")?;
    let claims = tokens::check(visit, id_token, &pending.nonce)?;
    let expires = claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
    let tokens = match (&pending.verifier, code, visit.platform.authority.get()) {
        (Some(_), Some(code), Some(authority)) => tokens::redeem(visit, authority, pending, id_token, code).await?,
        (Some(_), None, _) => return Err("the sign-in page has sent no code".to_owned()),
        _ => Tokens {
            id: id_token.to_owned(),
            access: None,
            refresh: None,
            expires,
        },
    };
    let remaining = Duration::from_secs(expires.saturating_sub(now()));
    let has_legacy_names = visit
        .web_app
        .settings
        .get(LEGACY_CLAIMS)
        .is_none_or(|value| !value.eq_ignore_ascii_case("false"));
    let principal = Principal::new(&claims, has_legacy_names);
    Ok((
        Session { principal, tokens },
        visit.settings.session_lifetime.unwrap_or(remaining),
    ))
}
