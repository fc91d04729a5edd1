//! The limit that the benchmark compares pages with: a server that only sends the same bytes from memory.
//!
//! ```text
//! bare-server PORT PATH=FILE…
//! ```
//!
//! Each file contains a response as the site sent it: status line, headers, an empty line, the body. The server replaces
//! only the date.

use std::error::Error;
use std::{env, fs};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::DATE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().ok_or("usage: bare-server PORT PATH=FILE…")?.parse()?;
    let mut router = Router::new();
    for argument in arguments {
        let (path, file) = argument.split_once('=').ok_or("an argument is PATH=FILE")?;
        let recorded = Recorded::read(&fs::read(file)?)?;
        router = router.route(path, get(async move || recorded.response()));
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// A response, kept in memory.
#[derive(Clone)]
struct Recorded {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Recorded {
    fn read(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        let blank = b"\r\n\r\n";
        let end = bytes.windows(blank.len()).position(|window| window == blank);
        let end = end.ok_or("no empty line ends the headers")?;
        let mut lines = str::from_utf8(&bytes[..end])?.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or("a header is `name: value`")?;
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        headers.remove(DATE);
        Ok(Self {
            status: status.ok_or("no status line")?.parse()?,
            headers,
            body: Bytes::copy_from_slice(&bytes[end + blank.len()..]),
        })
    }

    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        response.headers_mut().clone_from(&self.headers);
        response
    }
}
