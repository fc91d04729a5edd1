//! GET `/admin/enter/<key>`: the link in the log of a site on a developer's machine. It starts a session.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use super::gate::{look_at_the_log, session_cookie};
use crate::app::App;
use crate::config::StaffAccess;
use crate::error::AppError;
use crate::model::Capability;
use crate::web::{LocalDoor, PathParameter};

/// A HEAD request, such as a chat program sends for a preview, must not use the link up.
pub async fn head() -> AppError {
    AppError::NotFound
}

/// Starts a session and redirects to the staff pages, or says how to get a new link.
pub async fn get(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let is_here = LocalDoor::is_here(request.extensions(), request.headers());
    if app.config.staff != StaffAccess::ThisMachine || !is_here {
        return Err(AppError::NotFound);
    }
    Ok(match app.local_door.enter(&key) {
        Some(session) => (session_cookie(&session), Redirect::to("/admin/")).into_response(),
        None => look_at_the_log(&app, &request_id, request.method()),
    })
}
