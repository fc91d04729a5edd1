//! Pages and errors of App Service Authentication.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};

/// A page. The text must be HTML.
pub(super) fn page(status: StatusCode, title: &str, html: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><title>{title}</title><h1>{title}</h1><p>{html}</p>\
         <p>Local Azure, App Service Authentication</p></html>\n"
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(page)).into_response()
}

/// The answer to a visitor who is not signed in.
pub(super) fn unauthorized(inside: &str) -> Response {
    let mut answer = page(
        StatusCode::UNAUTHORIZED,
        "401 Unauthorized",
        "You do not have permission to view this directory or page.",
    );
    if let Ok(challenge) = HeaderValue::from_str(&format!("Bearer realm=\"{inside}\"")) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

pub(super) fn forbidden(html: &str) -> Response {
    page(StatusCode::FORBIDDEN, "403 Forbidden", html)
}

/// The answer to a sign-in that cannot be completed.
pub(super) fn failed_sign_in(html: &str) -> Response {
    let text = format!("{html} <a href=\"/.auth/login/aad\">Sign in again</a>");
    page(StatusCode::UNAUTHORIZED, "401 The sign-in failed", &text)
}

/// Sends the visitor to an address that was checked.
pub(super) fn redirect(location: &str) -> Response {
    let headers = [(LOCATION, location), (CACHE_CONTROL, "no-store")];
    (StatusCode::FOUND, headers).into_response()
}

/// Escapes a text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
