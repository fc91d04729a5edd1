//! One error type, and one place where errors become pages.
//!
//! A handler returns an [`AppError`]; a layer (time limit, body limit, CSRF, router) answers with a
//! bare status. [`error_pages`] turns both into the same kind of page.

use std::error::Error;
use std::fmt::Write as _;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, REFRESH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::photos::PhotoStoreError;
use crate::store::StoreError;
use crate::web::{Chrome, Page};

/// Why a request is not answered with what was asked for.
#[derive(Debug)]
pub enum AppError {
    /// The request cannot be understood; the text says what to do.
    BadRequest(String),
    /// There is nothing at this address.
    NotFound,
    /// The body took too long to arrive.
    RequestTimeout,
    /// The body is larger than is read.
    PayloadTooLarge,
    /// The body is of a type that is not read.
    UnsupportedMediaType,
    /// There is too much to do; later it will work.
    TooManyRequests,
    /// Something the site depends on is away; later it will work.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// A fault of ours.
    Internal(Box<dyn Error + Send + Sync>),
}

impl AppError {
    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Writes what the person must not see to the log.
    pub fn log(&self) {
        match self {
            Self::Unavailable(error) => tracing::error!(cause = chain(&**error), "something the site needs is away"),
            Self::Internal(error) => tracing::error!(cause = chain(&**error), "the request failed"),
            _ => {}
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::NotMigrated(_)
            | StoreError::NoToken(_)
            | StoreError::MissingGrant { .. } => Self::Unavailable(error.into()),
            StoreError::Failed(_) | StoreError::Migration(_) => Self::Internal(error.into()),
        }
    }
}

impl From<askama::Error> for AppError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<PhotoStoreError> for AppError {
    fn from(error: PhotoStoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The advice of a [`AppError::BadRequest`] on its way to the error page.
#[derive(Clone)]
struct Advice(String);

impl IntoResponse for AppError {
    /// The status; the page follows in [`error_pages`].
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.status().into_response();
        if let Self::BadRequest(advice) = self {
            response.extensions_mut().insert(Advice(advice));
        }
        response
    }
}

/// An error with all that caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        // Many errors repeat their cause in their own message.
        if !text.contains(&message) {
            write!(text, ": {message}").expect("a String takes all");
        }
        source = cause.source();
    }
    text
}

/// The answer to a panic in a handler.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that `CatchPanicLayer` wants"
)]
pub fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    chrome: Chrome,
    status: u16,
    title: &'static str,
    advice: String,
}

/// Layer: gives every error without content of its own a page in the site's look, and says when to come
/// back.
pub async fn error_pages(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let is_get = request.method() == Method::GET;
    let mut response = with_page(&app, &request_id, next.run(request).await);
    if matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    // A page that will be there in a moment comes by itself; a form is sent again by its sender alone.
    if is_get && response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("10"));
    }
    response
}

fn with_page(app: &App, request_id: &RequestId, response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_rendered = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if !is_error || is_rendered {
        return response;
    }

    let (title, advice) = wording(status);
    let page = ErrorPage {
        chrome: Chrome::of_fault(&app.config, request_id, status),
        status: status.as_u16(),
        title,
        advice: response
            .extensions()
            .get::<Advice>()
            .map_or_else(|| advice.to_owned(), |advice| advice.0.clone()),
    };
    let mut headers = HeaderMap::new();
    if let Some(methods) = response.headers().get(ALLOW) {
        headers.insert(ALLOW, methods.clone());
    }
    (status, headers, Page(page)).into_response()
}

/// What the page says: its heading, and what to do.
fn wording(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => (
            "Bad request",
            "The request could not be understood. Go back and try again.",
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
            "This address only takes a sent form, or none at all. Start from the list of restaurants.",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "That took too long",
            "The form did not arrive in time. Check your connection, go back and send it again.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "Too much data",
            "What was sent is larger than this site takes. Go back and send less, or a smaller photo.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "Not a form",
            "Send the form as application/x-www-form-urlencoded or multipart/form-data, as a browser does.",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "Too many requests",
            "There is a lot to do just now. Wait a moment, then go back and try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Something this site needs does not answer just now. Nothing is lost; this page tries again by itself.",
        ),
        status if status.is_server_error() => (
            "Something went wrong",
            "That was our fault, not yours. Try again; if it stays, tell us the request id below.",
        ),
        _ => ("Not possible", "The request cannot be answered. Go back and try again."),
    }
}
