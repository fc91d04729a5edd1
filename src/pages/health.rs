//! Health checks for the platform: whether the process is up, and whether it can do its work.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;

use crate::app::App;
use crate::web::is_from_this_machine;

/// `/healthz`: the process is up.
pub async fn healthz() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `/robots933456.txt`: App Service requests this address until the site answers.
pub async fn warm_up() -> impl IntoResponse {
    "ok\n"
}

/// What strangers see.
#[derive(Serialize)]
struct Outline {
    ready: bool,
}

/// `/readyz`: whether the store is reachable and migrated, and whether photos can be stored. If not, the status is 503.
/// On this machine the JSON also says which part is not ready, unless a proxy on it forwards the requests of visitors;
/// App Service's health check reads only the status.
pub async fn readyz(
    State(app): State<App>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let report = Arc::clone(&app.readiness).report().await;
    let ready = report.ready;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // Without a peer, it comes from this process.
    let is_local = !app.config.is_behind_local_proxy()
        && peer.is_none_or(|Extension(ConnectInfo(peer))| is_from_this_machine(peer, &headers));
    let json = if is_local {
        Json(report).into_response()
    } else {
        Json(Outline { ready }).into_response()
    };
    (status, [(CACHE_CONTROL, "no-store")], json).into_response()
}
