//! The environment of Kudu, and the app's settings.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use serde_json::json;

use super::access::Caller;
use super::error::KuduError;
use super::service::Kudu;
use crate::state::WebApp;

/// `GET /api/environment`
pub fn environment() -> Response {
    Json(json!({"version": env!("CARGO_PKG_VERSION"), "siteLastModified": null})).into_response()
}

/// `GET /api/settings`: the app settings.
pub fn settings(kudu: &Kudu, caller: &Caller) -> Result<Response, KuduError> {
    let app: Option<WebApp> = kudu.azure.read(|state| state.find(&caller.app));
    let app =
        app.ok_or_else(|| KuduError::new(StatusCode::NOT_FOUND, format!("There is no web app {}.", caller.app)))?;
    Ok(Json(app.settings).into_response())
}
