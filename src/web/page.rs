//! How a page becomes a response.

use askama::Template;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use tower_http::request_id::RequestId;

use super::Notice;
use crate::config::Config;
use crate::error::AppError;

/// The content type of a page.
pub const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The parts that every page has around its content (`templates/base.html`).
#[derive(Debug, Default, Clone)]
pub struct Chrome {
    /// The message that the previous page left.
    pub notice: Option<Notice>,
    /// On a page that reports an error of the site: information that helps to find the cause.
    pub error_help: Option<ErrorHelp>,
}

/// Information that helps to find the cause of an error (`templates/error_help.html`).
#[derive(Debug, Clone)]
pub struct ErrorHelp {
    /// The request's id, as in the log.
    pub request_id: String,
    /// Whether to list the usual causes, for the developer.
    pub hints: bool,
}

impl Chrome {
    /// The chrome for a request with these cookies, and the part of the response that removes its notice.
    #[must_use]
    pub fn of(config: &Config, cookies: &CookieJar) -> (Self, Option<CookieJar>) {
        let notice = Notice::from_cookies(config, cookies);
        let chrome = Self {
            notice,
            error_help: None,
        };
        (chrome, notice.map(|_| Notice::shown(config)))
    }

    /// The chrome of a page that reports an error. The site's own errors have the request's id, and outside production
    /// hints.
    #[must_use]
    pub fn of_error(config: &Config, request_id: &RequestId, status: StatusCode) -> Self {
        let help = || ErrorHelp {
            request_id: request_id.header_value().to_str().unwrap_or_default().to_owned(),
            hints: !config.is_production() && !config.is_behind_local_proxy(),
        };
        Self {
            notice: None,
            error_help: status.is_server_error().then(help),
        }
    }
}

/// A template as a response. The status is 200 unless one precedes it, as in `(status, Page(template))`.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        /// Room for a typical page: a string that outgrows its capacity is copied.
        const ROOM: usize = 32 << 10;
        let mut html = String::with_capacity(ROOM);
        match self.0.render_into(&mut html) {
            Ok(()) => ([(CONTENT_TYPE, HTML)], html).into_response(),
            Err(error) => AppError::Internal(error.into()).into_response(),
        }
    }
}
