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

/// Headers with which a proxy, such as App Service's front end, forwards a request.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-client-ip", "client-ip"];

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
/// On this machine the JSON also says which part is not ready; App Service's health check reads only the status.
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
    let json = if is_local(peer.map(|Extension(ConnectInfo(peer))| peer), &headers) {
        Json(report).into_response()
    } else {
        Json(Outline { ready }).into_response()
    };
    (status, [(CACHE_CONTROL, "no-store")], json).into_response()
}

/// Whether a request comes from this machine, and not through a proxy on it. Without a peer, it comes from this process.
fn is_local(peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    let is_loopback = peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback());
    is_loopback && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_request_from_this_machine_is_local() {
        let none = HeaderMap::new();
        for (peer, local) in [
            ("127.0.0.1:1", true),
            ("127.1.2.3:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("169.254.130.1:1", false),
            ("10.0.0.1:1", false),
            ("203.0.113.9:1", false),
            ("[2001:db8::1]:1", false),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(is_local(Some(peer.parse().unwrap()), &none), local, "{peer}");
        }
        for name in FORWARDED {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("127.0.0.1"))]);
            assert!(!is_local(Some("127.0.0.1:1".parse().unwrap()), &headers), "{name}");
        }
    }
}
