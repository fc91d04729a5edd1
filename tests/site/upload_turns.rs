//! Photos that others hold back leave memory to those that arrive.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use image::ImageFormat;
use restaurant_review::config::Limits;

use crate::harness::{encoded, red_blue};
use crate::rates::Site;

const MULTIPART: &str = "multipart/form-data; boundary=b";
const LONG: Duration = Duration::from_hours(1);

/// Room for four photos of 2 MB, of which one client may send two at a time.
async fn start(turn: Duration) -> Site {
    let change = |limits: &mut Limits| {
        limits.upload_memory = 8 << 20;
        limits.upload_share = 4 << 20;
        limits.upload_patience = LONG;
        limits.upload_turn = turn;
        limits.upload_pace.window = LONG;
    };
    let site = Site::start(change).await;
    let restaurant = "restaurant_name=A&description=d";
    let added = site.post("198.51.100.1", "/add", "application/x-www-form-urlencoded", restaurant);
    assert_eq!(added.await.0, StatusCode::SEE_OTHER);
    site
}

/// A review with a photo of 2 MB, up to the end of the photo.
fn review() -> Vec<u8> {
    let text = |name: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").into_bytes()
    };
    let photo = b"--b\r\nContent-Disposition: form-data; name=\"reviewImage\"; filename=\"a.png\"\r\n\r\n";
    let png = encoded(&red_blue(40, 30), ImageFormat::Png);
    let padding = vec![0; (2 << 20) - 4096 - png.len()];
    [
        &text("user_name", "Kept")[..],
        &text("rating", "4"),
        photo,
        &png,
        &padding,
    ]
    .concat()
}

/// Sends all but the end of a review, and then a byte now and then, for ever.
async fn trickle(site: &Site, address: &str) -> (StatusCode, String) {
    let rest = stream::repeat(()).then(async |()| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        vec![0]
    });
    let body = stream::once(async { review() })
        .chain(rest.boxed())
        .map(Ok::<_, Infallible>);
    send(site, address, Body::from_stream(body)).await
}

async fn send(site: &Site, address: &str, body: Body) -> (StatusCode, String) {
    let request = Request::post("/review/1").header(CONTENT_TYPE, MULTIPART);
    let (status, _, page) = site.send(address, request.body(body).unwrap()).await;
    (status, page)
}

async fn whole(site: &Site, address: &str) -> StatusCode {
    let form = [&review()[..], b"\r\n--b--\r\n"].concat();
    send(site, address, Body::from(form)).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_leaves_memory_to_others_however_much_it_sends() {
    let site = start(LONG).await;
    let greedy = join_all((0..9).map(|_| trickle(&site, "203.0.113.1")));
    let others = async {
        // The greedy client has what it can get.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for number in 2..6 {
            let address = format!("203.0.113.{number}");
            assert_eq!(whole(&site, &address).await, StatusCode::SEE_OTHER, "{address}");
        }
    };
    tokio::select! {
        () = others => {}
        answers = greedy => panic!("{answers:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_fall_behind_lose_their_memory_to_those_that_wait() {
    let site = start(Duration::from_millis(200)).await;
    let answers = Mutex::new(Vec::new());
    let greedy = join_all((1..=4).map(async |number| {
        let answer = trickle(&site, &format!("203.0.113.{number}")).await;
        answers.lock().unwrap().push(answer);
    }));
    let others = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        join_all((5..9).map(async |number| whole(&site, &format!("203.0.113.{number}")).await)).await
    };
    let others = tokio::select! {
        others = others => others,
        () = greedy.then(|_| std::future::pending::<()>()) => unreachable!(),
    };
    assert_eq!(others, [StatusCode::SEE_OTHER; 4]);
    let answers = answers.into_inner().unwrap();
    assert!(!answers.is_empty());
    for (status, page) in answers {
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert!(page.contains("Kept") && page.contains("must be chosen again"), "{page}");
    }
}
