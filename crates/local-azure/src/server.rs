//! Servers on loopback, each of which runs until its value is dropped.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The only address that Local Azure listens on.
pub const LOOPBACK: &str = "127.0.0.1";

/// Binds a loopback port for `owner`. Port 0 selects a free one. `flag` is the option that changes the port.
pub fn bind(port: u16, owner: &'static str, flag: &'static str) -> Result<StdListener> {
    StdListener::bind((LOOPBACK, port)).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortTaken {
            port,
            part: owner,
            flag,
        },
        _ => Error::failed(owner, format!("cannot listen on port {port} of {LOOPBACK}: {error}")),
    })
}

/// A server that runs until it is dropped. Dropping it also closes its connections.
///
/// It has its own threads and runtime. It therefore responds even while the caller's thread blocks on a program that
/// sends it requests, and it outlives the runtime in which it was started.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves these routes over HTTP.
    #[must_use]
    pub fn http(listener: StdListener, router: Router) -> Self {
        Self::start(listener, |listener| async move {
            // `axum::serve` does not return. An error on one connection concerns only its client.
            let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
            let _ = axum::serve(listener, service).await;
        })
    }

    /// Serves these routes over HTTPS.
    #[must_use]
    pub fn https(listener: StdListener, tls: Arc<ServerConfig>, router: Router) -> Self {
        Self::start(listener, |listener| async move {
            let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
            let listener = listener.into_std().expect("the listener can be converted");
            let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls));
            let _ = server.expect("the listener is non-blocking").serve(service).await;
        })
    }

    /// Runs `serve`, for protocols other than HTTP.
    pub fn start<F>(listener: StdListener, serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        listener
            .set_nonblocking(true)
            .expect("the listener can be made non-blocking");
        Self::run(|| async {
            let listener = TcpListener::from_std(listener).expect("the listener can be made non-blocking");
            serve(listener).await;
        })
    }

    /// Runs work that serves listeners of its own.
    pub fn run<F>(work: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("the system provides threads");
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = work() => {}
                }
            });
            // Ends the tasks that hold connections.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, it has already reported the panic.
            let _ = thread.join();
        }
    }
}
