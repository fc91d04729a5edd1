//! Forms from clients that are slow, or that send more than a form has, leave the site to others.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, RequestBuilder, StatusCode};
use restaurant_review::config::Pace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::harness::{Site, encoded, location, red_blue, review, review_with_photo};
use crate::program::Process;

const MULTIPART: &str = "multipart/form-data; boundary=b";
const URLENCODED: &str = "application/x-www-form-urlencoded";

fn text_part(name: &str, text: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
}

/// The start of a review, up to the first bytes of its photo.
fn until_photo(typed: &str) -> String {
    let photo = "--b\r\nContent-Disposition: form-data; name=\"reviewImage\"; filename=\"a.jpg\"\r\n\r\nJPEG";
    text_part("user_name", typed) + &text_part("rating", "4") + &text_part("review_text", "Kept text") + photo
}

/// The starts of forms of both kinds: up to the first byte, into a text, into a header, into a photo.
fn starts() -> [(&'static str, &'static str, String); 6] {
    let named = text_part("user_name", "Kept");
    [
        ("/add", URLENCODED, String::new()),
        ("/add", URLENCODED, "restaurant_name=Kept&description=Ke".to_owned()),
        ("/review/1", MULTIPART, String::new()),
        ("/review/1", MULTIPART, "--b\r\nContent-Dispo".to_owned()),
        ("/review/1", MULTIPART, named + "--b\r\nContent-Dispo"),
        ("/review/1", MULTIPART, until_photo("Kept")),
    ]
}

/// Sends the start of a form of 100 kB, then a byte now and then. Returns the answer of the site.
async fn trickle(base: &str, path: &str, kind: &str, start: &str) -> JoinHandle<String> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n\r\n");
    stream.write_all((head + start).as_bytes()).await.unwrap();
    tokio::spawn(async move {
        let (mut reading, mut writing) = stream.into_split();
        let trickling = tokio::spawn(async move {
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut answer = Vec::new();
        // The site closes the connection, whose client is still sending.
        let _ = reading.read_to_end(&mut answer).await;
        trickling.abort();
        String::from_utf8_lossy(&answer).into_owned()
    })
}

/// However many clients trickle, and however long they go on, others do not wait for them.
#[tokio::test]
async fn slow_forms_take_no_turn_of_others() {
    let site = Site::start_with(|config| {
        config.limits.upload_pace.window = Duration::from_hours(1);
        config.limits.upload_patience = Duration::from_hours(1);
    })
    .await;
    let path = site.add_restaurant("A").await;
    let photo = encoded(&red_blue(40, 30), image::ImageFormat::Png);
    let mut tricklers = Vec::new();
    for (count, reviews) in [(16, 2), (64, 4)] {
        while tricklers.len() < count {
            for (path, kind, start) in starts() {
                tricklers.push(trickle(&site.base, path, kind, &start).await);
            }
        }
        let (with_text, with_photo) = tokio::join!(
            site.review(&path, review("Ada", "5", "")),
            site.review(&path, review_with_photo("Bob", "4", photo.clone())),
        );
        assert_eq!(location(&with_text), path);
        assert_eq!(location(&with_photo), path);
        assert!(site.page(&path).await.contains(&format!("({reviews} reviews)")));
        assert!(tricklers.iter().all(|trickler| !trickler.is_finished()));
    }
}

#[tokio::test]
async fn a_form_that_is_too_slow_comes_back_with_what_had_arrived() {
    let site = Site::start_with(|config| {
        config.limits.upload_pace = Pace {
            window: Duration::from_millis(500),
            bytes: 16 << 10,
        };
    })
    .await;
    site.add_restaurant("A").await;
    for (path, kind, start) in starts() {
        let answer = trickle(&site.base, path, kind, &start).await.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{start}: {answer}");
        let wanted = if start.contains("Kept") {
            &[
                "value=\"Kept\"",
                "not arrive in time. Check your connection and send it again.",
            ][..]
        } else {
            &["That took too long"]
        };
        assert!(wanted.iter().all(|text| answer.contains(text)), "{start}: {answer}");
        let has_photo = start.contains("reviewImage");
        assert_eq!(answer.contains("The photo must be chosen again."), has_photo, "{start}");
        assert_eq!(answer.contains("Kept text"), has_photo, "{start}");
    }
    assert!(site.page("/1/").await.contains("No reviews of this restaurant yet."));
}

/// Photos that need more memory than others leave to them.
#[tokio::test]
async fn photos_beyond_the_memory_are_dropped_and_their_forms_come_back() {
    let site = Site::start_with(|config| {
        config.limits.upload_memory = 3 << 20;
        config.limits.upload_patience = Duration::from_millis(200);
    })
    .await;
    let path = site.add_restaurant("A").await;
    // The last one is larger than the memory, so at least that one is refused.
    let sizes = [2 << 20, 2 << 20, 2 << 20, 4 << 20];
    let sent = sizes.map(|size| site.review(&path, review_with_photo("Kept", "4", vec![b'x'; size])));
    let answers = join_all(sent).await;
    assert_eq!(answers[3].status(), StatusCode::TOO_MANY_REQUESTS);
    for answer in answers {
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "it is no photo");
            continue;
        }
        assert!(answer.headers().contains_key("retry-after"));
        let page = answer.text().await.unwrap();
        for part in ["Kept", "With a photo", "Wait a moment", "must be chosen again"] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
    }
    // All memory is free again.
    let photo = encoded(&red_blue(40, 30), image::ImageFormat::Png);
    let photo = [photo, vec![0; 2 << 20]].concat();
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "5", photo)).await),
        path
    );
    assert!(site.page(&path).await.contains("(1 review)"));
}

/// Each body is too large in one dimension. What was typed before that comes back.
#[tokio::test]
async fn every_dimension_of_a_form_is_limited() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let typed = text_part("user_name", "Kept");
    let many_parts = |name: &str| typed.clone() + &text_part(name, "").repeat(10_000) + "--b--";
    let with_rest = |rest: &str| typed.clone() + rest + "--b--";
    let header = |length: usize| text_part(&"n".repeat(length), "");
    let headers = |count: usize| format!("--b\r\n{}\r\n\r\n", "a: b\r\n".repeat(count));
    let urlencoded = |rest: &str, count: usize| "user_name=Kept".to_owned() + &rest.repeat(count);
    let long_boundary = format!("multipart/form-data; boundary={}", "b".repeat(1000));
    for (what, kind, body, status, keeps) in [
        ("a form", MULTIPART, with_rest(""), 422, true),
        ("parts without a name", MULTIPART, many_parts(""), 400, true),
        ("parts of a known name", MULTIPART, many_parts("rating"), 400, true),
        ("parts of an unknown name", MULTIPART, many_parts("x"), 400, true),
        (
            "photos",
            MULTIPART,
            with_rest(&(until_photo("Kept") + "\r\n").repeat(7)),
            400,
            true,
        ),
        ("a header", MULTIPART, with_rest(&header(1 << 20)), 413, true),
        ("headers of a part", MULTIPART, with_rest(&headers(100_000)), 413, true),
        ("short headers of a part", MULTIPART, with_rest(&headers(40)), 400, true),
        (
            "headers of all parts",
            MULTIPART,
            with_rest(&header(10_000).repeat(14)),
            413,
            true,
        ),
        (
            "a preamble",
            MULTIPART,
            "x".repeat(1 << 20) + &with_rest(""),
            413,
            false,
        ),
        (
            "a preamble of lines",
            MULTIPART,
            "\r\n".repeat(1 << 19) + &with_rest(""),
            413,
            false,
        ),
        (
            "blanks after a boundary",
            MULTIPART,
            with_rest(&("--b".to_owned() + &" ".repeat(1 << 20))),
            413,
            true,
        ),
        (
            "a text",
            MULTIPART,
            with_rest(&text_part("rating", &"x".repeat(1 << 20))),
            413,
            true,
        ),
        (
            "texts",
            MULTIPART,
            with_rest(&text_part("rating", &"x".repeat(30_000)).repeat(5)),
            413,
            true,
        ),
        ("a boundary", &long_boundary, with_rest(""), 400, false),
        ("pairs", URLENCODED, urlencoded("&a", 50_000), 400, true),
        ("pairs without a name", URLENCODED, urlencoded("&=", 50_000), 400, true),
        (
            "pairs of a known name",
            URLENCODED,
            urlencoded("&rating=5", 10_000),
            400,
            true,
        ),
        (
            "a value",
            URLENCODED,
            urlencoded("&rating=", 1) + &"x".repeat(1 << 20),
            413,
            true,
        ),
        ("the first value", URLENCODED, urlencoded("x", 1 << 20), 413, false),
    ] {
        let request = site.post("/review/1").header(CONTENT_TYPE, kind).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{what}");
        let page = response.text().await.unwrap();
        assert_eq!(page.contains("value=\"Kept\""), keeps, "{what}: {page}");
        assert!(page.len() < 100_000, "{what}: the page has {} bytes", page.len());
    }
    assert!(site.page("/1/").await.contains("No reviews of this restaurant yet."));
}

/// The memory of a site that receives sixteen forms at once, each as long as it accepts.
#[tokio::test]
async fn long_forms_of_no_use_take_little_memory() {
    let data = tempfile::tempdir().unwrap();
    let site = Process::serve(&[("DATA_DIR", data.path().to_str().unwrap())]).await;
    let client = reqwest::Client::new();
    let post = |path: &str| client.post(format!("{}{path}", site.base));
    let restaurant = [("restaurant_name", "A"), ("description", "d")];
    let added = post("/add").form(&restaurant).send().await.unwrap();
    assert!(added.status().is_success(), "{}", added.status());
    let idle = site.resident_kib();

    let photo = "--b\r\nContent-Disposition: form-data; name=\"reviewImage\"\r\n\r\n";
    for (path, kind, unit) in [
        ("/review/1", MULTIPART, text_part("", "")),
        ("/add", MULTIPART, text_part("restaurant_name", "x")),
        ("/review/1", MULTIPART, photo.to_owned()),
        ("/review/1", MULTIPART, "x: y\r\n".to_owned()),
        ("/add", URLENCODED, "a&".to_owned()),
    ] {
        let request = post(path).header(CONTENT_TYPE, kind);
        for answer in join_all((0..16).map(|_| send_40_mb(&request, &unit))).await {
            assert!(answer.is_client_error(), "{unit}: {answer}");
        }
        let above = site.peak_kib().saturating_sub(idle);
        println!("{above} KiB above idle after {unit:?}");
        assert!(above < 60 << 10, "{above} KiB above idle after {unit:?}");
    }
}

/// Sends the text again and again.
async fn send_40_mb(request: &RequestBuilder, text: &str) -> StatusCode {
    let block: axum::body::Bytes = text.repeat(65_536 / text.len()).into();
    let blocks = (40 << 20) / block.len();
    let body = stream::iter((0..blocks).map(move |_| Ok::<_, Infallible>(block.clone())));
    let request = request.try_clone().unwrap().body(Body::wrap_stream(body));
    request.send().await.unwrap().status()
}
