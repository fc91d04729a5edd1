//! More requests than the site can serve: they wait in a short line, and it refuses the others at once.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::{Response, StatusCode};
use restaurant_review::model::{ListPage, ListQuery, NewRestaurant};
use restaurant_review::store::{Store, StoreError};

use crate::harness::{Site, review};

type Calls<'a, T> = Vec<BoxFuture<'a, Result<T, StoreError>>>;

/// Begins calls of the store until one is refused. The others hold their places in the line: nothing continues them.
/// `None` if one of them ends at once instead, as while the store is not available.
fn fill<'a, T>(mut call: impl FnMut() -> BoxFuture<'a, Result<T, StoreError>>) -> Option<Calls<'a, T>> {
    let mut waiting = Vec::new();
    loop {
        let mut begun = call();
        match (&mut begun).now_or_never() {
            None => waiting.push(begun),
            Some(Err(StoreError::Busy)) => return Some(waiting),
            Some(_) => return None,
        }
        assert!(waiting.len() < 100, "the line is long");
    }
}

fn fill_with_pages<'a>(store: &'a dyn Store, query: &'a ListQuery) -> Option<Calls<'a, ListPage>> {
    fill(|| store.list(query))
}

async fn is_refused(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_full_line_before_sqlite_refuses_at_once() {
    let site = Site::start().await;
    let store = &*site.app.store;
    let query = ListQuery::default();
    let reading = fill_with_pages(store, &query).unwrap();
    is_refused(site.get("/").send().await.unwrap()).await;
    // Readers do not stand in the way of writers, nor these in theirs.
    let path = site.add_restaurant("A").await;
    drop(reading);

    let new = NewRestaurant {
        name: "B".into(),
        street_address: String::new(),
        description: "Nice food".into(),
    };
    let writing = fill(|| store.add_restaurant(&new, None)).unwrap();
    let page = is_refused(site.review(&path, review("Kept user", "4", "")).await).await;
    assert!(page.contains("Kept user"), "{page}");
    site.page("/").await;
    drop(writing);
}

mod postgresql {
    use local_azure::testing::patiently;

    use super::*;
    use crate::azure::postgres::on_postgres;

    #[tokio::test]
    async fn a_full_line_refuses_at_once_and_cached_pages_need_none() {
        let (_database, site) = on_postgres().await;
        let path = site.add_restaurant("A").await;
        let query = ListQuery::default();
        let waiting = patiently("a cached page is shown while the line is full", async || {
            site.page("/").await;
            let waiting = fill_with_pages(&*site.app.store, &query)?;
            let status = site.get("/").send().await.unwrap().status();
            (status == StatusCode::OK).then_some(waiting)
        })
        .await;
        is_refused(site.get("/?q=a").send().await.unwrap()).await;
        let form = [("restaurant_name", "Kept name"), ("description", "Kept description")];
        let page = is_refused(site.post("/add").form(&form).send().await.unwrap()).await;
        assert!(
            page.contains("Kept name") && page.contains("Kept description"),
            "{page}"
        );
        let page = is_refused(site.review(&path, review("Kept user", "4", "Kept text")).await).await;
        assert!(page.contains("Kept user") && page.contains("Kept text"), "{page}");
        drop(waiting);
        site.page("/?q=a").await;
    }
}
