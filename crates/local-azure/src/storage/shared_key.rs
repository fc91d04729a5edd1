//! Signs requests with an account's key.
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

/// The headers whose values are signed without their names, in this order.
const STANDARD_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// The value of `Authorization` for a request. Returns `None` if the key is not valid base64.
pub(super) fn sign(
    account: &str,
    key: &str,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> Option<String> {
    let text = signed_text(account, method, path, query, headers);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).ok()?);
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    Some(format!("SharedKey {account}:{signature}"))
}

/// What is signed of a request.
#[must_use]
pub fn signed_text(account: &str, method: &Method, path: &str, query: &str, headers: &HeaderMap) -> String {
    let value = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    };
    let mut text = method.to_string();
    for name in STANDARD_HEADERS {
        let value = value(name);
        let is_omitted = name == "content-length" && value == "0";
        text += "\n";
        text += if is_omitted { "" } else { value };
    }
    text += "\n";
    let mut own: Vec<_> = headers.keys().map(axum::http::HeaderName::as_str).collect();
    own.retain(|name| name.starts_with("x-ms-"));
    own.sort_unstable();
    for name in own {
        let _ = writeln!(text, "{name}:{}", value(name).trim());
    }
    let _ = write!(text, "/{account}{path}");
    let mut parameters: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    parameters.sort_unstable();
    for (name, value) in parameters {
        let _ = write!(text, "\n{name}:{value}");
    }
    text
}
