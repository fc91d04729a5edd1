//! Rendered pages, cached in memory until their content changes.
//!
//! [`layer`] caches the pages that are requested most: the first page of the list in each of its orders, and the first
//! page of each restaurant. [`follow`] learns of every change to the store, whoever makes it, and evicts the pages
//! that show it. No page outlives its content:
//!
//! - A page whose restaurant changes while the page is rendered is not cached: the change removes its placeholder.
//! - Pages are used only during a lease, which ends [`LEASE`] after the store last confirmed that it had reported every
//!   change. A connection that is lost silently also ends the lease.
//! - A visitor who has just changed something gets pages straight from the store for longer than a lease
//!   ([`FRESH_FOR`]), whichever instance answers.

mod follow;
mod page;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, GuardResult};

pub use self::follow::follow;
use self::page::CachedPage;
use crate::model::{RestaurantId, Search, Sort};
use crate::web::{FRESH_FOR, Notice, query_pairs};

/// How long pages are used after the store confirmed that it had reported every change.
pub const LEASE: Duration = Duration::from_secs(3);
const _: () = assert!(LEASE.as_secs() < FRESH_FOR.as_secs());

/// Layer around the routes `/` and `/{id}/`, for GET and HEAD: answers with the cached page. If there is none, caches the
/// page that the handler renders.
pub async fn layer(State(cache): State<Arc<PageCache>>, request: Request, next: Next) -> Response {
    // The layer of a route also receives requests with methods that the route does not accept.
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let key = PageKey::of(request.uri()).filter(|_| is_read && !Notice::wants_fresh_page(request.headers()));
    let (Some(key), Some(pages)) = (key, cache.leased()) else {
        return next.run(request).await;
    };
    // A request does not wait while another one renders the page: if the store is unavailable, both fail at the same
    // time.
    match pages.get_value_or_guard(&key, Some(Duration::ZERO)) {
        GuardResult::Value(page) => page.respond(request.headers()),
        GuardResult::Timeout => next.run(request).await,
        GuardResult::Guard(placeholder) => {
            let headers = request.headers().clone();
            match CachedPage::from_response(next.run(request).await).await {
                Ok(page) => {
                    let page = Arc::new(page);
                    // Fails if a change has removed the placeholder: the page may show the state before the change.
                    let _ = placeholder.insert(Arc::clone(&page));
                    page.respond(&headers)
                }
                Err(response) => response,
            }
        }
    }
}

/// Names a page that can be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PageKey {
    /// The first page of the list, in this order.
    List(Sort),
    /// The first page of this restaurant.
    Restaurant(RestaurantId),
}

impl PageKey {
    /// The key of the page at this address; `None` if the page is not cached.
    fn of(uri: &Uri) -> Option<Self> {
        let mut sort = Sort::default();
        let is_list = uri.path() == "/";
        for (name, value) in query_pairs(uri.query().unwrap_or_default()) {
            match &*name {
                "after" | "before" => return None,
                "q" if is_list && !Search::parse(&value).text().is_empty() => return None,
                "sort" if is_list => sort = Sort::parse(&value),
                "rating" | "photos" | "sort" if !is_list => return None,
                _ => {}
            }
        }
        if is_list {
            return Some(Self::List(sort));
        }
        let id = uri.path().strip_prefix('/')?.strip_suffix('/')?;
        Some(Self::Restaurant(id.parse().ok()?))
    }
}

/// The cached pages.
pub struct PageCache {
    capacity: u64,
    /// `None` while changes are not followed.
    lease: RwLock<Option<Lease>>,
}

/// Pages that may be used for a while.
struct Lease {
    pages: Arc<Pages>,
    until: Instant,
}

type Pages = Cache<PageKey, Arc<CachedPage>, WeightInBytes>;

impl PageCache {
    /// Keeps at most this many bytes of pages; none until changes are followed.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            capacity: bytes as u64,
            lease: RwLock::new(None),
        }
    }

    /// Evicts the pages that show this restaurant.
    pub fn restaurant_changed(&self, restaurant: RestaurantId) {
        if let Some(pages) = self.pages() {
            pages.remove(&PageKey::Restaurant(restaurant));
        }
        self.list_changed();
    }

    /// Evicts the pages of the list.
    pub fn list_changed(&self) {
        if let Some(pages) = self.pages() {
            for sort in Sort::ALL {
                pages.remove(&PageKey::List(sort));
            }
        }
    }

    /// Evicts every page.
    pub fn everything_changed(&self) {
        if let Some(lease) = &mut *self.lease.write().unwrap_or_else(PoisonError::into_inner) {
            lease.pages = self.empty();
        }
    }

    /// Whether cached pages are in use.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.leased().is_some()
    }

    /// Evicts every page, and caches pages from now on.
    fn restart(&self) {
        self.set_lease(Some(Lease {
            pages: self.empty(),
            until: Instant::now(),
        }));
    }

    fn empty(&self) -> Arc<Pages> {
        /// Determines the initial size of the cache's tables. It is not a limit.
        const TYPICAL_PAGE: u64 = 16 << 10;
        let pages = usize::try_from(self.capacity / TYPICAL_PAGE).unwrap_or(usize::MAX);
        Arc::new(Cache::with_weighter(pages, self.capacity, WeightInBytes))
    }

    /// Evicts every page, and caches none from now on.
    fn stop(&self) {
        self.set_lease(None);
    }

    /// Extends the lease: every change before this moment has been reported.
    fn heard_until(&self, moment: Instant) {
        if let Some(lease) = &mut *self.lease.write().unwrap_or_else(PoisonError::into_inner) {
            lease.until = lease.until.max(moment + LEASE);
        }
    }

    fn set_lease(&self, lease: Option<Lease>) {
        *self.lease.write().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    /// The pages, whether or not they may be used.
    fn pages(&self) -> Option<Arc<Pages>> {
        let lease = self.lease.read().unwrap_or_else(PoisonError::into_inner);
        lease.as_ref().map(|lease| Arc::clone(&lease.pages))
    }

    /// The pages, while they may be used.
    fn leased(&self) -> Option<Arc<Pages>> {
        let lease = self.lease.read().unwrap_or_else(PoisonError::into_inner);
        let lease = lease.as_ref().filter(|lease| Instant::now() < lease.until)?;
        Some(Arc::clone(&lease.pages))
    }
}

#[derive(Clone)]
struct WeightInBytes;

impl Weighter<PageKey, Arc<CachedPage>> for WeightInBytes {
    fn weight(&self, _: &PageKey, page: &Arc<CachedPage>) -> u64 {
        page.weight()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::handler::Handler;
    use axum::http::StatusCode;
    use axum::http::header::COOKIE;
    use axum::middleware::from_fn_with_state;
    use axum::response::Html;
    use tower::ServiceExt as _;

    use super::*;

    const PATH: &str = "/1/";

    fn request(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    async fn answer<T: 'static>(cache: &Arc<PageCache>, request: Request, handler: impl Handler<T, ()>) -> String {
        let routes = Router::new().fallback(handler);
        let routes = routes.layer(from_fn_with_state(Arc::clone(cache), layer));
        let response = routes.oneshot(request).await.unwrap();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// The answer to a request for this path while the handler renders this text.
    async fn text(cache: &Arc<PageCache>, path: &str, text: &str) -> String {
        let page = Html(text.to_owned());
        answer(cache, request(path), async move || page).await
    }

    fn on() -> Arc<PageCache> {
        let cache = PageCache::new(1 << 20);
        cache.restart();
        cache.heard_until(Instant::now());
        Arc::new(cache)
    }

    #[tokio::test]
    async fn a_page_is_cached_until_it_changes() {
        let cache = on();
        for path in [PATH, "/2/", "/"] {
            assert_eq!(text(&cache, path, "old").await, "old");
            assert_eq!(text(&cache, path, "new").await, "old");
        }
        cache.restaurant_changed(RestaurantId(1));
        assert_eq!(text(&cache, PATH, "new").await, "new");
        assert_eq!(text(&cache, "/", "new").await, "new");
        assert_eq!(text(&cache, "/2/", "new").await, "old", "it did not change");
        cache.everything_changed();
        assert_eq!(text(&cache, "/2/", "new").await, "new");
        assert_eq!(text(&cache, "/2/", "newer").await, "new", "it is cached again");
    }

    #[tokio::test]
    async fn a_page_that_changes_while_it_is_rendered_is_not_cached() {
        let cache = on();
        let changing = Arc::clone(&cache);
        let handler = async move || {
            changing.restaurant_changed(RestaurantId(1));
            Html("old")
        };
        answer(&cache, request(PATH), handler).await;
        assert_eq!(text(&cache, PATH, "new").await, "new");
    }

    #[tokio::test]
    async fn a_request_does_not_wait_for_the_rendering_of_another_one() {
        let cache = on();
        let same = Arc::clone(&cache);
        let handler = async move || Html(text(&same, PATH, "second").await);
        assert_eq!(answer(&cache, request(PATH), handler).await, "second");
    }

    #[tokio::test]
    async fn a_page_that_may_be_old_is_not_used() {
        let cache = Arc::new(PageCache::new(1 << 20));
        let is_cached = async || {
            let first = text(&cache, PATH, "1").await;
            text(&cache, PATH, "2").await == first
        };
        assert!(!is_cached().await, "changes are not followed yet");
        cache.restart();
        assert!(!is_cached().await, "nothing is confirmed yet");
        cache.heard_until(Instant::now().checked_sub(LEASE).unwrap());
        assert!(!is_cached().await, "confirmed too long ago");
        cache.heard_until(Instant::now());
        assert!(is_cached().await);
        cache.stop();
        assert!(!is_cached().await);
        cache.restart();
        cache.heard_until(Instant::now());
        assert_eq!(text(&cache, PATH, "3").await, "3", "no page from before the restart");
    }

    #[tokio::test]
    async fn only_first_pages_that_can_be_shown_to_everyone_are_cached() {
        let cache = on();
        for path in ["/?sort=rating", "/?sort=nonsense&q=+", "/12/?q=rating"] {
            assert_eq!(text(&cache, path, path).await, path);
            assert_eq!(text(&cache, path, "new").await, path);
        }
        for path in ["/", "/?page=2"] {
            assert_eq!(text(&cache, path, "new").await, "/?sort=nonsense&q=+", "the same page");
        }
        for path in [
            "/?q=a",
            "/?after=1.a",
            "/?sort=rating&before=1.a",
            "/1/?after=1.1.1",
            "/1/?sort=lowest",
            "/1/?rating=2",
            "/1/?photos=1",
            "/create",
            "//",
            "/a/",
        ] {
            assert_eq!(text(&cache, path, "old").await, "old");
            assert_eq!(text(&cache, path, "new").await, "new", "{path} is not cached");
        }
        answer(&cache, request(PATH), async || (StatusCode::NOT_FOUND, Html("old"))).await;
        answer(&cache, request(PATH), async || "no page").await;
        assert_eq!(text(&cache, PATH, "new").await, "new");
        for cookie in ["fresh=1", "notice=review-added"] {
            let mut request = request(PATH);
            request.headers_mut().insert(COOKIE, cookie.parse().unwrap());
            assert_eq!(answer(&cache, request, async || Html("fresh")).await, "fresh");
        }
        assert_eq!(text(&cache, PATH, "newer").await, "new");
    }

    #[tokio::test]
    async fn pages_use_no_more_than_their_share_of_memory() {
        let cache = on();
        let page = "x".repeat(20_000);
        for id in 0..1000 {
            text(&cache, &format!("/{id}/"), &page).await;
        }
        let pages = cache.pages().unwrap();
        assert!(pages.weight() <= 1 << 20, "{}", pages.weight());
        assert!(pages.len() > 20, "{}", pages.len());
    }
}
