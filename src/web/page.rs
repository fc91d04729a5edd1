//! How a page becomes a response.

use askama::Template;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, IntoResponseParts, Response};
use tower_http::request_id::RequestId;

use super::Notice;
use crate::config::Config;
use crate::error::AppError;
use crate::pages::assets::asset;

/// What every page has around its content (`templates/base.html`).
#[derive(Debug, Default, Clone)]
pub struct Chrome {
    /// The message of the page before, if it left one.
    pub notice: Option<Notice>,
    /// What helps to find the cause, on a page that says that something went wrong.
    pub fault: Option<Fault>,
}

/// What helps to find the cause of an error (`templates/fault.html`).
#[derive(Debug, Clone)]
pub struct Fault {
    /// The request's id, as in the log.
    pub request_id: String,
    /// Whether to show the developer what usually is the cause.
    pub hints: bool,
}

impl Chrome {
    /// The chrome for a request, and the part of the response that takes its notice away once shown.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> (Self, impl IntoResponseParts + use<>) {
        let notice = Notice::from_headers(headers);
        (Self { notice, fault: None }, notice.map(|_| Notice::shown()))
    }

    /// The chrome of a page that says what went wrong with the request of that id. The hints are for
    /// faults of ours, on a machine that is not in production.
    #[must_use]
    pub fn of_fault(config: &Config, request_id: &RequestId, status: StatusCode) -> Self {
        Self {
            notice: None,
            fault: Some(Fault {
                request_id: request_id.header_value().to_str().unwrap_or_default().to_owned(),
                hints: status.is_server_error() && !config.is_production(),
            }),
        }
    }

    /// The address of a file of `static/`, with its hash in it.
    #[must_use]
    pub fn asset(&self, path: &str) -> &'static str {
        asset(path)
    }
}

/// A template as HTML.
pub fn html(template: &impl Template) -> Result<String, askama::Error> {
    /// Room for the longest pages. A text that grows is copied each time it does.
    const ROOM: usize = 32 << 10;
    let mut html = String::with_capacity(ROOM);
    template.render_into(&mut html)?;
    Ok(html)
}

/// A template as a response: 200 unless a status stands before it, as in `(status, Page(template))`.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match html(&self.0) {
            Ok(html) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            Err(error) => AppError::from(error).into_response(),
        }
    }
}
