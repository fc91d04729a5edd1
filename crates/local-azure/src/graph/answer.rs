//! Answers of Graph.

use axum::http::StatusCode;
use serde_json::Value;

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
            body: Some(body),
            text: None,
        }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            text: None,
        }
    }
}
