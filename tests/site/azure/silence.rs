//! PostgreSQL falls silent: its connections stay open, but nothing arrives over them any more, as after a failover
//! without a reset, or when a firewall forgets connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use local_azure::testing::patiently;
use reqwest::StatusCode;
use restaurant_review::model::ListQuery;
use restaurant_review::store::{Store as _, StoreError};
use sqlx::migrate::Migrate as _;
use tokio::net::{TcpListener, TcpSocket};
use uuid::Uuid;

use super::postgres::{assert_recounted, prepared, store};
use crate::harness::Site;
use crate::rig::{Database, Proxy, shared};

const ROUNDS: usize = 10;
const WRITERS: usize = 24;
/// The pool's connections, and the one that follows changes.
const CONNECTIONS: usize = 6;
/// How soon the site is back.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// Posts reviews one after the other, each until it is acknowledged, with a remembered id. Returns their names.
async fn write(
    site: Arc<Site>,
    path: String,
    writer: usize,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut names = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let name = format!("w{writer} r{}", names.len());
        post(&site, &path, &name).await;
        names.push(name);
        acknowledged.fetch_add(1, Ordering::Relaxed);
        // Leaves the processor to other tests.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    names
}

/// Posts a review until it is acknowledged.
async fn post(site: &Site, path: &str, name: &str) {
    let id = Uuid::new_v4().to_string();
    let form = [
        ("form_id", id.as_str()),
        ("user_name", name),
        ("rating", "4"),
        ("review_text", ""),
    ];
    loop {
        let response = site
            .post(&format!("/review/{}", path.trim_matches('/')))
            .form(&form)
            .send()
            .await
            .unwrap();
        match response.status() {
            StatusCode::SEE_OTHER => return,
            StatusCode::SERVICE_UNAVAILABLE => {
                let page = response.text().await.unwrap();
                assert!(page.contains(name), "the form keeps what was typed: {page}");
            }
            status => panic!("{status}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_site_is_back_soon_and_nothing_is_lost_or_doubled() {
    let database = Database::with_password(&shared().await).await;
    let proxy = Proxy::before(database.config.port).await;
    let mut config = database.config.clone();
    config.port = proxy.port;
    let site = Arc::new(Site::start_on(Box::new(prepared(&config).await)).await);
    let path = site.add_restaurant("A").await;

    let (acknowledged, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write(
                site.clone(),
                path.clone(),
                writer,
                acknowledged.clone(),
                stop.clone(),
            ))
        })
        .collect();
    for round in 0..ROUNDS {
        let before = acknowledged.load(Ordering::Relaxed);
        patiently("the writers are busy", async || {
            (acknowledged.load(Ordering::Relaxed) >= before + WRITERS).then_some(())
        })
        .await;
        proxy.silence_open_connections();
        let begun = Instant::now();
        // A page that is not cached.
        patiently("pages are back", async || {
            let status = site.get("/?q=a").send().await.unwrap().status();
            (status == StatusCode::OK).then_some(())
        })
        .await;
        post(&site, &path, &format!("after {round}")).await;
        let took = begun.elapsed();
        println!("round {round}: back after {took:?}");
        assert!(took < BACK_WITHIN, "round {round}: back after {took:?}");
    }
    stop.store(true, Ordering::Relaxed);
    let written = join_all(writers).await;
    let mut expected: Vec<String> = written.into_iter().flat_map(Result::unwrap).collect();
    expected.extend((0..ROUNDS).map(|round| format!("after {round}")));
    expected.sort();

    let mut sql = database.plain_sql().await;
    let stored: Vec<String> = sqlx::query_scalar("select user_name from reviews order by user_name collate \"C\"")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    assert_eq!(stored, expected, "each acknowledged review is there exactly once");
    assert_recounted(&mut sql).await;
    patiently("changes are followed again", async || {
        site.app.page_cache.is_on().then_some(())
    })
    .await;
    patiently("no silent connection is left", async || {
        (proxy.open_connections() <= CONNECTIONS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_migration_is_not_awaited_for_ever() {
    let database = Database::with_password(&shared().await).await;
    let proxy = Proxy::before(database.config.port).await;
    let mut config = database.config.clone();
    config.port = proxy.port;
    // Another instance migrates, so this one waits.
    let mut other = database.plain_sql().await;
    other.lock().await.unwrap();
    let preparing = tokio::spawn(async move { store(&config).prepare().await });
    let mut sql = database.plain_sql().await;
    let waits = "select exists (select from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut sql).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.silence_open_connections();
    other.unlock().await.unwrap();
    let error = preparing.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    prepared(&database.config).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Database::with_password(&shared().await).await.config.clone();
    config.port = silent.local_addr().unwrap().port();
    let store = store(&config);
    let query = ListQuery::default();
    let results = tokio::join!(
        store.check(),
        store.prepare(),
        store.ready(),
        async { store.list(&query).await.map(drop) },
        async { store.changes().await.map(drop) },
    );
    for result in [results.0, results.1, results.2, results.3, results.4] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

/// The proxy accepts connections and closes them again, as after a failover before its server is back.
#[tokio::test]
async fn a_server_that_is_away_behind_a_proxy_is_unavailable() {
    let mut database = Database::with_password(&shared().await).await;
    // Nothing listens at this port, and no other program can take it.
    let unused = TcpSocket::new_v4().unwrap();
    unused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = Proxy::before(unused.local_addr().unwrap().port()).await;
    database.config.port = proxy.port;
    let store = store(&database.config);
    for error in [
        store.prepare().await.unwrap_err(),
        store.list(&ListQuery::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}
