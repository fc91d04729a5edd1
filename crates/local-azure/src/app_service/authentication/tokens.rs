//! Redeeming a code, and checking an ID token.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::{Url, form_urlencoded};

use super::credential::Credential;
use super::memory::{Pending, Tokens};
use super::visit::Visit;
use crate::body;
use crate::state::Authentication;
use crate::tokens::now;

/// How long the token endpoint may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long its answer may be, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// The scope that the app asks for.
pub(super) fn scope(settings: &Authentication) -> Cow<'_, str> {
    let own = settings.login_parameters.iter();
    let mut own = own.filter_map(|parameter| parameter.strip_prefix("scope="));
    own.next_back()
        .map_or(Cow::Borrowed("openid profile email"), Cow::Borrowed)
}

/// The tenant that the app's issuer names, or that of Local Azure.
pub(super) fn tenant(visit: &Visit<'_>) -> String {
    let issuer = visit
        .settings
        .issuer
        .as_deref()
        .and_then(|issuer| Url::parse(issuer).ok());
    let named = issuer.and_then(|url| Some(url.path_segments()?.next()?.to_owned()));
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| visit.platform.azure.read(|state| state.tenant).to_string())
}

/// The claims of an ID token for the app that contains the nonce and is valid now.
///
/// # Errors
///
/// Why it is not accepted. The reason contains no part of the token.
pub(super) fn check(visit: &Visit<'_>, token: &str, nonce: &str) -> Result<Map<String, Value>, String> {
    let azure = &visit.platform.azure;
    let claims: Map<String, Value> = azure.keys().open_token(token).map_err(|error| error.to_string())?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = |name: &str| claims.get(name).and_then(Value::as_u64).unwrap_or_default();
    let tenant = azure.read(|state| state.tenant).to_string();
    let now = now();
    let is_for_app = visit
        .settings
        .client_id
        .as_deref()
        .is_some_and(|id| id.eq_ignore_ascii_case(text("aud")));
    if !is_for_app || text("ver") != "2.0" {
        Err("the ID token was issued for another application".to_owned())
    } else if text("tid") != tenant {
        Err("the ID token was issued by another tenant".to_owned())
    } else if nonce.is_empty() || text("nonce") != nonce {
        Err("the ID token has the nonce of another sign-in".to_owned())
    } else if now < time("nbf") || now >= time("exp") {
        Err("the ID token has expired or is not valid yet".to_owned())
    } else {
        Ok(claims)
    }
}

/// Redeems a code for tokens.
///
/// # Errors
///
/// The endpoint's message, or why it cannot be reached.
pub(super) async fn redeem(
    visit: &Visit<'_>,
    authority: &str,
    pending: &Pending,
    id_token: &str,
    code: &str,
) -> Result<Tokens, String> {
    let url = format!("{authority}{}/oauth2/v2.0/token", tenant(visit));
    let client_id = visit.settings.client_id.as_deref().unwrap_or_default();
    let credential = Credential::of(visit).map(|credential| credential.parameters(visit));
    let credential = credential.transpose()?.unwrap_or_default();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("client_id", client_id)
        .extend_pairs(credential)
        .append_pair("redirect_uri", &pending.redirect_uri)
        .append_pair("code", code)
        .append_pair("code_verifier", pending.verifier.as_deref().unwrap_or_default())
        .finish();
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let request = request.map_err(|error| error.to_string())?;
    let answer = async {
        let answer = visit.client.request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let bytes = body::read(Body::new(answer.into_body()), SIZE_LIMIT).await;
        let bytes = bytes.map_err(|_| "the token endpoint broke off its answer".to_owned())?;
        Ok::<_, String>((status, body::parse(&bytes)?))
    };
    let answer = timeout(LIMIT, answer).await;
    let (status, answer) = answer.map_err(|_| "the token endpoint did not answer in time".to_owned())??;
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    if status != StatusCode::OK {
        let described = text("error_description");
        return Err(described.unwrap_or_else(|| format!("the token endpoint answered {status}")));
    }
    Ok(Tokens {
        id: text("id_token").unwrap_or_else(|| id_token.to_owned()),
        access: text("access_token"),
        refresh: text("refresh_token").filter(|_| scope(visit.settings).contains("offline_access")),
        expires: now() + answer["expires_in"].as_u64().unwrap_or_default(),
    })
}
