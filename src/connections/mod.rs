//! The connections of clients: how many there may be, and how long each may take.
//!
//! `axum::serve` has no such limits, so this loop accepts the connections itself and hands each to hyper:
//!
//! 1. [`serve`] accepts. Above the limit of connections, or of those of one client, it answers 503 (`busy`).
//! 2. `stream` lies between the socket and hyper. It checks the head of each request (`head`) before hyper sees it.
//! 3. `progress` knows what a connection waits for, and until when. The connection is closed then.

mod busy;
mod descriptors;
pub mod head;
mod limits;
mod progress;
mod stream;
mod taking;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service as _;

pub use self::descriptors::allow_many as allow_many_descriptors;
pub use self::head::RefusedHead;
pub use self::limits::Limits;
use self::progress::{Progress, Serving};
use self::stream::{ClientStream, HEAD_MAX};
use crate::web::{Client, InFlight, Shares};

/// The pause after the system has refused to accept a connection, for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Serves until `stop` completes. Then closes the idle connections and waits for the requests in flight.
pub async fn serve(listener: TcpListener, site: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let shutdown = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let shares = Shares::of(limits.of_one_client);
    let turned_away = Arc::new(Semaphore::new(busy::AT_ONCE));
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
        };
        let place = Arc::clone(&places).try_acquire_owned().ok();
        // This machine has no limit of its own.
        let address = peer.ip().to_canonical();
        let share = if address.is_loopback() {
            Some(None)
        } else {
            shares.take(Client::new(address)).map(Some)
        };
        if let (Some(place), Some(share)) = (place, share) {
            let connection = connection(stream, peer, site.clone(), limits, shutdown.watcher());
            tokio::spawn(async move {
                connection.await;
                drop((place, share));
            });
        } else if let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                busy::turn_away(stream).await;
                drop(place);
            });
        }
    }
    drop(listener);
    shutdown.shutdown().await;
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        // The client has already gone.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        ) {
            continue;
        }
        tracing::error!(cause = %error, "no connection can be accepted; trying again");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Limits what the system buffers beyond what is on its way to the client. A full buffer of the usual size, several
/// megabytes, would take a slow client minutes, in which the site could not see whether it takes anything.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn limit_unsent(stream: &TcpStream) {
    const BYTES: u32 = 16 << 10;
    // Without the limit, the client only has less time.
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(BYTES);
}

/// Does nothing: other systems start with a small buffer.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn limit_unsent(_stream: &TcpStream) {}

/// Answers the requests of one connection, until it ends or exceeds a limit.
async fn connection(stream: TcpStream, peer: SocketAddr, site: Router, limits: Limits, watcher: Watcher) {
    let progress = Progress::new(limits);
    limit_unsent(&stream);
    let stream = ClientStream::new(stream, progress.clone());
    let service = {
        let progress = progress.clone();
        service_fn(move |request| answer(site.clone(), request, peer, progress.start_serving()))
    };
    let http = http1::Builder::new()
        // `progress` limits the time: hyper's own limit would include the idle time before a request.
        .header_read_timeout(None)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // An error concerns only this client, which has gone or has sent something that is not HTTP.
    let _ = progress.limit(watcher.watch(http)).await;
}

async fn answer(
    mut site: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    serving: Serving,
) -> Result<Response<Sending>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    if let Some(refused) = serving.refused {
        request.extensions_mut().insert(refused);
    }
    // A host in a request's first line counts more than the header (RFC 9112, section 3.2.2).
    let host = request
        .uri()
        .authority()
        .map(|host| HeaderValue::try_from(host.as_str()));
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(HOST, host);
    }
    // Where a chunked body ends is hyper's decision alone. What follows it is not read as another request.
    let is_last = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = site.call(request).await?;
    if is_last {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let in_flight = response.extensions_mut().remove();
    Ok(response.map(|body| Sending {
        body,
        _serving: serving,
        _in_flight: in_flight,
    }))
}

/// The body of a response. The request is in flight until it is dropped.
struct Sending {
    body: Body,
    _serving: Serving,
    _in_flight: Option<InFlight>,
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
