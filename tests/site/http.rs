//! Requests that no browser sends: each gets one answer, and none can hide a second request.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Site;

/// A request that must not be answered, because it is hidden in another one.
const SMUGGLED: &str = "GET /robots.txt HTTP/1.1\r\nHost: smuggled\r\n\r\n";

/// What only the answer to [`SMUGGLED`] contains.
const ANSWER_TO_SMUGGLED: &str = "User-agent";

/// Longer than any answer takes. A test that waits for so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends this, and returns everything that the site sends until it closes the connection.
async fn exchange(site: &Site, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.base.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // The site may reset a connection after its answer.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap_or_else(|_| panic!("still open after {:?}", String::from_utf8_lossy(request)));
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers.
fn statuses(answer: &str) -> Vec<&str> {
    let answers = answer.split("HTTP/1.").skip(1);
    let statuses = answers.filter_map(|answer| answer.get(2..5));
    // The page of an error may name the version.
    statuses.filter(|status| status.parse::<u16>().is_ok()).collect()
}

#[tokio::test]
async fn a_request_without_clear_limits_is_refused() {
    let site = Site::start().await;
    let post =
        |headers: &str, body: &str| format!("POST /add HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n{body}{SMUGGLED}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let cases = [
        // Two lengths
        post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
        post("Content-Length: 0\r\nContent-Length: 5", ""),
        post("Content-Length: 0\r\nContent-Length: 0", ""),
        post("Content-Length: 0, 0", ""),
        post("Content-Length: +0", ""),
        post("Content-Length: -1", ""),
        post("Content-Length: 0x0", ""),
        post("Content-Length: 99999999999999999999", ""),
        post("Content-Length:", ""),
        // Codings
        post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        post("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        post("Transfer-Encoding: gzip", "0\r\n\r\n"),
        post("Transfer-Encoding : chunked", "0\r\n\r\n"),
        post("Transfer-Encoding\r\n : chunked", "0\r\n\r\n"),
        post("X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n"),
        post("Transfer-Encoding:\u{b}chunked", "0\r\n\r\n"),
        "POST /add HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + SMUGGLED,
        // Line ends and control characters
        post("X: y\nContent-Length: 0", ""),
        post("X: y\rContent-Length: 0", ""),
        post("X: y\0", ""),
        format!("GET / HTTP/1.1\nHost: a\n\n{SMUGGLED}"),
        // Hosts
        format!("GET / HTTP/1.1\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nHost:\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n{SMUGGLED}"),
        format!("GET http://a/ HTTP/1.1\r\n\r\n{SMUGGLED}"),
        // First lines
        format!("GET /\r\n{SMUGGLED}"),
        format!("GET / HTTP/2.0\r\n\r\n{SMUGGLED}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SMUGGLED}"),
        format!("GET * HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("GET example.com HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("GET  / HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}"),
        "\u{16}\u{3}\u{1}\u{2}\u{0}".to_owned() + SMUGGLED,
    ];
    for request in cases {
        let answer = exchange(&site, request.as_bytes()).await;
        assert_eq!(statuses(&answer), ["400"], "{request:?}\n{answer}");
        assert!(answer.contains("connection: close"), "{request:?}\n{answer}");
        assert!(
            answer.contains("Back to all restaurants") && answer.contains("x-request-id"),
            "{request:?}\n{answer}"
        );
    }
    // Chunks whose ends are not clear: the body is refused, and the connection ends.
    for body in [
        "5\r\nab\r\n0\r\n\r\n",
        "+5\r\nabcde\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "0x5\r\nabcde\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nabcde\r\n0\r\n\r\n",
        "10000000000000000\r\n0\r\n\r\n",
        "5\nabcde\n0\n\n",
        "5\r\nabcde0\r\n\r\n",
        "5;a\nb\r\nabcde\r\n0\r\n\r\n",
        "5;\0\r\nabcde\r\n0\r\n\r\n",
        " 5\r\nabcde\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "g\r\n\r\n",
    ] {
        let request = post(&format!("{form}Transfer-Encoding: chunked"), body);
        let answer = exchange(&site, request.as_bytes()).await;
        assert!(
            matches!(statuses(&answer)[..], ["400" | "422"]),
            "{request:?}\n{answer}"
        );
        assert!(!answer.contains(ANSWER_TO_SMUGGLED), "{request:?}\n{answer}");
    }
    assert!(site.page("/").await.contains("No restaurants exist."));
}

#[tokio::test]
async fn a_body_that_is_announced_to_be_endless_is_not_awaited() {
    let site = Site::start().await;
    let request = "POST /add HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n\
                   Content-Length: 1000000000000\r\n\r\n--b\r\n";
    let answer = exchange(&site, request.as_bytes()).await;
    assert_eq!(statuses(&answer), ["413"], "{answer}");
    assert!(answer.contains("Too much data"), "{answer}");
}

#[tokio::test]
async fn what_follows_a_clear_request_is_another_one() {
    let site = Site::start().await;
    let last = "GET /robots.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let form = "restaurant_name=Piped&description=d";
    let post = format!(
        "POST /add HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (requests, expected) in [
        (format!("{get}{get}{last}"), vec!["200", "200", "200"]),
        // Some clients send an empty line after a form.
        (format!("{post}\r\n{get}{last}"), vec!["303", "200", "200"]),
        (format!("{get}GET / HTTP/1.1\r\n\r\n{last}"), vec!["200", "400"]),
        ("GET /robots.txt HTTP/1.0\r\n\r\n".to_owned(), vec!["200"]),
        (
            format!("GET http://b:80/ HTTP/1.1\r\nHost: a\r\n\r\n{last}"),
            vec!["200", "200"],
        ),
        (
            format!("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n{last}"),
            vec!["404", "200"],
        ),
        (format!("BREW / HTTP/1.1\r\nHost: a\r\n\r\n{last}"), vec!["405", "200"]),
        (format!("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n{last}"), vec!["405", "200"]),
        // After a body in chunks, the client has to connect again.
        (
            format!(
                "POST /add HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{form}\r\n0\r\n\r\n{last}",
                form.len()
            ),
            vec!["303"],
        ),
    ] {
        let whole = exchange(&site, requests.as_bytes()).await;
        assert_eq!(statuses(&whole), expected, "{requests:?}\n{whole}");
    }
    assert!(site.page("/").await.contains("Piped"));
}

/// A request from another site is recognised by the address that the browser has asked for, not by the header.
#[tokio::test]
async fn the_host_in_the_first_line_counts() {
    let site = Site::start().await;
    let form = "restaurant_name=A&description=d";
    for (target, host, expected) in [
        ("/add", "good.example", "303"),
        ("/add", "evil.example", "403"),
        ("http://good.example/add", "evil.example", "303"),
        ("http://evil.example/add", "good.example", "403"),
    ] {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://good.example\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = exchange(&site, request.as_bytes()).await;
        assert_eq!(statuses(&answer), [expected], "{request}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let site = Site::start().await;
    let long = "a".repeat(40_000);
    let many = "X: y\r\n".repeat(200);
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n{SMUGGLED}"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n{SMUGGLED}"),
    ] {
        let answer = exchange(&site, request.as_bytes()).await;
        assert_eq!(statuses(&answer), ["431"], "{answer}");
        assert!(answer.contains("Shorten the address, delete the cookies"), "{answer}");
    }
    // Just below the limit, at it and above it.
    for length in (1 << 15) - 3..(1 << 15) + 3 {
        let (start, end) = ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ", "\r\n\r\n");
        let head = start.to_owned() + &"a".repeat(length - start.len() - end.len()) + end;
        let answer = exchange(&site, head.as_bytes()).await;
        let status = if length < 1 << 15 { "200" } else { "431" };
        assert_eq!(statuses(&answer), [status], "{length}");
        assert!(answer.contains("<h1"), "{length}: {answer}");
    }
    let fits = "a".repeat(30_000);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {fits}\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&exchange(&site, request.as_bytes()).await), ["200"]);
}

/// A head that is well formed but for at most a few bytes and pieces.
fn odd_head(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut pick = |pieces: &[&str]| pieces[random.usize(..pieces.len())].to_owned();
    let mut head = pick(&[
        "GET", "GET", "POST", "PUT", "get", "OPTIONS", "CONNECT", "PRI", "G%T", "",
    ]);
    head += " ";
    head += &pick(&[
        "/",
        "/",
        "/create",
        "/1/",
        "*",
        "http://a/",
        "http://a:99999/",
        "a:443",
        "",
        "//",
        "/%zz",
    ]);
    head += &pick(&["", "", "?", "?q=a", "#f", "?\"q\"", "{}", "<>", "`", "|", "\\", "^"]);
    head += " ";
    head += &pick(&[
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/2.0",
        "HTTP/1.1 ",
    ]);
    head += "\r\nConnection: close\r\n";
    head += &pick(&["Host: a\r\n", "Host: a\r\n", "Host: a\r\n", "Host:\r\n", ""]);
    for _ in 0..3 {
        head += &pick(&[
            "",
            "",
            "Content-Length: 0\r\n",
            "Content-Length: 18446744073709551614\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Expect: something\r\n",
            "Upgrade: h2c\r\n",
            "Cookie: \u{e9}\r\n",
            "X:\r\n",
            ": y\r\n",
            "X y\r\n",
        ]);
    }
    head += "\r\n";
    let mut head = head.into_bytes();
    for _ in 0..random.usize(..3) {
        let at = random.usize(..head.len() - 4);
        head[at] = random.u8(..);
    }
    head
}

/// hyper's own answers to what it refuses have no text, so it is left nothing to refuse.
#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let site = Site::start().await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut head = odd_head(&mut random);
        // The end of a body in chunks. Otherwise it is one more request to be refused.
        head.extend_from_slice(b"0\r\n\r\n");
        let answer = exchange(&site, &head).await;
        let shown = String::from_utf8_lossy(&head);
        if statuses(&answer).iter().any(|status| status.starts_with(['4', '5'])) {
            refused += 1;
            assert!(answer.contains("</html>"), "{shown:?}:\n{answer}");
        }
    }
    assert!(refused > 500, "{refused}");
}
