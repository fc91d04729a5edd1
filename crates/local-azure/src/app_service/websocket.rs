//! Forwards WebSocket connections.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{StatusCode, Uri, Version};
use axum::response::Response;
use hyper::upgrade;
use hyper_util::client::legacy::Error;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::proxy::Client;

/// Whether the request asks for a WebSocket.
pub(super) fn is_requested(request: &Request) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Forwards the request. If the app accepts it, bytes are copied in both directions until one side disconnects.
pub(super) async fn forward(client: &Client, base: &Uri, mut request: Request) -> Result<Response, Error> {
    let mut target = base.clone().into_parts();
    target.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(target) = Uri::from_parts(target) {
        *request.uri_mut() = target;
    }
    *request.version_mut() = Version::HTTP_11;
    request
        .headers_mut()
        .insert(CONNECTION, "upgrade".parse().expect("this is a valid header value"));
    let visitor = upgrade::on(&mut request);
    let mut answer = client.request(request).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = upgrade::on(&mut answer);
        tokio::spawn(async move {
            if let (Ok(visitor), Ok(app)) = tokio::join!(visitor, app) {
                // An error only means that one side disconnected.
                let _ = copy_bidirectional(&mut TokioIo::new(visitor), &mut TokioIo::new(app)).await;
            }
        });
    }
    Ok(answer.map(Body::new))
}
