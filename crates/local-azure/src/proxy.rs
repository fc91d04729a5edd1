//! Forwards requests and responses unchanged, except for hop-by-hop headers.

mod connector;

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, EXPECT, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Uri, Version};
use axum::response::Response;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

pub use self::connector::{Connector, Endpoint};

/// An HTTP client that does not follow redirects, adds no headers and does not normalise paths. Its connections belong
/// to the runtime that uses it first.
pub type Client = legacy::Client<Connector, Body>;

/// How long an idle connection is kept. Node.js servers close a connection after 5 s, and a request on a connection that
/// is being closed would fail.
const IDLE: Duration = Duration::from_secs(2);
/// How long it may take to connect to a program on this machine.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Creates a client with this TLS configuration.
#[must_use]
pub fn client(tls: ClientConfig) -> Client {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_LIMIT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(Connector::new(connector))
}

/// Forwards the request to the scheme, host and port of `base`, such as `http://127.0.0.1:8000`.
///
/// Path, query, `Host` and body are forwarded byte for byte. Hop-by-hop headers are removed (RFC 9110, section 7.6.1).
/// Both bodies are streamed. When the client disconnects, this future or the response's body is dropped, which cancels
/// the forwarded request too.
///
/// # Errors
///
/// The connection is refused ([`Error::is_connect`]) or ends before the response.
pub async fn forward(client: &Client, base: &Uri, mut request: Request) -> Result<Response, Error> {
    let mut target = base.clone().into_parts();
    target.path_and_query = Some(match request.uri().path_and_query() {
        Some(path) => path.clone(),
        None => PathAndQuery::from_static("/"),
    });
    *request.uri_mut() = Uri::from_parts(target).expect("`base` has a scheme and a host");
    *request.version_mut() = Version::HTTP_11;
    remove_hop_by_hop(request.headers_mut());
    // hyper sends `100 Continue` to the client when the body is first polled.
    request.headers_mut().remove(EXPECT);
    let mut answer = client.request(request).await?.map(Body::new);
    remove_hop_by_hop(answer.headers_mut());
    Ok(answer)
}

/// The headers that `Connection` names.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

/// Removes the headers that the `Connection` of a client names. Without this, a client could name headers that the front end
/// sets afterwards, and [`forward`] would remove those.
pub fn remove_named_by_client(headers: &mut HeaderMap) {
    let (named, upgrades) = (named_by_connection(headers), headers.contains_key(UPGRADE));
    for name in named.into_iter().filter(|name| name != UPGRADE) {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    if upgrades {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Removes the hop-by-hop headers, and the headers that `Connection` names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named = named_by_connection(headers);
    let always = [
        CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in named.into_iter().chain(always) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{Method, StatusCode};
    use axum::response::IntoResponse as _;
    use futures_util::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::{Notify, mpsc};

    use super::*;
    use crate::certificates::Authority;
    use crate::server::{LOOPBACK, Server, bind};

    /// A server with these routes and a proxy in front of it.
    struct Pair {
        front: u16,
        back: u16,
        _servers: [Server; 2],
    }

    fn pair(router: Router) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let listener = bind(0, "a test", "--none").unwrap();
        let back = listener.local_addr().unwrap().port();
        let behind = Server::https(listener, authority.server(&[LOOPBACK]).unwrap(), router);
        let base: Uri = format!("https://{LOOPBACK}:{back}").parse().unwrap();
        let client = client(authority.client().unwrap());
        let proxy = Router::new().fallback(move |request: Request| async move {
            let answer = forward(&client, &base, request).await;
            answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response())
        });
        let listener = bind(0, "a test", "--none").unwrap();
        Pair {
            front: listener.local_addr().unwrap().port(),
            back,
            _servers: [Server::http(listener, proxy), behind],
        }
    }

    /// Sends these bytes, and returns the response once the connection is closed.
    async fn send(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((LOOPBACK, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn requests_arrive_unchanged() {
        let pair = pair(Router::new().fallback(
            |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
                let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
                names.sort_unstable();
                let text = format!(
                    "{method} {uri} {} {body:?} {names:?}",
                    headers["host"].to_str().unwrap()
                );
                ([("connection", "x-hop"), ("x-hop", "1"), ("x-end", "2")], text)
            },
        ));
        for path in [
            "/",
            "//a//b/",
            "/a/../b/./c",
            "/a%2Fb%20c+d%C3%BC/%2e%2e/",
            "/a?b=c%2F+d&&e=?f",
            "/?",
        ] {
            let answer = send(
                pair.front,
                &format!(
                    "PUT {path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\nTE: x\r\n\
                     Connection: close, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\nhello"
                ),
            )
            .await;
            assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n"), "{answer}");
            let expected = format!(r#"PUT {path} a.example b"hello" ["content-length", "host", "x-end"]"#);
            assert!(answer.ends_with(&expected), "{answer}\n{expected}");
            assert!(answer.contains("x-end") && !answer.contains("x-hop"), "{answer}");
        }
        drop(pair);
    }

    #[tokio::test]
    async fn both_bodies_are_streamed() {
        // An echo, which can respond only if each part arrives before the next one is sent.
        let pair = pair(Router::new().fallback(|request: Request| async move { Response::new(request.into_body()) }));
        let (parts, receiver) = mpsc::channel::<&'static str>(1);
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
            let part = receiver.recv().await?;
            Some((Ok::<_, Infallible>(part), receiver))
        });
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let client = client(authority.client().unwrap());
        let base = format!("http://{LOOPBACK}:{}", pair.front).parse().unwrap();
        let request = Request::post("/").body(Body::from_stream(stream)).unwrap();
        parts.send("one").await.unwrap();
        let mut answer = forward(&client, &base, request)
            .await
            .unwrap()
            .into_body()
            .into_data_stream();
        assert_eq!(answer.next().await.unwrap().unwrap(), "one");
        for part in ["two", "three"] {
            parts.send(part).await.unwrap();
            assert_eq!(answer.next().await.unwrap().unwrap(), part);
        }
        drop(parts);
        assert!(answer.next().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_disconnects_cancels_the_request() {
        /// Notifies when the request that it belongs to has ended.
        struct Ended(Arc<Notify>);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let (started, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let in_handler = (started.clone(), ended.clone());
        let pair = pair(Router::new().fallback(move || async move {
            let _ended = Ended(in_handler.1);
            in_handler.0.notify_one();
            std::future::pending::<()>().await;
        }));
        let mut stream = TcpStream::connect((LOOPBACK, pair.front)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        started.notified().await;
        drop(stream);
        ended.notified().await;
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_error() {
        let Pair { back, .. } = pair(Router::new());
        let folder = tempfile::tempdir().unwrap();
        let client = client(Authority::open(folder.path()).unwrap().client().unwrap());
        let base = format!("http://{LOOPBACK}:{back}").parse().unwrap();
        let error = forward(&client, &base, Request::new(Body::empty())).await.unwrap_err();
        assert!(error.is_connect(), "{error}");
    }
}
