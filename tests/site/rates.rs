//! What a client may send is limited, and a form that is refused comes back.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use restaurant_review::config::{Config, Limits};
use restaurant_review::model::Capability;
use restaurant_review::{open, routes};
use tempfile::TempDir;
use tower::ServiceExt as _;

const URLENCODED: &str = "application/x-www-form-urlencoded";
const RESTAURANT: &str = "restaurant_name=Kept+name&description=Kept+description";
const REVIEW: &str = "user_name=Kept+user&rating=5&review_text=Kept+text";

/// A site without a server, so that a test chooses the addresses of the clients.
pub struct Site {
    router: Router,
    _folder: TempDir,
}

impl Site {
    pub async fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::for_test(folder.path().to_owned());
        change(&mut config.limits);
        let app = open::open(config).await.unwrap();
        Self {
            router: routes::router(app),
            _folder: folder,
        }
    }

    /// The answer to a request from that address.
    pub async fn answer(&self, address: &str, mut request: Request<Body>) -> Response {
        let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request from that address, and takes the whole answer.
    pub async fn send(&self, address: &str, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = self.answer(address, request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, address: &str, path: &str) -> (StatusCode, HeaderMap, String) {
        self.send(address, Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub async fn post(&self, address: &str, path: &str, kind: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        // Without effect: only the front end of App Service is believed.
        let request = Request::post(path).header("x-forwarded-for", "198.51.100.99");
        let request = request.header(CONTENT_TYPE, kind).body(Body::from(body.to_owned()));
        self.send(address, request.unwrap()).await
    }
}

fn assert_refused((status, headers, page): &(StatusCode, HeaderMap, String), kept: &[&str]) {
    assert_eq!(*status, StatusCode::TOO_MANY_REQUESTS, "{page}");
    let wait: u64 = headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    for part in kept {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
}

#[tokio::test]
async fn a_form_is_counted_before_its_private_link_is_looked_up() {
    let site = Site::start(|limits| limits.posts_per_minute = 1).await;
    let link = format!("/review/edit/{}", Capability::random().expose());
    let change = format!("seen=1:1&{REVIEW}");
    let post = async |path: &str| site.post("203.0.113.1", path, URLENCODED, &change).await;
    assert_eq!(post(&link).await.0, StatusCode::NOT_FOUND);
    let message = "Review not changed: many forms came from your network";
    assert_refused(&post(&link).await, &["Kept user", "Kept text", message]);
    assert_refused(&post(&format!("{link}/delete")).await, &["Too many requests"]);
}

#[tokio::test]
async fn a_form_that_cannot_be_read_counts_too() {
    let link = format!("/review/edit/{}", Capability::random().expose());
    let delete = format!("{link}/delete");
    for path in ["/add", "/review/1", &link, &delete] {
        let site = Site::start(|limits| limits.posts_per_minute = 1).await;
        let photo = "--b\r\nContent-Disposition: form-data; name=\"reviewImage\"; filename=\"a.png\"\r\n\r\nnever ends";
        for (kind, body, status) in [
            ("multipart/form-data; boundary=b", photo, StatusCode::BAD_REQUEST),
            ("text/plain", "user_name=Ada", StatusCode::TOO_MANY_REQUESTS),
        ] {
            let answer = site.post("203.0.113.1", path, kind, body).await;
            assert_eq!(answer.0, status, "{path}: {}", answer.2);
        }
    }
}

#[tokio::test]
async fn a_form_beyond_the_rate_comes_back_and_is_not_saved() {
    let site = Site::start(|limits| limits.posts_per_minute = 1).await;
    let post = async |address, path, body| site.post(address, path, URLENCODED, body).await;
    assert_eq!(post("203.0.113.1", "/add", RESTAURANT).await.0, StatusCode::SEE_OTHER);
    let refused = post("203.0.113.1", "/add", RESTAURANT).await;
    let message = "many forms came from your network";
    assert_refused(
        &refused,
        &["Kept name", "Kept description", "Restaurant not added", message],
    );
    let refused = post("203.0.113.1", "/review/1", REVIEW).await;
    assert_refused(&refused, &["Kept user", "Kept text", "Review not added", message]);
    let page = site.get("203.0.113.1", "/1/").await;
    assert!(
        page.2.contains("No reviews of this restaurant yet."),
        "it was not saved"
    );

    // Others are not limited by it, and this machine is not limited at all.
    assert_eq!(post("203.0.113.2", "/review/1", REVIEW).await.0, StatusCode::SEE_OTHER);
    for _ in 0..3 {
        assert_eq!(post("127.0.0.1", "/review/1", REVIEW).await.0, StatusCode::SEE_OTHER);
    }
    // The addresses of a network are one client.
    assert_eq!(post("2001:db8::1", "/review/1", REVIEW).await.0, StatusCode::SEE_OTHER);
    assert_refused(&post("2001:db8::2", "/review/1", REVIEW).await, &["Kept user"]);
    assert_eq!(
        post("2001:db8:0:1::1", "/review/1", REVIEW).await.0,
        StatusCode::SEE_OTHER
    );
    let page = site.get("203.0.113.1", "/1/").await;
    assert!(page.2.contains("(6 reviews)"), "{}", page.2);
}

#[tokio::test]
async fn a_private_link_has_the_rate_of_the_other_forms() {
    let site = Site::start(|limits| {
        limits.posts_per_minute = 1;
        limits.searches_per_second = 1;
    })
    .await;
    let post = async |address, path: &str, body| site.post(address, path, URLENCODED, body).await;
    assert_eq!(post("127.0.0.1", "/add", RESTAURANT).await.0, StatusCode::SEE_OTHER);
    let (_, headers, _) = post("127.0.0.1", "/review/1", REVIEW).await;
    let cookies = headers.get_all(SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let request = Request::get("/1/").header(COOKIE, cookies).body(Body::empty());
    let (_, _, page) = site.send("127.0.0.1", request.unwrap()).await;
    let link = crate::harness::links(&page, "/review/edit/").next().unwrap();

    let change = "seen=1%3A1&user_name=Kept+user&rating=1&review_text=Kept+text";
    assert_eq!(post("203.0.113.1", &link, change).await.0, StatusCode::SEE_OTHER);
    let again = change.replace("1%3A1", "1%3A2");
    let refused = post("203.0.113.1", &link, &again).await;
    assert_refused(&refused, &["Kept user", "Kept text", "Review not changed"]);
    let refused = post("203.0.113.1", &format!("{link}/delete"), "seen=1%3A2&confirmed=yes").await;
    assert_refused(&refused, &["Too many requests"]);
    assert!(site.get("203.0.113.1", "/1/").await.2.contains("(1 review)"));

    // Each guess counts: as a search, or as a form if it is one.
    let guess = format!("/review/edit/{}", "0".repeat(64));
    let guesses = futures_util::future::join_all((0..500).map(|_| site.get("203.0.113.2", &guess))).await;
    let refused = guesses.iter().find(|(status, ..)| *status != StatusCode::NOT_FOUND);
    assert_refused(refused.expect("500 guesses do not take 500 seconds"), &[]);
    assert_eq!(post("203.0.113.2", &guess, change).await.0, StatusCode::NOT_FOUND);
    assert_refused(&post("203.0.113.2", &format!("{guess}/delete"), "").await, &[]);
    assert_eq!(post("203.0.113.3", &guess, change).await.0, StatusCode::NOT_FOUND);
    assert_refused(&post("203.0.113.3", &guess, change).await, &[]);
    // The holder of a link may open it as often as they like.
    for _ in 0..3 {
        assert_eq!(site.get("203.0.113.3", &link).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn photos_have_a_rate_of_their_own() {
    let site = Site::start(|limits| {
        limits.posts_per_minute = 0;
        limits.uploads_per_minute = 1;
    })
    .await;
    let address = "203.0.113.1";
    assert_eq!(
        site.post(address, "/add", URLENCODED, RESTAURANT).await.0,
        StatusCode::SEE_OTHER
    );
    let text =
        |name: &str, text: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let photo = "--b\r\nContent-Disposition: form-data; name=\"reviewImage\"; filename=\"a\"\r\n\r\nnone\r\n--b--";
    let with_photo = text("user_name", "Kept user") + &text("rating", "5") + photo;
    let post = async || {
        site.post(address, "/review/1", "multipart/form-data; boundary=b", &with_photo)
            .await
    };
    assert_eq!(post().await.0, StatusCode::UNPROCESSABLE_ENTITY, "it is no photo");
    assert_refused(&post().await, &["Kept user", "The photo must be chosen again."]);
    for _ in 0..20 {
        let (status, ..) = site.post(address, "/review/1", URLENCODED, REVIEW).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "without a photo");
    }
}

#[tokio::test]
async fn a_search_beyond_the_rate_keeps_its_text() {
    let site = Site::start(|limits| limits.searches_per_second = 1).await;
    let address = "203.0.113.1";
    let searches = (0..500).map(|_| site.get(address, "/?q=Kept+search"));
    let answers = futures_util::future::join_all(searches).await;
    let refused = answers.iter().find(|(status, ..)| *status != StatusCode::OK);
    let refused = refused.expect("500 searches do not take 500 seconds");
    assert_refused(refused, &["value=\"Kept search\"", "Too many searches"]);
    assert!(!refused.2.contains("No restaurant matches"));
    for (other, path) in [("203.0.113.2", "/?q=a"), (address, "/"), (address, "/?sort=rating&q=")] {
        assert_eq!(site.get(other, path).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_query_of_many_pairs_is_as_good_as_one_of_few() {
    let site = Site::start(|_| {}).await;
    for (query, finds) in [
        ("a&".repeat(19), true),
        ("a&".repeat(20), false),
        ("&".repeat(60_000), true),
    ] {
        let (status, _, page) = site.get("127.0.0.1", &format!("/?{query}q=nothing")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(page.contains("No restaurant matches"), finds, "{}", query.len());
    }
}
