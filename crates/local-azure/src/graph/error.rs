//! Errors of Microsoft Graph.
//! <https://learn.microsoft.com/graph/errors>

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::error::Error;

/// An error, with Graph's code and a message in Graph's words.
#[derive(Debug)]
pub struct GraphError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl GraphError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// There is no object with that id.
    pub fn not_found(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present."),
        )
    }

    /// A property that clients cannot set.
    pub fn read_only(name: &str) -> Self {
        Self::bad_request(format!("Property '{name}' is read-only and cannot be set."))
    }

    /// A property of the body is missing or is not a text.
    pub fn invalid_property(name: &str) -> Self {
        Self::bad_request(format!("Property {name} is required, and must be a non-empty string."))
    }

    /// A property of the body is missing or has another type.
    pub fn required(name: &str) -> Self {
        Self::bad_request(format!("A value is required for property '{name}'."))
    }

    pub fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }
}

/// The state could not be saved.
impl From<Error> for GraphError {
    fn from(error: Error) -> Self {
        tracing::error!("Microsoft Graph cannot save the state: {error}");
        let message = "The state could not be saved. See the log of Local Azure.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let id = Uuid::new_v4();
        let body = Json(json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {"date": crate::log_time::now(), "request-id": id, "client-request-id": id},
        }}));
        (self.status, body).into_response()
    }
}
