//! Cached pages: every instance shows what the store has, whoever changes it.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, COOKIE, ETAG, IF_NONE_MATCH, LOCATION,
    SET_COOKIE,
};
use fastrand::Rng;
use futures_util::future::join_all;
use local_azure::testing::patiently;
use reqwest::StatusCode;
use restaurant_review::model::{RestaurantId, ReviewQuery};
use sqlx::Executor as _;

use crate::azure::postgres::store;
use crate::harness::{Site, location, review};
use crate::rig::{Database, shared};

/// Instances of the site on one database. All of them cache pages.
async fn instances(count: usize) -> (Database, Vec<Arc<Site>>) {
    let database = Database::with_password(&shared().await).await;
    let mut sites = Vec::new();
    for _ in 0..count {
        let site = Site::start_on(Box::new(store(&database.config))).await;
        caches_pages(&site).await;
        sites.push(Arc::new(site));
    }
    (database, sites)
}

async fn caches_pages(site: &Site) {
    patiently("pages are cached", async || site.app.page_cache.is_on().then_some(())).await;
}

/// The number of reviews on the page of a restaurant.
fn count(page: &str) -> usize {
    let Some((before, _)) = page.split_once(" review").filter(|_| !page.contains("No ratings yet")) else {
        return 0;
    };
    before.rsplit_once('(').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_page_is_cached_until_what_it_shows_changes() {
    let (database, sites) = instances(1).await;
    let site = &sites[0];
    let mut sql = database.plain_sql().await;
    for name in ["Ada's", "Björn's"] {
        site.add_restaurant(name).await;
    }
    let mut seen = Vec::new();
    for (change, shows) in [
        (
            "insert into reviews (restaurant_id, user_name, rating) values (1, 'Chidi', 4)",
            "Chidi",
        ),
        (
            "update reviews set review_text = 'Corrected' where restaurant_id = 1",
            "Corrected",
        ),
        ("update reviews set rating = 2 where restaurant_id = 1", "2.0"),
        (
            "update restaurants set street_address = '7 Elm Street' where id = 1",
            "7 Elm Street",
        ),
        ("delete from reviews where restaurant_id = 1", "No ratings yet"),
        ("update restaurants set id = 3 where id = 1", "Page not found"),
        ("update restaurants set id = 1 where id = 3", "Ada&#39;s"),
        (
            "insert into reviews (restaurant_id, user_name, rating) values (1, 'Dolores', 4)",
            "Dolores",
        ),
        ("truncate reviews", "No reviews of this restaurant"),
        ("delete from restaurants where id = 1", "Page not found"),
    ] {
        // Afterwards, both pages are cached.
        for path in ["/1/", "/"] {
            seen.push(site.get(path).send().await.unwrap().text().await.unwrap());
        }
        sql.execute(change).await.unwrap();
        patiently("the page shows the change", async || {
            let page = site.get("/1/").send().await.unwrap().text().await.unwrap();
            page.contains(shows).then_some(())
        })
        .await;
        if !change.starts_with("update reviews set review_text") && !change.starts_with("update restaurants set id") {
            let before = seen.pop().unwrap();
            patiently("the list shows the change", async || {
                (site.page("/").await != before).then_some(())
            })
            .await;
        }
    }
    // Pages are cached again after all reviews were truncated.
    caches_pages(site).await;
    patiently("the page is cached", async || {
        let kept = site.get("/2/").send().await.unwrap().headers().get(ETAG)?.clone();
        let same = site.get("/2/").header(IF_NONE_MATCH, kept).send().await.unwrap();
        (same.status() == StatusCode::NOT_MODIFIED).then_some(())
    })
    .await;
    sql.execute("truncate restaurants cascade").await.unwrap();
    patiently("nothing is left", async || {
        site.page("/").await.contains("No restaurants exist").then_some(())
    })
    .await;
}

fn form_id(page: &str) -> String {
    page.split_once("name=\"form_id\" value=\"").unwrap().1[..36].to_owned()
}

#[tokio::test]
async fn every_visitor_gets_the_same_cached_page_once_until_it_changes() {
    let (_database, sites) = instances(1).await;
    let site = &sites[0];
    let path = site.add_restaurant("Ada's").await;
    // At first, the report of the new restaurant may evict a page.
    let (first, etag, gzip) = patiently("a page is cached", async || {
        let first = site.get(&path).send().await.unwrap();
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        let etag = first.headers().get(ETAG)?.clone();
        let first = first.text().await.unwrap();
        let second = site.page(&path).await;
        let gzip = site.get(&path).header(ACCEPT_ENCODING, "gzip").send().await.unwrap();
        let same = site.get(&path).header(IF_NONE_MATCH, &etag).send().await.unwrap();
        (second == first && gzip.headers().get(ETAG) == Some(&etag) && same.status() == StatusCode::NOT_MODIFIED)
            .then_some((first, etag, gzip))
    })
    .await;
    assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
    assert!(gzip.headers().contains_key(CONTENT_SECURITY_POLICY));
    let file = gzip.bytes().await.unwrap();
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&file[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked, first);

    // A cached page answers no other method.
    for path in [path.as_str(), "/"] {
        site.page(path).await;
        assert_eq!(
            site.post(path).send().await.unwrap().status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
    // A visitor who has just changed something gets a rendering of their own.
    let fresh = site.get(&path).header(COOKIE, "fresh=1").header(IF_NONE_MATCH, &etag);
    let fresh = fresh.send().await.unwrap();
    assert_eq!((fresh.status(), fresh.headers().get(ETAG)), (StatusCode::OK, None));
    assert_ne!(form_id(&fresh.text().await.unwrap()), form_id(&first));

    site.review(&path, review("Chidi", "5", "")).await;
    let changed = site.get(&path).header(IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers().get(ETAG), Some(&etag));
    assert_ne!(form_id(&changed.text().await.unwrap()), form_id(&first));
}

#[tokio::test]
async fn a_page_that_was_cached_for_head_is_complete_for_get() {
    let (_database, sites) = instances(1).await;
    let site = &sites[0];
    let path = site.add_restaurant("Ada's").await;
    patiently("the page is cached", async || {
        let head = site.client.head(format!("{}{path}", site.base)).send().await.unwrap();
        let etag = head.headers().get(ETAG)?.clone();
        assert!(head.bytes().await.unwrap().is_empty());
        let same = site
            .client
            .head(format!("{}{path}", site.base))
            .header(IF_NONE_MATCH, etag);
        (same.send().await.unwrap().status() == StatusCode::NOT_MODIFIED).then_some(())
    })
    .await;
    assert!(site.page(&path).await.contains("Ada&#39;s"));
}

/// Two visitors who get one cached page send the same form id. Their reviews are treated as one only if they typed
/// exactly the same, and only until the page changes.
#[tokio::test]
async fn a_review_is_recognised_by_the_rendering_and_its_contents() {
    let (_database, sites) = instances(1).await;
    let site = &sites[0];
    let path = site.add_restaurant("Ada's").await;
    let first = form_id(&site.page(&path).await);
    let send = async |form_id: &str, user: &str| {
        let sent = site.review(&path, review(user, "5", "Good").text("form_id", form_id.to_owned()));
        assert_eq!(location(&sent.await), path);
        count(&site.page(&path).await)
    };
    assert_eq!(send(&first, "Chidi").await, 1);
    assert_eq!(
        send(&first, "Chidi").await,
        1,
        "a double click, or the same from another visitor"
    );
    assert_eq!(
        send(&first, "Dolores").await,
        2,
        "another visitor with the same rendering"
    );
    let second = form_id(&site.page(&path).await);
    assert_ne!(first, second);
    assert_eq!(send(&second, "Chidi").await, 3, "the page had changed");
}

/// A visitor, with the cookies of a browser.
struct Visitor {
    cookies: HashMap<String, String>,
}

impl Visitor {
    fn new() -> Self {
        Self {
            cookies: HashMap::new(),
        }
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn note(&mut self, response: &reqwest::Response) {
        for cookie in response.headers().get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    async fn get(&mut self, site: &Site, path: &str) -> String {
        let response = site
            .get(path)
            .header(COOKIE, self.cookie_header())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        self.note(&response);
        response.text().await.unwrap()
    }

    async fn review(&mut self, site: &Site, path: &str, text: &str) {
        let request = site.post(&format!("/review{}", path.trim_end_matches('/')));
        let form = review("Ada", "5", text);
        let response = request
            .header(COOKIE, self.cookie_header())
            .multipart(form)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()[LOCATION], *path);
        self.note(&response);
    }
}

/// Many visitors at once on two instances, some writing, some reading, some with cookies and some without. In each
/// round each writer sees what it wrote. After each round every page on every instance shows what the store has.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_is_ever_stale_on_two_instances() {
    const ROUNDS: usize = 40;
    const RESTAURANTS: usize = 3;
    const PEOPLE: usize = 12;
    let (_database, sites) = instances(2).await;
    for name in 0..RESTAURANTS {
        sites[0].add_restaurant(&format!("Restaurant {name}")).await;
    }
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let mut written = 0;
    for round in 0..ROUNDS {
        let people = (0..PEOPLE).map(|person| {
            let (sites, mut rng) = (sites.clone(), Rng::with_seed(rng.u64(..)));
            tokio::spawn(async move {
                let mut writes = 0;
                let mut visitor = Visitor::new();
                // A script has no cookies, and talks to only one instance.
                let (has_cookies, home) = (rng.bool(), rng.usize(..2));
                for step in 0..4 {
                    let path = format!("/{}/", rng.usize(1..=RESTAURANTS));
                    let site = &sites[if has_cookies { rng.usize(..2) } else { home }];
                    let before = count(&visitor.get(site, &path).await);
                    if rng.bool() {
                        let text = format!("written by {person} in round {round}, step {step}");
                        visitor.review(site, &path, &text).await;
                        writes += 1;
                        let site = &sites[if has_cookies { rng.usize(..2) } else { home }];
                        if !has_cookies {
                            visitor.cookies.clear();
                        }
                        // The second page is without the notice.
                        for _ in 0..2 {
                            let page = visitor.get(site, &path).await;
                            assert!(
                                count(&page) > before && page.contains(&text),
                                "seed {seed}: {text} is missing"
                            );
                        }
                        let list = visitor.get(site, "/").await;
                        assert!(list.contains("5.0"));
                    }
                }
                writes
            })
        });
        for writes in join_all(people).await {
            written += writes.unwrap();
        }
        // A stale page would be cached until the next change.
        for site in &sites {
            let mut total = 0;
            for id in 1..=RESTAURANTS {
                let path = format!("/{id}/");
                let all = ReviewQuery::default();
                let counted = sites[0].app.store.details(RestaurantId(id.try_into().unwrap()), &all);
                let (restaurant, _) = counted.await.unwrap().unwrap();
                let wanted = usize::try_from(restaurant.rating.count).unwrap();
                total += wanted;
                patiently("the restaurant's page shows what the store has", async || {
                    (count(&site.page(&path).await) == wanted).then_some(())
                })
                .await;
                let shown = format!("({wanted} review");
                patiently("the list shows what the store has", async || {
                    (site.page("/").await.contains(&shown) || wanted == 0).then_some(())
                })
                .await;
            }
            assert_eq!(total, written, "nothing is lost, nothing is counted twice");
        }
    }
}

/// The server process for the connection on which a site receives notifications.
async fn listening_backend(database: &Database) -> String {
    let mut admin = database
        .cloud
        .postgres()
        .await
        .superuser(&database.config.name)
        .await
        .unwrap();
    patiently("the site listens", async || {
        let found: Option<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap();
        found.map(|pid| pid.to_string())
    })
    .await
}

fn signal(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

/// The connection is open, but nothing arrives, as when a cable is cut.
#[tokio::test]
async fn an_instance_that_receives_nothing_stops_using_its_pages() {
    let (database, sites) = instances(1).await;
    let site = &sites[0];
    let path = site.add_restaurant("Ada's").await;
    let other = Site::start_on(Box::new(store(&database.config))).await;
    caches_pages(&other).await;
    other.review(&path, review("Chidi", "5", "")).await;
    patiently("the first instance shows it", async || {
        site.page(&path).await.contains("Chidi").then_some(())
    })
    .await;
    drop(other);

    let backend = listening_backend(&database).await;
    signal("-STOP", &backend);
    site.page(&path).await;
    // A visitor who writes on another instance does not get the old page that this instance still keeps.
    let elsewhere = Site::start_on(Box::new(store(&database.config))).await;
    let mut visitor = Visitor::new();
    visitor.review(&elsewhere, &path, "Written elsewhere").await;
    for _ in 0..2 {
        assert!(visitor.get(site, &path).await.contains("Written elsewhere"));
    }
    // Soon, no other visitor gets it either.
    patiently("pages are no longer used", async || {
        (!site.app.page_cache.is_on()).then_some(())
    })
    .await;
    assert!(site.page(&path).await.contains("Written elsewhere"));

    signal("-CONT", &backend);
    caches_pages(site).await;
    assert!(site.page(&path).await.contains("Written elsewhere"));
}

#[tokio::test]
async fn a_lost_connection_turns_the_cache_off_until_it_is_back() {
    let (database, sites) = instances(1).await;
    let site = &sites[0];
    let path = site.add_restaurant("Ada's").await;
    let mut sql = database.plain_sql().await;
    for round in 0..5 {
        site.page(&path).await;
        let backend = listening_backend(&database).await;
        database.admin(&format!("select pg_terminate_backend({backend})")).await;
        // The site may have missed this change.
        let change = format!("update restaurants set description = 'Round {round}' where id = 1");
        sql.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
        let shown = format!("Round {round}");
        patiently("the change is shown", async || {
            site.page(&path).await.contains(&shown).then_some(())
        })
        .await;
        caches_pages(site).await;
        assert!(site.page(&path).await.contains(&shown));
    }
}
