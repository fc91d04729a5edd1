//! Rendered pages, kept in memory until what they show changes.
//!
//! Kept are the pages that most people ask for: the first page of the list in each of its orders, and the first
//! page of each restaurant. [`follow`] hears from the store what changes, whoever changes it, and takes the page
//! away. Nothing is ever shown that is older than that:
//!
//! - A page that is read while its restaurant changes is not kept: the change takes away its place.
//! - Pages are used only for [`LEASE`] after the store has confirmed that everything until then was heard. So they
//!   are out of use soon after the connection is lost, even one that is lost without a sign.
//! - Who has changed something is shown pages from the store for longer than that ([`crate::web::Notice`]),
//!   whichever instance answers.

pub mod follow;
mod gzip;
mod page;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, Weighter};

use self::page::KeptPage;
pub use self::page::RenderedPage;
use crate::model::{ListQuery, RestaurantId, Sort};

/// How long pages are used after the store confirmed that every change until then was heard.
pub const LEASE: Duration = Duration::from_secs(3);

/// The pages that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PageKey {
    /// The first page of the list, in that order.
    List(Sort),
    /// The first page of that restaurant.
    Restaurant(RestaurantId),
}

impl PageKey {
    /// The key of that page of the list; `None`: it is not kept.
    #[must_use]
    pub fn of_list(query: &ListQuery) -> Option<Self> {
        (query.search.text().is_empty() && query.from.is_none()).then_some(Self::List(query.sort))
    }
}

/// The kept pages; none while changes are not followed.
pub struct PageCache {
    capacity: u64,
    live: RwLock<Option<Arc<Live>>>,
}

impl PageCache {
    /// Keeps at most that many bytes of pages.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            capacity: bytes as u64,
            live: RwLock::new(None),
        }
    }

    /// Whether pages are to be kept at all.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.capacity > 0
    }

    /// The answer to a request with those headers: the page that is kept, or the one that `render` gives, which is
    /// kept then if it can be.
    pub async fn answer<E>(
        &self,
        key: PageKey,
        request: &HeaderMap,
        render: impl AsyncFnOnce() -> Result<RenderedPage, E>,
    ) -> Result<Response, E> {
        // Boxed, since it is large, and most requests find a page that is kept.
        let render = || Box::pin(render());
        let Some(live) = self.live() else {
            return Ok(render().await?.into_response());
        };
        if let Some(page) = live.pages.get(&key) {
            return Ok(page.respond(request));
        }
        // Nobody waits for somebody else's page: a store that is away would answer them one after the other.
        match live.pages.get_value_or_guard(&key, Some(Duration::ZERO)) {
            GuardResult::Value(page) => Ok(page.respond(request)),
            GuardResult::Timeout => Ok(render().await?.into_response()),
            GuardResult::Guard(place) => {
                let page = Arc::new(KeptPage::new(&render().await?));
                // Refused if the place was taken away meanwhile: then this page may be of before the change.
                let _ = place.insert(Arc::clone(&page));
                Ok(page.respond(request))
            }
        }
    }

    /// Takes away what shows that restaurant.
    pub fn changed(&self, restaurant: RestaurantId) {
        if let Some(live) = self.any() {
            live.pages.remove(&PageKey::Restaurant(restaurant));
            live.remove_lists();
        }
    }

    /// Takes away the lists: a restaurant was added.
    pub fn added(&self) {
        if let Some(live) = self.any() {
            live.remove_lists();
        }
    }

    /// Keeps pages from now on, and none of before.
    pub fn switch_on(&self) {
        let live = Live::new(self.capacity);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(live));
    }

    /// Keeps no pages: changes are no longer heard.
    pub fn switch_off(&self) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Every change that was committed before that moment has been heard.
    pub fn heard_until(&self, moment: Instant) {
        if let Some(live) = self.any() {
            live.heard_until(moment);
        }
    }

    /// Whether pages are in use.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.live().is_some()
    }

    fn any(&self) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn live(&self) -> Option<Arc<Live>> {
        self.any().filter(|live| live.is_current())
    }
}

/// The pages of a time in which changes are followed without a gap.
struct Live {
    pages: Cache<PageKey, Arc<KeptPage>, Bytes>,
    since: Instant,
    /// Until when pages may be used, in milliseconds after `since`.
    until: AtomicU64,
}

impl Live {
    fn new(capacity: u64) -> Self {
        /// A guess for how many pages will be kept: it sizes the tables, and limits nothing.
        const TYPICAL_PAGE: u64 = 16 << 10;
        let pages = usize::try_from(capacity / TYPICAL_PAGE).unwrap_or(usize::MAX);
        Self {
            pages: Cache::with(
                pages,
                capacity,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            since: Instant::now(),
            until: AtomicU64::new(0),
        }
    }

    fn heard_until(&self, moment: Instant) {
        let until = (moment + LEASE).saturating_duration_since(self.since).as_millis();
        self.until
            .fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_current(&self) -> bool {
        self.since.elapsed().as_millis() < u128::from(self.until.load(Ordering::Relaxed))
    }

    fn remove_lists(&self) {
        for sort in Sort::ALL {
            self.pages.remove(&PageKey::List(sort));
        }
    }
}

/// Weighs pages by their bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<PageKey, Arc<KeptPage>> for Bytes {
    fn weight(&self, _: &PageKey, page: &Arc<KeptPage>) -> u64 {
        page.weight()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const KEY: PageKey = PageKey::Restaurant(RestaurantId(1));

    async fn text(cache: &PageCache, key: PageKey, text: &str) -> String {
        answer(cache, key, async || Ok(rendered(text))).await
    }

    async fn answer(cache: &PageCache, key: PageKey, render: impl AsyncFnOnce() -> Result<RenderedPage, ()>) -> String {
        let response = cache.answer(key, &HeaderMap::new(), render).await.unwrap();
        let html = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(html.to_vec()).unwrap()
    }

    fn rendered(text: &str) -> RenderedPage {
        let (html, form_id) = (text.to_owned(), None);
        RenderedPage { html, form_id }
    }

    fn on() -> PageCache {
        let cache = PageCache::new(1 << 20);
        cache.switch_on();
        cache.heard_until(Instant::now());
        cache
    }

    #[tokio::test]
    async fn a_page_is_kept_until_it_changes() {
        let cache = on();
        let other = PageKey::Restaurant(RestaurantId(2));
        for key in [KEY, other, PageKey::List(Sort::Name)] {
            assert_eq!(text(&cache, key, "old").await, "old");
            assert_eq!(text(&cache, key, "new").await, "old");
        }
        cache.changed(RestaurantId(1));
        assert_eq!(text(&cache, KEY, "new").await, "new");
        assert_eq!(text(&cache, PageKey::List(Sort::Name), "new").await, "new");
        assert_eq!(text(&cache, other, "new").await, "old", "nothing of it changed");
    }

    #[tokio::test]
    async fn a_page_that_changes_while_it_is_read_is_not_kept() {
        let cache = on();
        let render = async || {
            cache.changed(RestaurantId(1));
            Ok(rendered("old"))
        };
        answer(&cache, KEY, render).await;
        assert_eq!(text(&cache, KEY, "new").await, "new");
    }

    #[tokio::test]
    async fn who_asks_meanwhile_does_not_wait() {
        let cache = on();
        let render = async || Ok(rendered(&text(&cache, KEY, "second").await));
        assert_eq!(answer(&cache, KEY, render).await, "second");
    }

    #[tokio::test]
    async fn nothing_is_used_that_may_be_old() {
        let cache = PageCache::new(1 << 20);
        let is_kept = async |cache: &PageCache| {
            let first = text(cache, KEY, "1").await;
            text(cache, KEY, "2").await == first
        };
        assert!(!is_kept(&cache).await, "changes are not followed yet");
        cache.switch_on();
        assert!(!is_kept(&cache).await, "nothing is confirmed yet");
        cache.heard_until(Instant::now().checked_sub(LEASE).unwrap());
        assert!(!is_kept(&cache).await, "confirmed too long ago");
        cache.heard_until(Instant::now());
        assert!(is_kept(&cache).await);
        cache.switch_off();
        assert!(!is_kept(&cache).await);
        cache.switch_on();
        cache.heard_until(Instant::now());
        assert_eq!(text(&cache, KEY, "3").await, "3", "nothing of before");
    }

    #[tokio::test]
    async fn pages_take_no_more_than_their_share_of_memory() {
        let cache = on();
        let page = "x".repeat(20_000);
        for id in 0..1000 {
            text(&cache, PageKey::Restaurant(RestaurantId(id)), &page).await;
        }
        let live = cache.any().unwrap();
        assert!(live.pages.weight() <= 1 << 20, "{}", live.pages.weight());
        assert!(live.pages.len() > 20, "{}", live.pages.len());
    }
}
