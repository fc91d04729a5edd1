//! Connects to servers on ports and on sockets.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tower::Service;

use crate::server::LOOPBACK;

/// Where an HTTP server listens on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// On this loopback port.
    Port(u16),
    /// On this socket.
    Socket(PathBuf),
}

/// The domain of the hosts that stand for sockets. The label before it is the socket's path in hexadecimal.
const SOCKET_DOMAIN: &str = ".socket.invalid";

impl Endpoint {
    /// The URL of the server, for [`super::forward`].
    #[must_use]
    pub fn url(&self) -> Uri {
        let url = match self {
            Self::Port(port) => format!("http://{LOOPBACK}:{port}"),
            Self::Socket(path) => {
                let path = path.as_os_str().as_encoded_bytes();
                format!("http://{}{SOCKET_DOMAIN}", hex::encode(path))
            }
        };
        url.parse().expect("both forms are valid")
    }
}

/// The path of the socket that a URL stands for.
fn socket(url: &Uri) -> Option<PathBuf> {
    let path = hex::decode(url.host()?.strip_suffix(SOCKET_DOMAIN)?).ok()?;
    Some(Path::new(std::str::from_utf8(&path).ok()?).to_owned())
}

/// Connects to the server of a URL.
#[derive(Clone)]
pub struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    pub(super) fn new(connector: HttpsConnector<HttpConnector>) -> Self {
        Self(connector)
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        if let Some(path) = socket(&url) {
            return Box::pin(async move {
                let stream = UnixStream::connect(path).await?;
                Ok(Stream(Box::new(TokioIo::new(stream))))
            });
        }
        let connecting = self.0.call(url);
        Box::pin(async move { Ok(Stream(Box::new(connecting.await?))) })
    }
}

/// A connection.
pub struct Stream(Box<dyn Io>);

trait Io: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Io for T {}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        // Every connection speaks HTTP/1.1, and none leads through another proxy.
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_survives_its_url() {
        let path = PathBuf::from("/proc/self/fd/17/app of Zoë.sock");
        assert_eq!(socket(&Endpoint::Socket(path.clone()).url()), Some(path));
        assert_eq!(Endpoint::Port(8000).url(), "http://127.0.0.1:8000/");
        assert_eq!(socket(&Endpoint::Port(8000).url()), None);
    }
}
