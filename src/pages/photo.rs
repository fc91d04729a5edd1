//! GET `/photos/<name>`: a photo or its thumbnail, streamed from the photo store.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::AppError;
use crate::web::{PhotoPath, has_etag};

/// A photo runs nothing and loads nothing; a browser that shows it alone styles the page around it.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Answers with the photo; 304 to a browser that has it.
pub async fn get(State(app): State<App>, PhotoPath(name): PhotoPath, headers: HeaderMap) -> Result<Response, AppError> {
    // A name never gets other content, so the name is its own validator.
    let etag = format!("\"{name}\"");
    let caching = [
        (ETAG, etag.as_str()),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    let Some(photo) = app.photos.get(&name).await? else {
        return Err(AppError::NotFound);
    };
    if has_etag(&headers, etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let length = photo.length.to_string();
    let content = [
        (CONTENT_TYPE, "image/jpeg"),
        (CONTENT_LENGTH, length.as_str()),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    Ok((caching, content, photo.body).into_response())
}
