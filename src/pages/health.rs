//! Health checks for the platform: whether the process is up, and whether it can do its work.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::app::App;
use crate::web::{is_from_this_machine, query_pairs};

/// `/healthz`: the process is up.
pub async fn healthz() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}

/// `/robots933456.txt`: App Service requests this address until the site answers.
pub async fn warm_up() -> impl IntoResponse {
    "ok\n"
}

/// `/readyz`: whether the store is reachable and migrated. If not, the status is 503. If only photos cannot be stored, or
/// there is a warning, the site is degraded, with 200: App Service must not keep an instance from starting, or replace it,
/// while pages can be read. With `?strict`, the status is 503 then, too.
///
/// On this machine the JSON also says which part is not ready, unless a proxy on it forwards the requests of visitors.
pub async fn readyz(
    State(app): State<App>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let report = Arc::clone(&app.readiness).report().await;
    let outline = report.outline;
    let is_strict = query_pairs(query.as_deref().unwrap_or_default()).any(|(name, _)| name == "strict");
    let status = if outline.ready && !(is_strict && outline.degraded) {
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
        Json(outline).into_response()
    };
    (status, [(CACHE_CONTROL, "no-store")], json).into_response()
}
