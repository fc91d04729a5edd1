//! PostgreSQL in unusual states: changed by plain SQL, not migrated, without a privilege, unavailable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use entra_postgres::{EntraPassword, SCOPE};
use local_azure::certificates::Authority;
use local_azure::testing::patiently;
use reqwest::StatusCode;
use restaurant_review::config::{DatabaseConfig, Secret};
use restaurant_review::error_chain::chain;
use restaurant_review::model::{ListQuery, NewRestaurant};
use restaurant_review::photos::PhotoName;
use restaurant_review::store::{PostgresStore, SignIn, Store, StoreError};
use sqlx::postgres::PgSslMode;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use crate::every_store::had_no_connection;
use crate::harness::{Site, links};
use crate::plain_sql::{all_is_shown_once, numbers_after};
use crate::rig::{Database, shared, with_passwords};

pub fn store(config: &DatabaseConfig) -> PostgresStore {
    PostgresStore::open(config, SignIn::Password).unwrap()
}

/// The same, with its tables.
pub async fn prepared(config: &DatabaseConfig) -> PostgresStore {
    let store = store(config);
    while let Err(error) = store.prepare().await {
        assert!(had_no_connection(&error), "{error}");
    }
    store
}

/// A site on a new database.
pub async fn on_postgres() -> (Database, Site) {
    let database = Database::with_password(&shared().await).await;
    let store = prepared(&database.config).await;
    let site = Site::start_on(Box::new(store)).await;
    (database, site)
}

fn restaurant(name: &str) -> NewRestaurant {
    NewRestaurant {
        name: name.into(),
        street_address: String::new(),
        description: "Nice food".into(),
    }
}

// --- Plain SQL -----------------------------------------------------------------------------------

#[tokio::test]
async fn a_thousand_restaurants_and_a_hundred_thousand_reviews() {
    let (database, site) = on_postgres().await;
    let mut sql = database.plain_sql().await;
    sql.execute(
        "insert into restaurants (name, street_address, description)
         select 'Restaurant ' || (i % 700), i || ' Main Street', 'About number ' || i
         from generate_series(1, 1000) i",
    )
    .await
    .unwrap();
    sql.execute(
        "insert into reviews (restaurant_id, user_name, rating, review_text, review_date)
         select 1 + (i * i) % 997, 'User ' || (i % 50), 1 + (i * 7 + i / 13) % 5, 'Review ' || i,
                timestamptz '2026-01-01 00:00Z' + (i % 5000) * interval '1 minute'
         from generate_series(1::bigint, 100000) i",
    )
    .await
    .unwrap();
    assert_recounted(&mut sql).await;
    let (id, count, sum): (i64, i64, i64) = sqlx::query_as(
        "select restaurant_id, count(*), sum(rating) from reviews group by 1 order by 2 desc, 1 limit 1",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    all_is_shown_once(&site, id, count, sum).await;
}

/// Asserts that the stored aggregates equal a recount of the reviews.
pub async fn assert_recounted(sql: &mut PgConnection) {
    let wrong: Vec<(i64,)> = sqlx::query_as(
        "select r.id from restaurants r left join (
             select restaurant_id, count(*) as n, sum(rating) as s,
                    count(*) filter (where rating = 1) as r1, count(*) filter (where rating = 2) as r2,
                    count(*) filter (where rating = 3) as r3, count(*) filter (where rating = 4) as r4,
                    count(*) filter (where rating = 5) as r5
             from reviews where not hidden group by restaurant_id
         ) v on v.restaurant_id = r.id
         where (r.review_count, r.rating_sum, r.rating_1, r.rating_2, r.rating_3, r.rating_4, r.rating_5)
            is distinct from (coalesce(n, 0), coalesce(s, 0), coalesce(r1, 0), coalesce(r2, 0), coalesce(r3, 0),
                              coalesce(r4, 0), coalesce(r5, 0))",
    )
    .fetch_all(sql)
    .await
    .unwrap();
    assert!(wrong.is_empty(), "aggregates differ from a recount at {wrong:?}");
}

#[tokio::test]
async fn aggregates_follow_every_kind_of_change() {
    let (database, site) = on_postgres().await;
    for name in ["A", "B", "C"] {
        site.add_restaurant(name).await;
    }
    let mut sql = database.plain_sql().await;
    for change in [
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5), (1, 'b', 3), (2, 'c', 1), (2, 'd', 2)",
        "update reviews set rating = 4 where user_name = 'b'",
        "update reviews set rating = 6 - rating",
        "update reviews set restaurant_id = 3 where restaurant_id = 1",
        "update reviews set restaurant_id = 1, rating = 5 where user_name in ('a', 'c')",
        "update reviews set hidden = true where user_name = 'a'",
        "insert into reviews (restaurant_id, user_name, rating, hidden) values (2, 'h', 5, true), (2, 'v', 5, false)",
        "insert into reviews (restaurant_id, user_name, rating, hidden) values (2, 'h', 4, true)",
        "update reviews set rating = 6 - rating, hidden = not hidden",
        "update reviews set restaurant_id = 3, hidden = true where user_name = 'b'",
        "update reviews set hidden = false where user_name = 'b'",
        "delete from reviews where hidden",
        "update reviews set hidden = true where user_name = 'v'",
        "delete from reviews where user_name = 'd'",
        "insert into reviews (restaurant_id, user_name, rating) select restaurant_id, user_name, rating from reviews",
        "insert into reviews (id, restaurant_id, user_name, rating) select id, 1, 'same', 1 from reviews
         on conflict (id) do update set restaurant_id = 2, rating = 2",
        "insert into reviews (id, restaurant_id, user_name, rating)
         select id, 1, 'same', 1 from reviews union all select 1000, 1, 'new', 5
         on conflict do nothing",
        "insert into reviews (restaurant_id, user_name, rating) select 3, 'none', 5 where false",
        "with gone as (delete from reviews where id = 1000 returning *)
         insert into reviews (restaurant_id, user_name, rating) select 3, user_name, 1 from gone",
        "delete from restaurants where id = 3",
        "insert into restaurants (name, rating_5) values ('Boast', 100)",
        "truncate reviews",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5)",
        "delete from reviews",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5), (2, 'a', 4)",
        "truncate restaurants cascade",
    ] {
        sql.execute(change).await.unwrap();
        assert_recounted(&mut sql).await;
    }
}

#[tokio::test]
async fn the_tables_refuse_rows_that_break_the_rules() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    sql.execute("insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5)")
        .await
        .unwrap();
    for wrong in [
        "insert into restaurants (name) values ('')",
        "insert into restaurants (name) values (repeat('é', 51))",
        "insert into restaurants (name, street_address) values ('a', repeat('é', 51))",
        "insert into restaurants (name, description) values ('a', repeat('é', 251))",
        "insert into restaurants (name, rating_sum) values ('a', 500)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 6)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 0)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, '', 5)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, repeat('é', 21), 5)",
        "insert into reviews (restaurant_id, user_name, rating, review_text) values (1, 'a', 5, repeat('é', 501))",
        "insert into reviews (restaurant_id, user_name, rating) values (99, 'a', 5)",
        "insert into reviews (restaurant_id, user_name, rating, review_date) values (1, 'a', 5, 'infinity')",
        "insert into reviews (restaurant_id, user_name, rating, review_date) values (1, 'a', 5, '20000-01-01')",
    ] {
        sql.execute(wrong).await.expect_err(wrong);
    }
    sql.execute("insert into restaurants (name, street_address, description) values (repeat('é', 50), repeat('é', 50), repeat('é', 250))")
        .await
        .unwrap();
    assert_recounted(&mut sql).await;
}

#[tokio::test]
async fn dates_have_milliseconds_even_from_plain_sql() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    sql.execute(
        "insert into reviews (restaurant_id, user_name, rating, review_date)
         select 1, 'User ' || i, 5, timestamptz '2026-03-01 10:00Z' + i * interval '1 microsecond'
         from generate_series(1, 50) i",
    )
    .await
    .unwrap();
    let mut shown = Vec::new();
    let mut path = "/1/".to_owned();
    loop {
        let page = site.page(&path).await;
        shown.extend(numbers_after(&page, "User "));
        let Some(next) = links(&page, "?after=").next() else {
            break;
        };
        path = next;
    }
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown, (1..=50).collect::<Vec<_>>());
    sql.execute("update reviews set review_date = '2026-03-01 10:00:00.123456Z'")
        .await
        .unwrap();
    let (dates,): (i64,) =
        sqlx::query_as("select count(*) from reviews where review_date <> date_trunc('milliseconds', review_date)")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(dates, 0);
}

#[tokio::test]
async fn renamed_and_deleted_restaurants_are_searched_as_they_are() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("Oldname").await;
    let mut sql = database.plain_sql().await;
    sql.execute("update restaurants set name = 'Newname' where id = 1")
        .await
        .unwrap();
    assert!(site.page("/?q=newname").await.contains("href=\"/1/\""));
    assert!(!site.page("/?q=oldname").await.contains("href=\"/1/\""));
    sql.execute("delete from restaurants").await.unwrap();
    assert!(!site.page("/?q=newname").await.contains("href=\"/1/\""));
    assert_eq!(site.get("/1/").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn photos_that_lose_their_review_are_unclaimed() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    let names: Vec<_> = (0..5).map(|_| PhotoName::random()).collect();
    for name in &names {
        sqlx::query("insert into reviews (restaurant_id, user_name, rating, image_name) values (1, 'a', 5, $1)")
            .bind(name.as_str())
            .execute(&mut sql)
            .await
            .unwrap();
    }
    let with = |command: &str, name: &PhotoName| AssertSqlSafe(command.replace('?', &format!("'{name}'")));
    sql.execute(with("delete from reviews where image_name = ?", &names[0]))
        .await
        .unwrap();
    sql.execute(with(
        "update reviews set image_name = null where image_name = ?",
        &names[1],
    ))
    .await
    .unwrap();
    sql.execute(with(
        "insert into reviews (restaurant_id, user_name, rating, image_name) values (1, 'b', 5, ?)",
        &names[1],
    ))
    .await
    .unwrap();
    sql.execute(with(
        "insert into reviews (restaurant_id, user_name, rating, image_name) values (1, 'b', 5, ?)",
        &names[2],
    ))
    .await
    .unwrap();
    sql.execute(with(
        "delete from reviews where user_name = 'b' and image_name = ?",
        &names[2],
    ))
    .await
    .unwrap();
    let store = &site.app.store;
    let mut unclaimed = Vec::new();
    for name in &names {
        unclaimed.push(store.is_unclaimed(name).await.unwrap());
    }
    assert_eq!(unclaimed, [true, false, false, false, false]);
    sql.execute("truncate reviews").await.unwrap();
    assert_eq!(
        store.unclaimed_photos(std::time::Duration::ZERO).await.unwrap().len(),
        5
    );
}

#[tokio::test]
async fn a_photo_name_that_is_not_ours_shows_no_photo() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    sql.execute("insert into reviews (restaurant_id, user_name, rating, image_name) values (1, 'a', 5, '../../x.png')")
        .await
        .unwrap();
    assert!(!site.page("/1/").await.contains("x.png"));
    assert!(!site.page("/").await.contains("x.png"));
}

#[tokio::test]
async fn names_are_sorted_without_case_and_accents() {
    let (_database, site) = on_postgres().await;
    for name in ["Zebra", "élan", "Eland", "apple", "Äpfel", "Fig"] {
        site.add_restaurant(name).await;
    }
    let page = site.app.store.list(&ListQuery::default()).await.unwrap();
    let names: Vec<_> = page.restaurants.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["Äpfel", "apple", "élan", "Eland", "Fig", "Zebra"]);
}

#[tokio::test]
async fn another_search_path_is_harmless() {
    let (database, site) = on_postgres().await;
    site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    sql.execute("set search_path to ''").await.unwrap();
    sql.execute("insert into public.reviews (restaurant_id, user_name, rating, image_name) values (1, 'a', 5, 'x')")
        .await
        .unwrap();
    sql.execute("update public.restaurants set name = 'Café'")
        .await
        .unwrap();
    sql.execute("delete from public.reviews").await.unwrap();
    assert!(site.page("/?q=cafe").await.contains("href=\"/1/\""));
}

// --- Concurrent changes --------------------------------------------------------------------------

/// Statements that change reviews of the same restaurants in different orders do not deadlock.
#[tokio::test]
async fn changes_of_many_restaurants_do_not_deadlock() {
    let (database, site) = on_postgres().await;
    let database = Arc::new(database);
    for name in ["A", "B", "C", "D"] {
        site.add_restaurant(name).await;
    }
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let order = ["asc", "desc"][index % 2];
            let database = database.clone();
            tokio::spawn(async move {
                let mut sql = database.plain_sql().await;
                for _ in 0..25 {
                    let command = format!(
                        "insert into reviews (restaurant_id, user_name, rating)
                         select id, 'a', 1 + id % 5 from restaurants order by id {order}"
                    );
                    sql.execute(AssertSqlSafe(command)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut sql = database.plain_sql().await;
    assert_recounted(&mut sql).await;
    let (count,): (i64,) = sqlx::query_as("select sum(review_count)::bigint from restaurants")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(count, 400);
}

#[tokio::test]
async fn many_stores_prepare_at_once() {
    let database = Database::with_password(&shared().await).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store(&database.config);
            tokio::spawn(async move {
                // Once more when it is prepared already.
                for _ in 0..2 {
                    while let Err(error) = store.prepare().await {
                        assert!(had_no_connection(&error), "{error}");
                    }
                    while let Err(error) = store.ready().await {
                        assert!(had_no_connection(&error), "{error}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

// --- Unusual states ------------------------------------------------------------------------------

#[tokio::test]
async fn before_it_is_migrated_the_site_answers_503() {
    let database = Database::with_password(&shared().await).await;
    let user = &database.config.user;
    database
        .admin(&format!("revoke create on schema public from \"{user}\""))
        .await;
    let site = Site::start_on(Box::new(store(&database.config))).await;
    for path in ["/", "/?q=x", "/1/", "/readyz"] {
        let response = site.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    let form = [("restaurant_name", "A"), ("description", "B")];
    let response = site.post("/add").form(&form).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    database
        .admin(&format!("grant create on schema public to \"{user}\""))
        .await;
    site.app.store.prepare().await.unwrap();
    patiently("the site is ready", async || {
        let ready = site.get("/readyz").send().await.unwrap();
        (ready.status() == StatusCode::OK).then_some(())
    })
    .await;
    site.add_restaurant("A").await;
}

#[tokio::test]
async fn a_missing_privilege_names_its_grant() {
    let database = Database::with_password(&shared().await).await;
    let store = store(&database.config);
    let (name, user) = (&database.config.name, &database.config.user);
    let on_schema = format!("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"{user}\"");
    let on_database = format!("GRANT CONNECT ON DATABASE \"{name}\" TO \"{user}\"");
    let refused = async |grant: &str| {
        let error = store.prepare().await.unwrap_err();
        assert!(matches!(error, StoreError::MissingGrant { .. }), "{error:?}");
        let text = chain(&error);
        assert!(text.contains(grant), "{text}");
    };
    database
        .admin(&format!("revoke create on schema public from \"{user}\""))
        .await;
    refused(&on_schema).await;
    database
        .admin(&format!("revoke usage on schema public from \"{user}\""))
        .await;
    refused(&on_schema).await;
    database
        .admin(&format!("revoke connect on database \"{name}\" from \"{user}\""))
        .await;
    refused(&on_database).await;

    // The grants in the messages are sufficient, word for word.
    database.admin(&on_database).await;
    database.admin(&on_schema).await;
    store.prepare().await.unwrap();

    // Once the tables exist, the role needs no privilege to create any.
    database
        .admin(&format!("revoke create on schema public from \"{user}\""))
        .await;
    self::store(&database.config).prepare().await.unwrap();
    store.add_restaurant(&restaurant("A"), None).await.unwrap();
}

#[tokio::test]
async fn an_error_does_not_contain_the_wrong_password() {
    let mut database = Database::with_password(&shared().await).await;
    database.config.password = Some(Secret::new("wrong but secret".into()));
    let store = store(&database.config);
    for error in [
        store.prepare().await.unwrap_err(),
        store.ready().await.unwrap_err(),
        store.list(&ListQuery::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let text = format!("{error:?} {}", chain(&error));
        assert!(text.contains("authentication failed"), "{text}");
        assert!(!text.contains("wrong but secret"), "{text}");
    }
}

#[tokio::test]
async fn a_read_only_database_is_unavailable_only_for_changes() {
    let (database, site) = on_postgres().await;
    let path = site.add_restaurant("A").await;
    let name = &database.config.name;
    database
        .admin(&format!(
            "alter database \"{name}\" set default_transaction_read_only = on"
        ))
        .await;
    let read_only = store(&database.config);
    read_only.ready().await.unwrap();
    read_only.list(&ListQuery::default()).await.unwrap();
    let error = read_only.add_restaurant(&restaurant("B"), None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    site.page(&path).await;
}

#[tokio::test]
async fn the_server_goes_away_and_comes_back() {
    let cloud = Arc::new(with_passwords());
    let server = cloud.postgres().await;
    let database = Database::with_password(&cloud).await;
    let store = store(&database.config);
    store.prepare().await.unwrap();
    let site = Site::start_on(Box::new(store)).await;
    let path = site.add_restaurant("A").await;

    server.stop();
    let (list, details) = tokio::join!(site.get("/").send(), site.get(&path).send());
    for response in [list.unwrap(), details.unwrap()] {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
    }
    let error = site.app.store.prepare().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(site.get("/healthz").send().await.unwrap().status(), StatusCode::OK);

    server.start_again().await.unwrap();
    site.app.store.ready().await.unwrap();
    assert!(site.page("/").await.contains("href=\"/1/\""));
    site.page(&path).await;
    site.add_restaurant("B").await;
}

// --- Which server to trust -------------------------------------------------------------------------------

/// Another name for the same server, which its certificate does not contain.
const OTHER_NAME: &str = "0.0.0.0";

#[tokio::test]
async fn a_server_that_cannot_be_verified_is_refused() {
    let database = Database::with_password(&shared().await).await;
    let prepared = async |change: &dyn Fn(&mut DatabaseConfig)| {
        let mut config = database.config.clone();
        change(&mut config);
        store(&config).prepare().await
    };
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::open(folder.path()).unwrap();
    for (what, error) in [
        (
            "another authority",
            prepared(&|config| config.root_certificates = Some(other.file())).await,
        ),
        (
            "the platform's authorities",
            prepared(&|config| config.root_certificates = None).await,
        ),
        (
            "another name",
            prepared(&|config| config.host = OTHER_NAME.into()).await,
        ),
        (
            "another authority, by verify-ca",
            prepared(&|config| {
                config.ssl_mode = PgSslMode::VerifyCa;
                config.root_certificates = Some(other.file());
            })
            .await,
        ),
        ("no TLS", prepared(&|config| config.ssl_mode = PgSslMode::Disable).await),
    ] {
        let error = error.expect_err(what);
        assert!(matches!(error, StoreError::Unavailable(_)), "{what}: {error:?}");
    }
    prepared(&|config| {
        config.ssl_mode = PgSslMode::VerifyCa;
        config.host = OTHER_NAME.into();
    })
    .await
    .unwrap();
    prepared(&|_| {}).await.unwrap();
}

/// Returns these tokens one after the other. After that, it always returns the last one.
#[derive(Debug)]
struct Tokens(Vec<String>, AtomicUsize);

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, [SCOPE]);
        let index = self.1.fetch_add(1, Ordering::SeqCst).min(self.0.len() - 1);
        Ok(AccessToken::new(
            self.0[index].clone(),
            OffsetDateTime::now_utc() + Duration::hours(1),
        ))
    }
}

fn token(tokens: &[&str]) -> SignIn {
    let tokens: Arc<dyn TokenCredential> = Arc::new(Tokens(
        tokens.iter().map(|token| (*token).to_owned()).collect(),
        AtomicUsize::new(0),
    ));
    SignIn::Token(EntraPassword::start(move || Ok(Arc::clone(&tokens)), SCOPE))
}

/// The server accepts the role's password as a token, and treats any other as expired.
#[tokio::test]
async fn a_refused_token_is_replaced_at_once() {
    let mut database = Database::with_password(&shared().await).await;
    let valid = database.config.password.take().unwrap();
    let store = PostgresStore::open(&database.config, token(&["expired", valid.expose()])).unwrap();
    store.prepare().await.unwrap();
    let store = PostgresStore::open(&database.config, token(&["expired", valid.expose()])).unwrap();
    let all = tokio::join!(store.ready(), store.ready(), store.ready());
    for result in [all.0, all.1, all.2] {
        result.unwrap();
    }
    assert!(!store.describe().contains(valid.expose()));

    let store = PostgresStore::open(&database.config, token(&["expired"])).unwrap();
    let error = store.ready().await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unavailable(_) | StoreError::NoToken(_)),
        "{error:?}"
    );
    assert!(!format!("{error:?}").contains("expired\""));
}

#[tokio::test]
async fn a_token_is_sent_only_to_a_verified_server() {
    let mut config = Database::with_password(&shared().await).await.config.clone();
    for mode in [PgSslMode::Disable, PgSslMode::Prefer, PgSslMode::Require] {
        config.ssl_mode = mode;
        assert!(PostgresStore::open(&config, token(&["a"])).is_err(), "{mode:?}");
    }
}
