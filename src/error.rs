//! The error type of all handlers.

use std::error::Error;
use std::time::Duration;

use axum::Extension;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error_chain::chain;
use crate::photos::PhotoStoreError;
use crate::store::StoreError;

/// Why a request failed.
#[derive(Debug)]
pub enum AppError {
    /// The request cannot be understood. The text says what to do.
    BadRequest(String),
    /// Its headers are larger, or more, than the site accepts.
    HeadTooLarge,
    /// There is nothing at this address.
    NotFound,
    /// The body took too long to arrive.
    RequestTimeout,
    /// The body is larger than the site accepts.
    PayloadTooLarge,
    /// The body has a type that the site does not accept.
    UnsupportedMediaType,
    /// The site is busy; a retry may succeed.
    TooManyRequests,
    /// The client has sent too many requests. It may send the next one after this time.
    RateLimited(Duration),
    /// Too many requests wait for the store already; a retry may succeed.
    Busy,
    /// Something the site depends on is unavailable; a retry may succeed.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// The site's disk is full, or nearly so.
    InsufficientStorage(Box<dyn Error + Send + Sync>),
    /// An error in the site itself.
    Internal(Box<dyn Error + Send + Sync>),
}

impl AppError {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests | Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientStorage(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header that says when a client may try again, if this error knows.
    #[must_use]
    pub fn retry_after(&self) -> Option<[(HeaderName, String); 1]> {
        match self {
            Self::RateLimited(wait) => Some([(RETRY_AFTER, (wait.as_secs() + 1).to_string())]),
            _ => None,
        }
    }

    /// What to tell a visitor whose form was not saved because of this.
    #[must_use]
    pub fn not_saved(&self) -> &'static str {
        match self {
            Self::InsufficientStorage(_) => "the site has no room left. Send it again later.",
            _ => "the site could not save it just now. Send it again in a moment.",
        }
    }

    /// Logs the cause, which visitors do not see.
    pub fn log(&self) {
        match self {
            Self::Unavailable(error) => {
                tracing::error!(cause = chain(&**error), "something the site depends on is unavailable");
            }
            Self::InsufficientStorage(error) => tracing::error!(cause = chain(&**error), "there is no room left"),
            Self::Internal(error) => tracing::error!(cause = chain(&**error), "the request failed"),
            _ => {}
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            StoreError::Unavailable(_)
            | StoreError::InUse(_)
            | StoreError::NotMigrated(_)
            | StoreError::NoToken(_)
            | StoreError::MissingGrant { .. } => Self::Unavailable(error.into()),
            StoreError::Full(_) => Self::InsufficientStorage(error.into()),
            StoreError::Failed(_) | StoreError::Migration(_) | StoreError::Damaged(_) => Self::Internal(error.into()),
        }
    }
}

impl From<PhotoStoreError> for AppError {
    fn from(error: PhotoStoreError) -> Self {
        match error {
            PhotoStoreError::Full { .. } => Self::InsufficientStorage(error.into()),
            PhotoStoreError::Unavailable(_) | PhotoStoreError::Blob(_) => Self::Unavailable(error.into()),
        }
    }
}

/// The text of an [`AppError::BadRequest`], for the error page.
#[derive(Clone)]
pub struct Advice(pub String);

/// Marks the response to an [`AppError::Busy`]. The store logs how many there are; a log line for each would cost as much
/// as the page that was refused. (A form that comes back is still logged: its sender cannot simply load it again.)
#[derive(Clone, Copy)]
pub struct Refused;

impl IntoResponse for AppError {
    /// The status alone. [`crate::pages::error::error_pages`] adds the page.
    fn into_response(self) -> Response {
        self.log();
        let refused = matches!(self, Self::Busy).then_some(Extension(Refused));
        let mut response = (self.retry_after(), refused, self.status()).into_response();
        if let Self::BadRequest(advice) = self {
            response.extensions_mut().insert(Advice(advice));
        }
        response
    }
}
