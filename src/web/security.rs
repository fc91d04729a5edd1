//! The headers that tell a browser what this site never does.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::response::Response;

use crate::config::Config;

/// Everything is forbidden but what the pages use.
const POLICY: &[&str] = &[
    "default-src 'none'",
    // One script and one style sheet, both files of this site; nothing inline.
    "script-src 'self'",
    "style-src 'self'",
    // Photos; `data:` for Bootstrap's own small icons, `blob:` for the preview of a chosen photo.
    // With PHOTOS_BASE_URL, its origin too.
    "img-src 'self' data: blob:",
    // The script sends the review form, to show the upload's progress.
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
];

/// The security headers of every response.
#[derive(Debug, Clone)]
pub struct SecurityHeaders(Arc<[(HeaderName, HeaderValue)]>);

impl SecurityHeaders {
    /// Those of a site with these settings.
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
            // A file is what it is served as.
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
            // Pages change with every review; files and photos say otherwise themselves.
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        if config.is_production() {
            headers.push((STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")));
        }
        Self(headers.into())
    }
}

/// Layer: security headers on every response, unless it brings its own. (tower-http's layer for several headers copies
/// all of them for each request, though most are only looked at.)
pub async fn security_headers(State(headers): State<SecurityHeaders>, mut response: Response) -> Response {
    for (name, value) in &*headers.0 {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}
