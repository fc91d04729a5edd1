//! How a page becomes a response.

use askama::Template;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, IntoResponseParts, Response};

use super::Notice;
use crate::error::AppError;
use crate::pages::assets::asset;

/// What every page has around its content (`templates/base.html`).
#[derive(Debug, Default, Clone, Copy)]
pub struct Chrome {
    /// The message of the page before, if it left one.
    pub notice: Option<Notice>,
}

impl Chrome {
    /// The chrome for a request, and the part of the response that takes its notice away once shown.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> (Self, impl IntoResponseParts + use<>) {
        let notice = Notice::from_headers(headers);
        (Self { notice }, notice.map(|_| Notice::shown()))
    }

    /// The address of a file of `static/`, with its hash in it.
    #[must_use]
    #[expect(clippy::unused_self, reason = "called on `chrome` in the templates")]
    pub fn asset(&self, path: &str) -> &'static str {
        asset(path)
    }
}

/// A template as a response: 200 unless a status stands before it, as in `(status, Page(template))`.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            Err(error) => AppError::Internal(Box::new(error)).into_response(),
        }
    }
}
