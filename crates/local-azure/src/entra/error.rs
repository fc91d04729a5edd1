//! Entra's error responses.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// An error response.
#[derive(Debug, PartialEq, Eq)]
pub struct OAuthError {
    status: StatusCode,
    /// The error code of RFC 6749, or one of Entra's own.
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    text: String,
}

impl OAuthError {
    /// The client could not authenticate: status 401.
    pub fn client(code: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::request("invalid_client", code, text)
        }
    }

    /// The request is invalid: status 400.
    pub fn request(error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            code,
            text: text.into(),
        }
    }

    /// A parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::request("invalid_request", 900_144, text)
    }

    /// The number after `AADSTS`.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The error code of RFC 6749, or one of Entra's own.
    pub fn error(&self) -> &'static str {
        self.error
    }

    /// The code and the text, as `AADSTS50011: …`.
    pub fn description(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.text)
    }

    /// The response to a request with these headers. Their `client-request-id` becomes the correlation id.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let Self {
            status,
            error,
            code,
            text,
        } = self;
        let trace = Uuid::new_v4();
        let correlation = headers
            .get("client-request-id")
            .and_then(|value| Uuid::try_parse_ascii(value.as_bytes()).ok())
            .unwrap_or_else(Uuid::new_v4);
        let timestamp = OffsetDateTime::now_utc()
            .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z"))
            .expect("the current time can be formatted");
        let body = Json(json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
            ),
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }));
        (*status, [(header::CACHE_CONTROL, "no-store, no-cache")], body).into_response()
    }
}
