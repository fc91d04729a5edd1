//! An HTTP endpoint on loopback with the responses of a test, and a transport to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A request that the endpoint received.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method, path and query.
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is the request that probes for IMDS.
    pub fn is_probe(&self) -> bool {
        self.line.contains("/169.254.169.254/") && self.header("metadata").is_none()
    }
}

/// A response of the endpoint.
pub struct Answer {
    status: u16,
    headers: String,
    body: String,
    delay: Duration,
}

pub fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer {
        status,
        headers: String::new(),
        body: body.into(),
        delay: Duration::ZERO,
    }
}

impl Answer {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &[name, ": ", value, "\r\n"].concat();
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A running endpoint. It stops with the test.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts an endpoint that answers with the result of `respond`, which gets the request and the number of earlier
    /// requests.
    pub async fn start(respond: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (respond, log) = (Arc::new(respond), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (respond, log) = (Arc::clone(&respond), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, &*respond, &log).await });
            }
        });
        Self { address, seen }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A transport that sends every request here, with its original host as the first part of the path.
    pub fn transport(&self) -> Transport {
        detour(self.address, None)
    }
}

async fn serve(
    mut stream: TcpStream,
    respond: &(dyn Fn(&Seen, usize) -> Answer + Send + Sync),
    log: &Mutex<Vec<Seen>>,
) {
    let mut received = Vec::new();
    let request = loop {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => received.extend_from_slice(&part[..length]),
            _ => return,
        }
        if let Some(request) = parse(&String::from_utf8_lossy(&received)) {
            break request;
        }
    };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let answer = respond(&request, before);
    tokio::time::sleep(answer.delay).await;
    let response = format!(
        "HTTP/1.1 {} Status\r\n{}content-length: {}\r\nconnection: close\r\n\r\n{}",
        answer.status,
        answer.headers,
        answer.body.len(),
        answer.body
    );
    // The client may have closed the connection.
    let _ = stream.write_all(response.as_bytes()).await;
}

/// The request, once it is complete.
fn parse(received: &str) -> Option<Seen> {
    let (head, body) = received.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let seen = Seen {
        line,
        headers,
        body: body.to_owned(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    (body.len() >= length).then_some(seen)
}

/// A port that refuses connections until this value and its transports are dropped.
pub struct Refusing {
    pub address: SocketAddr,
    bound: Arc<TcpSocket>,
}

impl Refusing {
    pub fn new() -> Self {
        // It is bound, so that no other program gets the port, but does not listen.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self {
            address: socket.local_addr().unwrap(),
            bound: Arc::new(socket),
        }
    }

    pub fn transport(&self) -> Transport {
        detour(self.address, Some(self.bound.clone()))
    }
}

/// Chooses the cryptography of HTTP clients, which need it even for addresses without TLS.
pub fn choose_tls_provider() {
    // An error means that an earlier test has already chosen a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn detour(address: SocketAddr, bound: Option<Arc<TcpSocket>>) -> Transport {
    choose_tls_provider();
    Transport::new(Arc::new(Detour {
        address,
        _bound: bound,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
    }))
}

#[derive(Debug)]
struct Detour {
    address: SocketAddr,
    _bound: Option<Arc<TcpSocket>>,
    client: reqwest::Client,
}

#[async_trait::async_trait]
impl HttpClient for Detour {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let url = request.url_mut();
        let path = format!("/{}{}", url.host_str().unwrap(), url.path());
        url.set_path(&path);
        url.set_scheme("http").unwrap();
        url.set_ip_host(self.address.ip()).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        self.client.execute_request(&request).await
    }
}
