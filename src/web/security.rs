//! The headers that tell a browser what this site never does.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::config::Config;

/// Forbids everything that the pages do not use.
const POLICY: &[&str] = &[
    "default-src 'none'",
    // Scripts and style sheets are files of this site; nothing is inline.
    "script-src 'self'",
    "style-src 'self'",
    // Photos; `data:` for Bootstrap's own icons, `blob:` for the preview of a chosen photo. With PHOTOS_BASE_URL, also
    // its origin.
    "img-src 'self' data: blob:",
    // The script sends the form for a review, to show the progress of the upload.
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
];

/// The beginnings of the paths that end with a key, which lets everyone in who knows it. Neither the log nor other sites
/// may get to know such an address.
pub const PRIVATE_PATHS: [&str; 2] = ["/review/edit/", "/admin/enter/"];

/// Completes the headers of a response below one of [`PRIVATE_PATHS`]: no cache keeps the page, and browsers tell no site
/// that their visitor comes from this address. A page with a form sets a policy of its own, see
/// [`crate::pages::edit_review`].
pub fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
}

/// The security headers of every response.
#[derive(Debug, Clone)]
pub struct SecurityHeaders(Arc<[(HeaderName, HeaderValue)]>);

impl SecurityHeaders {
    /// The headers for this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut policy = POLICY.join("; ");
        if let Some(url) = config.photos_base_url() {
            let origin = url.origin().ascii_serialization();
            policy = policy.replace("img-src 'self'", &format!("img-src 'self' {origin}"));
        }
        let policy = HeaderValue::try_from(policy).expect("plain ASCII");
        let mut headers: Vec<(HeaderName, HeaderValue)> = vec![
            (CONTENT_SECURITY_POLICY, policy),
            // Browsers must not guess the type of a file.
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
            (
                HeaderName::from_static("permissions-policy"),
                HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
            ),
            // Pages change with every review. Static files and photos set their own value.
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        if config.is_https() {
            headers.push((STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")));
        }
        Self(headers.into())
    }
}

/// Layer: adds each header that the response does not have. (tower-http has a layer for several headers, but it copies
/// all of them for each request.)
pub async fn security_headers(State(headers): State<SecurityHeaders>, mut response: Response) -> Response {
    for (name, value) in &*headers.0 {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}
