//! An address on loopback that is served until its value is dropped.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::{Error, Result};

/// The one address that anything here listens on.
pub const LOOPBACK: &str = "127.0.0.1";

/// Takes a port of loopback for `owner`; 0 takes a free one. `flag` is the option that changes it.
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

/// Serves until it is dropped, and its connections end with it.
///
/// It has threads and a runtime of its own: it answers also while the caller's thread waits for a program that asks
/// it, and outlives the runtime of the test that started it.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves these routes by HTTP.
    #[must_use]
    pub fn http(listener: StdListener, router: Router) -> Self {
        Self::start(listener, |listener| async move {
            // It ends when the value is dropped; errors of single connections are the client's.
            let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
            let _ = axum::serve(listener, service).await;
        })
    }

    /// Serves these routes by HTTPS.
    #[must_use]
    pub fn https(listener: StdListener, tls: Arc<ServerConfig>, router: Router) -> Self {
        Self::start(listener, |listener| async move {
            let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
            let listener = listener.into_std().expect("a listener of tokio is one of the system's");
            let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls));
            let _ = server.expect("the listener does not block").serve(service).await;
        })
    }

    /// Serves what is not HTTP.
    pub fn start<F>(listener: StdListener, serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        listener.set_nonblocking(true).expect("a listener of the system");
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("the system gives threads");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener of the system");
                tokio::select! {
                    _ = stopped => {}
                    () = serve(listener) => {}
                }
            });
            // The tasks that hold connections end here.
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
            // If it failed, it said so in its own thread.
            let _ = thread.join();
        }
    }
}
