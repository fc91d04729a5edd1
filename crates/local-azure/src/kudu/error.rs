//! What a refused caller gets.

use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// The error of a request. Clients show the text to their user.
pub struct KuduError {
    pub status: StatusCode,
    pub message: String,
}

impl KuduError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

impl From<Error> for KuduError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::new(StatusCode::NOT_FOUND, format!("{why}.")),
            other => {
                tracing::error!("Kudu: {other}");
                let message = "Local Azure failed to handle this request. See the terminal of `local-azure up`.";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        }
    }
}

impl IntoResponse for KuduError {
    fn into_response(self) -> Response {
        let mut response = (self.status, format!("{}\n", self.message)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = axum::http::HeaderValue::from_static("Basic realm=\"site\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
