//! Clients that are slow, silent or greedy do not keep the site from others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::StatusCode;
use restaurant_review::config::Pace;
use restaurant_review::connections::{self, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::sync::Notify;

use crate::harness::{encoded, links, photo_link, review_with_photo};
use crate::program::Process;

/// A limit that these tests wait for.
const SHORT: Duration = Duration::from_millis(500);
/// A limit that they never reach.
const LONG: Duration = Duration::from_mins(10);
/// Longer than anything takes. A test that waits for so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

const PATIENT: Limits = Limits {
    connections: 100,
    of_one_client: 100,
    head: LONG,
    idle: LONG,
    taking: Pace { window: LONG, bytes: 1 },
    linger: LONG,
};

const PAGE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Serves small pages with these limits.
async fn serve(limits: Limits) -> SocketAddr {
    let large = Arc::new("x".repeat(20 << 20));
    let routes = Router::new()
        .route("/", get("page"))
        .route("/echo", post(async |body: String| body))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
        .route("/slow", get(async || tokio::time::sleep(3 * SHORT).await))
        .route("/large", get(async move || String::clone(&large)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(connections::serve(listener, routes, limits, std::future::pending()));
    address
}

async fn connected(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream
}

/// Everything that arrives until the site closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    // A reset closes it too.
    let _ = read.expect("the site closes the connection");
    String::from_utf8(text).unwrap()
}

/// Reads an answer with the body "page".
async fn page(stream: &mut TcpStream) {
    let mut text = String::new();
    while !text.ends_with("page") {
        let mut part = [0; 512];
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut part))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "closed after {text}");
        text += std::str::from_utf8(&part[..count]).unwrap();
    }
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn a_head_must_arrive_in_time() {
    let address = serve(Limits { head: SHORT, ..PATIENT }).await;
    for begun in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n\r\n"] {
        let mut stream = connected(address, begun.as_bytes()).await;
        assert_eq!(until_closed(&mut stream).await, "", "{begun:?}");
    }
    // Not even one that goes on and on, nor the second one of a connection.
    for before in ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let stream = connected(address, before.as_bytes()).await;
        let (mut read, mut write) = stream.into_split();
        let more = tokio::spawn(async move {
            let _ = write.write_all(b"GET / HTTP/1.1\r\n").await;
            while write.write_all(b"X: y\r\n").await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        });
        let mut text = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, read.read_to_end(&mut text))
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap().matches("HTTP/1.1").count(),
            before.lines().count().min(1)
        );
        more.await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_own_limit() {
    let address = serve(Limits { idle: SHORT, ..PATIENT }).await;
    let mut stream = connected(address, PAGE).await;
    assert!(until_closed(&mut stream).await.ends_with("page"));

    // The limit of a head does not count while a connection is idle, nor while a request is answered.
    let address = serve(Limits { head: SHORT, ..PATIENT }).await;
    let mut stream = connected(address, PAGE).await;
    page(&mut stream).await;
    tokio::time::sleep(3 * SHORT).await;
    stream.write_all(PAGE).await.unwrap();
    page(&mut stream).await;
    // Part of the next request has arrived while the first one is answered.
    let slow = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n";
    stream.write_all(slow).await.unwrap();
    tokio::time::sleep(2 * SHORT).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let limits = Limits {
        connections: 1,
        taking: Pace {
            window: SHORT,
            bytes: 1,
        },
        ..PATIENT
    };
    let address = serve(limits).await;
    let greedy = connected(address, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // Its place becomes free.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = connected(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let answer = until_closed(&mut stream).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < deadline, "{answer}");
        tokio::time::sleep(SHORT / 10).await;
    }
    drop(greedy);

    // A client that takes a little now and then is served to the end.
    let window = 4 * SHORT;
    let taking = Pace { window, bytes: 1 };
    let address = serve(Limits { taking, ..PATIENT }).await;
    let mut slow = connected(address, b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let start = Instant::now();
    let mut total = 0;
    let mut part = vec![0; 1 << 20];
    loop {
        let count = slow.read(&mut part).await.unwrap();
        if count == 0 {
            break;
        }
        total += count;
        tokio::time::sleep(SHORT / 4).await;
    }
    assert!(total > 20 << 20 && start.elapsed() > window, "{total}");
}

/// Each reads a little in every window. What it reads decides, not how often.
#[tokio::test]
async fn a_client_that_takes_too_little_is_cut() {
    let taking = Pace {
        window: 2 * SHORT,
        bytes: 1 << 20,
    };
    let address = serve(Limits { taking, ..PATIENT }).await;
    // Returns how much it reads until the connection ends.
    let read = async |step: usize| {
        let socket = TcpSocket::new_v4().unwrap();
        // The kernel keeps little for it.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream
            .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let (mut part, mut total) = (vec![0; step], 0);
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "still open after {total} bytes");
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return total,
                Ok(count) => total += count,
            }
            if step < 1 << 20 {
                tokio::time::sleep(SHORT / 10).await;
            }
        }
    };
    let (slow, slower, fast) = tokio::join!(read(1000), read(100), read(1 << 20));
    assert!(slow < 1 << 20 && slower < 1 << 20, "{slow}, {slower}");
    assert!(fast > 20 << 20, "{fast}");
}

#[tokio::test]
async fn the_rest_of_a_refused_request_is_dropped_for_a_while() {
    let address = serve(Limits {
        linger: SHORT,
        ..PATIENT
    })
    .await;
    let stream = connected(address, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n").await;
    let (mut read, mut write) = stream.into_split();
    let more = tokio::spawn(async move { while write.write_all(&[b'x'; 4096]).await.is_ok() {} });
    let mut head = [0; 12];
    read.read_exact(&mut head).await.unwrap();
    // These routes have no page for it.
    assert_eq!(&head, b"HTTP/1.1 405");
    tokio::time::timeout(PATIENCE, more)
        .await
        .expect("the site does not read for ever")
        .unwrap();
}

#[tokio::test]
async fn whoever_comes_above_the_limit_is_told_to_come_back() {
    let address = serve(Limits {
        connections: 3,
        ..PATIENT
    })
    .await;
    let mut places = Vec::new();
    for _ in 0..3 {
        let mut stream = connected(address, PAGE).await;
        page(&mut stream).await;
        places.push(stream);
    }
    for request in [
        PAGE,
        b"",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nx",
    ] {
        let answer = until_closed(&mut connected(address, request).await).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("retry-after: 10\r\n") && answer.contains("connection: close\r\n"),
            "{answer}"
        );
    }
    // Those who have a place keep it.
    for stream in &mut places {
        stream.write_all(PAGE).await.unwrap();
        page(stream).await;
    }
    // The site recovers: every place that becomes free is given away again.
    while let Some(stream) = places.pop() {
        drop(stream);
        let deadline = Instant::now() + PATIENCE;
        while !until_closed(&mut connected(address, b"GET / HTTP/1.0\r\n\r\n").await)
            .await
            .ends_with("page")
        {
            assert!(Instant::now() < deadline);
        }
    }
}

#[tokio::test]
async fn a_request_knows_its_client() {
    let address = serve(PATIENT).await;
    let mut stream = connected(address, b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let own = stream.local_addr().unwrap().to_string();
    assert!(until_closed(&mut stream).await.ends_with(&own));
}

#[tokio::test]
async fn a_body_reaches_its_handler_however_it_arrives() {
    let address = serve(PATIENT).await;
    let body: String = ('a'..='z').cycle().take(100_000).collect();
    let whole = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let requests = whole.repeat(2) + "GET / HTTP/1.0\r\n\r\n";
    for size in [1000, 4096, 65_537, requests.len()] {
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let parts: Vec<Vec<u8>> = requests.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let sending = tokio::spawn(async move {
            for part in parts {
                write.write_all(&part).await.unwrap();
                tokio::task::yield_now().await;
            }
            write
        });
        let mut answers = String::new();
        tokio::time::timeout(PATIENCE, read.read_to_string(&mut answers))
            .await
            .unwrap()
            .unwrap();
        drop(sending.await.unwrap());
        assert_eq!(answers.matches(&body).count(), 2, "{size}");
        assert!(answers.ends_with("page"), "{size}");
    }
}

/// Idle connections are closed at once when the site stops; requests in flight are answered, and are the last ones of
/// their connection.
#[tokio::test]
async fn a_stop_closes_idle_connections_and_answers_the_rest() {
    let started = Arc::new(Notify::new());
    let routes = {
        let started = Arc::clone(&started);
        Router::new().route("/", get("page")).route(
            "/slow",
            get(async move || {
                started.notify_one();
                tokio::time::sleep(SHORT).await;
                "page"
            }),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop).notified_owned();
    let server = tokio::spawn(connections::serve(listener, routes, PATIENT, stopped));
    let mut idle = connected(address, PAGE).await;
    page(&mut idle).await;
    let mut silent = connected(address, b"").await;
    let mut begun = connected(address, b"GET / HT").await;
    let mut busy = connected(address, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    started.notified().await;
    stop.notify_one();
    for stream in [&mut idle, &mut silent, &mut begun] {
        assert_eq!(until_closed(stream).await, "");
    }
    assert!(until_closed(&mut busy).await.ends_with("page"));
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap();
}

/// The site in a process that may have only so many descriptors.
async fn site_with_descriptors(limit: u32, folder: &std::path::Path) -> Process {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!(
            "ulimit -n {limit} && exec {}",
            env!("CARGO_BIN_EXE_restaurant-review")
        ))
        .env_clear()
        .env("DATA_DIR", folder)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .kill_on_drop(true);
    Process::from(command).await
}

async fn healthy(site: &Process) -> bool {
    let answer = reqwest::get(format!("{}/", site.base)).await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

#[tokio::test]
async fn a_site_without_descriptors_pauses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    // Fewer than its connections and the answers to those above the limit would need.
    let site = site_with_descriptors(50, folder.path()).await;
    assert!(healthy(&site).await);
    let address: SocketAddr = site.base.trim_start_matches("http://").parse().unwrap();
    let mut crowd = Vec::new();
    for _ in 0..80 {
        crowd.push(connected(address, b"GET /").await);
    }
    tokio::time::sleep(2 * SHORT).await;
    drop(crowd);
    let deadline = Instant::now() + PATIENCE;
    while !healthy(&site).await {
        assert!(Instant::now() < deadline, "it does not recover");
    }
    site.signal("-TERM");
    let (ok, log) = site.ended().await;
    assert!(ok, "{log}");
    let refusals = log.matches("no connection can be accepted").count();
    assert!(
        (1..100).contains(&refusals),
        "{refusals} lines:\n{}",
        &log[..log.len().min(2000)]
    );
}

/// A thousand clients, or as many as this machine has descriptors for.
#[tokio::test]
async fn a_thousand_bad_clients_leave_the_site_to_others() {
    connections::allow_many_descriptors();
    let count = Limits::of_process(false).connections.min(1000);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let site = Process::serve(&[("DATA_DIR", data)]).await;
    let client = reqwest::Client::new();
    site.add_restaurant(&client).await;
    let noise = RgbImage::from_fn(1000, 1000, |_, _| Rgb(std::array::from_fn(|_| fastrand::u8(..))));
    let photo = encoded(&DynamicImage::ImageRgb8(noise), ImageFormat::Jpeg);
    let review = review_with_photo("Ada", "5", photo);
    let sent = client.post(format!("{}/review/1", site.base)).multipart(review).send();
    let page = sent.await.unwrap().text().await.unwrap();
    let photo = photo_link(&page);
    let style = links(&page, "/static/").find(|link| link.contains(".css")).unwrap();
    let address: SocketAddr = site.base.trim_start_matches("http://").parse().unwrap();
    let before = site.resident_kib();

    // A form of which nothing follows.
    let stuck =
        "POST /add HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 90000\r\n";
    let stuck: Arc<str> = format!("{stuck}\r\ndescription={}", "a".repeat(15_000)).into();
    let mut clients = Vec::new();
    for number in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        // The kernel keeps little for those that do not read.
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        // What the site renders, what it holds, and what it reads from a file or the store while the client takes it.
        let wanted = ["/", "/1/", &style, &photo, "/sitemap.xml"][number / 3 % 5];
        let greedy = format!("GET {wanted} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(100);
        let stuck = Arc::clone(&stuck);
        clients.push(tokio::spawn(async move {
            match number % 3 {
                0 => {
                    let mut slow = "GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyy".bytes();
                    while let Some(byte) = slow.next()
                        && stream.write_all(&[byte]).await.is_ok()
                    {
                        tokio::time::sleep(SHORT).await;
                    }
                }
                1 => {
                    let _ = stream.write_all(greedy.as_bytes()).await;
                }
                _ if number % 2 == 0 => {
                    let _ = stream.write_all(stuck.as_bytes()).await;
                }
                _ => {}
            }
            tokio::time::sleep(LONG).await;
            drop(stream);
        }));
    }
    // The bad clients need a moment to be bad.
    tokio::time::sleep(SHORT).await;
    let mut times = Vec::new();
    let mut most = 0;
    for _ in 0..100 {
        let start = Instant::now();
        // A new connection for each.
        let answer = reqwest::get(format!("{}/", site.base)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.text().await.unwrap().contains("Restaurants"));
        times.push(start.elapsed());
        most = most.max(site.resident_kib());
        tokio::time::sleep(SHORT / 20).await;
    }
    for client in clients {
        client.abort();
    }
    times.sort();
    println!(
        "{count} bad clients: pages in {:?} (median), {:?} (90 %), {:?} (slowest); memory {} MB more than before",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[times.len() - 1],
        (most - before) / 1024
    );
    assert!(most - before <= 60 * 1024, "{before} kB before, {most} kB at most");
}
