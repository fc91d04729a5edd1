//! GET `/photos/<name>`: a photo in one of its sizes, streamed from the photo store.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::AppError;
use crate::photos::PhotoName;
use crate::web::{PathParameter, has_etag};

/// A photo needs no scripts and no other files. A browser that opens only the photo adds inline styles.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Answers with the photo, or with 304 if the browser has it already.
pub async fn get(
    State(app): State<App>,
    PathParameter(name): PathParameter<PhotoName>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    // The content under a name never changes, so the name serves as the tag.
    let etag = format!("\"{name}\"");
    let caching = [
        (ETAG, etag.as_str()),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    let photo = match app.photos.get(&name).await? {
        // Photos of earlier versions have no middle size.
        None if name.is_medium() => app.photos.get(&name.photo()).await?,
        found => found,
    };
    let Some(photo) = photo else {
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
