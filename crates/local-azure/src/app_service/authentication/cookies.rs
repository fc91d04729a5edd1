//! The cookies of a session and of a sign-in. Both belong to the host alone, and no script can read them.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// The cookie of a session, with Azure's name.
const SESSION: &str = "AppServiceAuthSession";
/// The cookie that binds a sign-in to a browser, with Azure's name.
const NONCE: &str = "Nonce";

/// The values of the session cookie. A browser may send several cookies of one name.
pub(super) fn sessions(headers: &HeaderMap) -> Vec<String> {
    values(headers, SESSION)
}

/// The values of the cookie of a sign-in.
pub(super) fn nonces(headers: &HeaderMap) -> Vec<String> {
    values(headers, NONCE)
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='));
    pairs
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
        .collect()
}

/// The cookie of a new session. Microsoft does not document the attributes in Azure. With `Lax`, no other site can post in
/// the visitor's name.
pub(super) fn session(id: &str) -> HeaderValue {
    cookie(&format!("{SESSION}={id}; Path=/; Secure; HttpOnly; SameSite=Lax"))
}

/// Deletes the session's cookie.
pub(super) fn no_session() -> HeaderValue {
    cookie(&format!(
        "{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
    ))
}

/// The cookie of a sign-in. The sign-in page, which is another site, posts its answer, so the cookie must be sent with it.
pub(super) fn nonce(value: &str, lifetime: Duration) -> HeaderValue {
    let seconds = lifetime.as_secs();
    cookie(&format!(
        "{NONCE}={value}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age={seconds}"
    ))
}

/// Deletes the cookie of a sign-in.
pub(super) fn no_nonce() -> HeaderValue {
    nonce("", Duration::ZERO)
}

fn cookie(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the values are hexadecimal")
}
