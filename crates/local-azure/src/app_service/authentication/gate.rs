//! Which requests reach the app.

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::visit::Visit;
use super::{answers, cookies, endpoints, headers, returning, sign_in};
use crate::state::UnauthenticatedAction;

/// Admits a request to the app, with headers that say who the visitor is.
///
/// # Errors
///
/// The answer to a request that does not reach the app.
pub async fn admit(visit: &Visit<'_>, mut request: Request) -> Result<Request, Response> {
    // The host becomes a part of addresses.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if !visit.host.chars().all(is_plain) {
        let text = "The name of the host is not valid.";
        return Err(answers::page(StatusCode::BAD_REQUEST, "400 Bad Request", text));
    }
    headers::strip(request.headers_mut());
    let path = request.uri().path();
    let below = path.strip_prefix(endpoints::PREFIX);
    if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(endpoints::answer(visit, request).await);
    }
    if let Some(session) = visit.memory.session(&cookies::sessions(request.headers())) {
        headers::set(request.headers_mut(), &session, visit.settings.has_token_store);
        return Ok(request);
    }
    if visit.settings.excludes(path) {
        return Ok(request);
    }
    match visit.settings.unauthenticated {
        UnauthenticatedAction::AllowAnonymous => Ok(request),
        UnauthenticatedAction::RedirectToLoginPage if is_page(&request) => {
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
            Err(sign_in::begin(
                visit,
                request.headers(),
                returning::requested(visit, target),
            ))
        }
        UnauthenticatedAction::RedirectToLoginPage | UnauthenticatedAction::Return401 => {
            Err(answers::unauthorized(visit.inside))
        }
        UnauthenticatedAction::Return403 => Err(answers::forbidden(
            "You do not have permission to view this directory or page.",
        )),
    }
}

/// Whether a browser asks for a page. A script, or a form, would follow the redirection to no use: it gets 401.
fn is_page(request: &Request) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_script = request.headers().get("x-requested-with");
    is_read && is_script.is_none_or(|by| !by.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest"))
}
