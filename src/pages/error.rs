//! The page of an error.
//!
//! A handler that fails returns an [`AppError`](crate::error::AppError); a layer (time limit, body limit, CSRF, router)
//! answers with a bare status. [`error_pages`] turns both into the same kind of page.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, REFRESH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::{Advice, Refused};
use crate::web::{Chrome, PRIVATE_PATHS, Page, keep_private};

/// The number of seconds after which a client may try again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("10");

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate {
    chrome: Chrome,
    status: u16,
    title: &'static str,
    advice: String,
}

/// Layer: gives every error without content a page in the site's style, and says when to try again. Below a private link,
/// no response gives the address away: neither one from a handler nor a page from here.
pub async fn error_pages(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let is_get = request.method() == Method::GET;
    let path = request.uri().path();
    let is_private = PRIVATE_PATHS.iter().any(|private| path.starts_with(private));
    let mut response = with_page(&app, &request_id, is_get, next.run(request).await);
    let status = response.status();
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().entry(RETRY_AFTER).or_insert(RETRY_SECONDS);
    }
    // A page reloads by itself. A form does not: only its sender may send it again.
    if is_get && status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(REFRESH, RETRY_SECONDS);
    }
    if is_private {
        keep_private(response.headers_mut());
    }
    response
}

fn with_page(app: &App, request_id: &RequestId, is_get: bool, response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if !is_error || has_page {
        return response;
    }

    let refused = response.extensions().get::<Refused>().copied();
    let (chrome, (title, advice)) = if refused.is_some() {
        // Without the request's id: the log has no line for this request.
        (Chrome::default(), refusal(is_get))
    } else {
        (
            Chrome::of_error(&app.config, request_id, status),
            wording(status, is_get),
        )
    };
    let own_advice = response.extensions().get::<Advice>();
    let page = ErrorTemplate {
        chrome,
        status: status.as_u16(),
        title,
        advice: own_advice.map_or_else(|| advice.to_owned(), |Advice(text)| text.clone()),
    };
    let mut headers = HeaderMap::new();
    for name in [ALLOW, CACHE_CONTROL, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let refused = refused.map(Extension);
    (status, refused, headers, Page(page)).into_response()
}

/// The heading and the advice of a page for a request that the line before the store had no place for.
fn refusal(is_get: bool) -> (&'static str, &'static str) {
    if is_get {
        (
            "Many visitors at once",
            "The site is busy. This page reloads by itself.",
        )
    } else {
        (
            "Many visitors at once",
            "The site is busy, so the form was not saved. Go back and send it again in a moment.",
        )
    }
}

/// The heading of the page, and what to do.
fn wording(status: StatusCode, is_get: bool) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => (
            "Bad request",
            "The site could not understand the request. Go back and try again.",
        ),
        StatusCode::FORBIDDEN => (
            "Not from this site",
            "The form was sent from another web site, so it was not accepted. Open the form here and send it again.",
        ),
        StatusCode::NOT_FOUND => (
            "Page not found",
            "There is nothing at this address. It may have been mistyped or removed.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "Method not allowed",
            "This address does not accept this kind of request. Start from the list of restaurants.",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "That took too long",
            "The form did not arrive in time. Check your connection, go back and send it again.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "Too much data",
            "The form is larger than this site accepts. Go back and send less text or a smaller photo.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "Not a form",
            "Send the form as application/x-www-form-urlencoded or multipart/form-data, as a browser does.",
        ),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "Too many headers",
            "The address and the headers of the request are larger than this site accepts. Shorten the address, delete the \
             cookies of this site, and try again.",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "Too many requests",
            "The site is busy, or many requests came from your network at once. Wait a moment, then go back and try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE if is_get => (
            "Back in a moment",
            "Part of this site is unavailable at the moment. This page reloads by itself.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Part of this site is unavailable at the moment, so the form may not have been saved. Go back and send it \
             again.",
        ),
        StatusCode::INSUFFICIENT_STORAGE => (
            "No room left",
            "The site's disk is full, so nothing was saved. Go back and try again later.",
        ),
        status if status.is_server_error() => (
            "Something went wrong",
            "That was our fault, not yours. Try again. If it happens again, tell us the request id below.",
        ),
        _ => (
            "Not possible",
            "The site cannot answer this request. Go back and try again.",
        ),
    }
}
