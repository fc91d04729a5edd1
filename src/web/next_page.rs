//! Where a browser goes after a form was saved.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Redirect, Response};

/// How the sender of a form learns of its next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextPage {
    /// A browser follows a redirect.
    Redirect,
    /// The page's script sends a form itself, to show the progress of the upload. It gets the address: it could not tell
    /// a redirect from an answer.
    Address,
}

impl NextPage {
    /// For this form.
    #[must_use]
    pub fn of(form: &Request) -> Self {
        if form.headers().contains_key("x-requested-with") {
            Self::Address
        } else {
            Self::Redirect
        }
    }

    /// The answer to the form, once it is saved.
    #[must_use]
    pub fn at(self, url: &str) -> Response {
        match self {
            Self::Redirect => Redirect::to(url).into_response(),
            Self::Address => (StatusCode::CREATED, [(LOCATION, url)]).into_response(),
        }
    }
}
