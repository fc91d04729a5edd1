//! Errors of Microsoft Graph.
//! <https://learn.microsoft.com/graph/errors>

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::Ids;
use crate::error::Error;

/// Where a client without a token gets one.
const CHALLENGE: &str = "Bearer realm=\"\", \
                         authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                         client_id=\"00000003-0000-0000-c000-000000000000\"";

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

    /// A query that Graph does not answer, or not in this form.
    pub fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// A property that clients cannot set.
    pub fn read_only(name: &str) -> Self {
        Self::bad_request(format!("Property '{name}' is read-only and cannot be set."))
    }

    /// A property of the body is missing or is not a text.
    pub fn text_required(name: &str) -> Self {
        Self::bad_request(format!("Property {name} is required, and must be a non-empty string."))
    }

    /// A property of the body is missing or has another type.
    pub fn value_required(name: &str) -> Self {
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

impl GraphError {
    /// The body of the response.
    pub fn body(&self, ids: &Ids) -> Value {
        json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": crate::log_time::now(),
                "request-id": ids.request,
                "client-request-id": ids.client,
            },
        }})
    }

    pub fn respond(self, ids: &Ids) -> Response {
        let mut response = (self.status, Json(self.body(ids))).into_response();
        ids.add_to(&mut response);
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response
    }
}
