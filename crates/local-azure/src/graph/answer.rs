//! Answers of Graph.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use uuid::Uuid;

/// The ids of a request, which its answer repeats.
pub struct Ids {
    /// Graph's own.
    pub request: String,
    /// The client's, if it has sent one.
    pub client: String,
}

impl Ids {
    pub fn of(headers: &HeaderMap) -> Self {
        let request = Uuid::new_v4().to_string();
        let sent = headers.get("client-request-id").and_then(|id| id.to_str().ok());
        Self {
            client: sent.map_or_else(|| request.clone(), str::to_owned),
            request,
        }
    }

    /// Adds the headers that every answer has.
    pub fn add_to(&self, response: &mut Response) {
        let headers = response.headers_mut();
        for (name, id) in [("request-id", &self.request), ("client-request-id", &self.client)] {
            if let Ok(id) = HeaderValue::from_str(id) {
                headers.insert(name, id);
            }
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub body: Option<Value>,
    /// The body of an answer that is not JSON.
    pub text: Option<String>,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body: Some(body),
            text: None,
        }
    }

    pub fn created(body: Value) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::ok(body)
        }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            text: None,
        }
    }

    /// The response with that body.
    pub fn respond(self, ids: &Ids) -> Response {
        let mut response = match (self.body, self.text) {
            (Some(body), _) => (self.status, Json(body)).into_response(),
            (None, Some(text)) => (self.status, text).into_response(),
            (None, None) => self.status.into_response(),
        };
        ids.add_to(&mut response);
        response
    }
}
