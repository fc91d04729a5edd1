//! However many requests one client sends, others are served.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;

use crate::rates::Site;

const GREEDY: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// A form that never arrives.
fn endless_form() -> Request<Body> {
    let body = Body::from_stream(futures_util::stream::once(pending::<io::Result<Vec<u8>>>()));
    let request = Request::post("/add").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    request.body(body).unwrap()
}

#[tokio::test]
async fn a_client_has_a_share_of_the_requests_in_flight() {
    let site = Site::start(|limits| limits.posts_per_minute = 0).await;
    let mut forms = Vec::new();
    for _ in 0..256 {
        let mut form = Box::pin(site.send(GREEDY, endless_form()));
        assert!((&mut form).now_or_never().is_none());
        forms.push(form);
    }
    let (status, _, page) = site.send(GREEDY, get("/")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.contains("Too many requests"), "{page}");
    for address in [OTHER, "127.0.0.1"] {
        assert_eq!(site.send(address, get("/")).await.0, StatusCode::OK, "{address}");
    }
    forms.pop();
    // An answer counts until the client has taken it.
    let answer = site.answer(GREEDY, get("/")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(site.send(GREEDY, get("/")).await.0, StatusCode::TOO_MANY_REQUESTS);
    drop(answer);
    assert_eq!(site.send(GREEDY, get("/")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_limits_there_are_no_shares() {
    let site = Site::start(|limits| {
        limits.posts_per_minute = 0;
        limits.uploads_per_minute = 0;
        limits.searches_per_second = 0;
    })
    .await;
    let mut forms: Vec<_> = (0..300).map(|_| Box::pin(site.send(GREEDY, endless_form()))).collect();
    assert!(forms.iter_mut().all(|form| form.now_or_never().is_none()));
    assert_eq!(site.send(GREEDY, get("/")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_flood_of_pages_from_the_store_leaves_room_for_others() {
    let site = Arc::new(Site::start(|_| {}).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..60)
        .map(|_| {
            let (site, is_over) = (Arc::clone(&site), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    statuses.push(site.send(GREEDY, get("/?after=nothing")).await.0);
                }
                statuses
            })
        })
        .collect();
    for _ in 0..100 {
        let (status, _, page) = site.send(OTHER, get("/?before=nothing")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
    }
    is_over.store(true, Ordering::Relaxed);
    for statuses in futures_util::future::join_all(flood).await {
        // Its own requests wait for each other.
        let statuses = statuses.unwrap();
        assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    }
}
