//! What is below `/.auth/`.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out>

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, CACHE_CONTROL, HeaderName, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::form_urlencoded;

use super::memory::Session;
use super::principal::PROVIDER;
use super::sign_in::CALLBACK;
use super::visit::Visit;
use super::{answers, cookies, headers, returning, sign_in};
use crate::body;

/// How long the form of the sign-in page may be, in bytes, and how long it may take.
const FORM_LIMIT: usize = 64 << 10;
const FORM_TIME: Duration = Duration::from_secs(30);

/// The path below which the platform answers.
pub(super) const PREFIX: &str = "/.auth";

/// Answers a request below `/.auth`.
pub(super) async fn answer(visit: &Visit<'_>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameter = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    match (request.method(), path.as_str()) {
        (&Method::GET | &Method::HEAD, "/.auth/login/aad") => {
            let wanted = parameter("post_login_redirect_uri").or_else(|| parameter("post_login_redirect_url"));
            let wanted = wanted.as_deref().unwrap_or("/.auth/login/done");
            match returning::target(visit, wanted) {
                Some(target) => sign_in::begin(visit, request.headers(), target),
                None => refused_target("post_login_redirect_uri"),
            }
        }
        (&Method::POST, CALLBACK) => {
            let (parts, body) = request.into_parts();
            match timeout(FORM_TIME, body::read(body, FORM_LIMIT)).await {
                Ok(Ok(body)) => sign_in::complete(visit, &parts.headers, &body).await,
                Ok(Err(_)) => answers::page(StatusCode::BAD_REQUEST, "400 Bad Request", "The form is too long."),
                Err(_) => answers::page(
                    StatusCode::REQUEST_TIMEOUT,
                    "408 Request Timeout",
                    "The form took too long.",
                ),
            }
        }
        (&Method::GET | &Method::HEAD | &Method::POST, "/.auth/logout") => {
            if request.method() == Method::POST && is_cross_site(visit, request.headers()) {
                return answers::forbidden("The form was sent by a page of another site.");
            }
            let wanted = parameter("post_logout_redirect_uri");
            match returning::target(visit, wanted.as_deref().unwrap_or("/.auth/logout/done")) {
                Some(target) => sign_out(visit, request.headers(), &target),
                None => refused_target("post_logout_redirect_uri"),
            }
        }
        (&Method::GET | &Method::HEAD, "/.auth/me") => me(visit, request.headers()),
        (&Method::GET | &Method::HEAD, "/.auth/login/done") => answers::page(
            StatusCode::OK,
            "You are signed in",
            "<a href=\"/\">Continue to the app</a>",
        ),
        (&Method::GET | &Method::HEAD, "/.auth/logout/done") => answers::page(
            StatusCode::OK,
            "You are signed out",
            "<a href=\"/\">Continue to the app</a>",
        ),
        (_, "/.auth/login/aad" | "/.auth/me" | "/.auth/login/done" | "/.auth/logout/done") => not_allowed("GET"),
        (_, CALLBACK) => not_allowed("POST"),
        (_, "/.auth/logout") => not_allowed("GET, POST"),
        _ => answers::page(
            StatusCode::NOT_FOUND,
            "404 Not Found",
            "Local Azure has /.auth/login/aad, /.auth/logout and /.auth/me.",
        ),
    }
}

fn not_allowed(methods: &'static str) -> Response {
    let mut answer = answers::page(
        StatusCode::METHOD_NOT_ALLOWED,
        "405 Method Not Allowed",
        "This address takes another method.",
    );
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn refused_target(parameter: &str) -> Response {
    let text = format!(
        "{parameter} must be a path of this app, or one of the addresses that the app allows \
         (allowedExternalRedirectUrls)."
    );
    answers::page(StatusCode::BAD_REQUEST, "400 Bad Request", &text)
}

/// Whether a page of another site sent the request. Browsers state where a form comes from.
fn is_cross_site(visit: &Visit<'_>, headers: &HeaderMap) -> bool {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    let is_other = site.is_some_and(|site| site != "same-origin" && site != "none");
    let origin = headers.get(ORIGIN);
    is_other || origin.is_some_and(|origin| origin.as_bytes() != visit.origin().as_bytes())
}

/// Ends the session.
fn sign_out(visit: &Visit<'_>, headers: &HeaderMap, target: &str) -> Response {
    visit.memory.end(&cookies::sessions(headers));
    let mut answer = answers::redirect(target);
    answer.headers_mut().append(SET_COOKIE, cookies::no_session());
    answer
}

/// Who the visitor is, and their tokens.
fn me(visit: &Visit<'_>, request: &HeaderMap) -> Response {
    if !visit.settings.has_token_store {
        return answers::page(
            StatusCode::NOT_FOUND,
            "404 Not Found",
            "/.auth/me needs the token store: turn it on with `az webapp auth update --token-store true`.",
        );
    }
    let Some(session) = visit.memory.session(&cookies::sessions(request)) else {
        return answers::unauthorized(visit.inside);
    };
    ([(CACHE_CONTROL, "no-store")], Json(json!([shown(&session)]))).into_response()
}

fn shown(session: &Session) -> Value {
    let Session { principal, tokens } = session;
    let mut shown = json!({
        "provider_name": PROVIDER,
        "user_id": principal.name,
        "user_claims": principal.claims,
        "id_token": tokens.id,
        "expires_on": headers::time(tokens.expires),
    });
    for (name, token) in [("access_token", &tokens.access), ("refresh_token", &tokens.refresh)] {
        if let Some(token) = token {
            shown[name] = token.as_str().into();
        }
    }
    shown
}
