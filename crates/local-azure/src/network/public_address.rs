//! The service that tells a program its public address, as scripts ask it in Azure.
//! <https://www.ipify.org>

use axum::extract::Query;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::addresses::PUBLIC_ADDRESS;

#[derive(Deserialize)]
struct Options {
    format: Option<String>,
}

/// The service's routes.
pub(super) fn routes() -> Router {
    Router::new().route("/", get(answer))
}

async fn answer(Query(options): Query<Options>) -> Response {
    match options.format.as_deref() {
        Some("json") => Json(json!({"ip": PUBLIC_ADDRESS})).into_response(),
        _ => PUBLIC_ADDRESS.to_string().into_response(),
    }
}
