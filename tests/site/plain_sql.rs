//! Rows that plain SQL adds, changes and deletes: lists, details and paging stay correct.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use restaurant_review::model::{FOLDING, sort_key};
use restaurant_review::store::{SqliteStore, Store as _};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::harness::{Site, links};
use crate::store_search::{first_migration, found};

#[tokio::test]
async fn a_thousand_restaurants_and_a_hundred_thousand_reviews() {
    let site = Site::start().await;
    let sql = site.plain_sql().await;
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
         insert into restaurants (name, street_address, description)
         select 'Restaurant ' || (i % 700), i || ' Main Street', 'About number ' || i from n",
    )
    .execute(&sql)
    .await
    .unwrap();
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
         insert into reviews (restaurant_id, user_name, rating, review_text, review_date)
         select 1 + (i * i) % 997, 'User ' || (i % 50), 1 + (i * 7 + i / 13) % 5, 'Review ' || i,
                datetime('2026-01-01', '+' || (i % 5000) || ' minutes') from n",
    )
    .execute(&sql)
    .await
    .unwrap();
    assert_recounted(&sql).await;

    let (id, count, sum): (i64, i64, i64) = sqlx::query_as(
        "select restaurant_id, count(*), sum(rating) from reviews group by 1 order by 2 desc, 1 limit 1",
    )
    .fetch_one(&sql)
    .await
    .unwrap();
    all_is_shown_once(&site, id, count, sum).await;
}

/// Asserts that every order of the list shows a thousand restaurants once each, and that the pages of one of them show
/// `count` reviews whose ratings have that sum.
pub async fn all_is_shown_once(site: &Site, id: i64, count: i64, sum: i64) {
    for sort in ["name", "rating", "reviews", "newest"] {
        let mut ids = Vec::new();
        let mut path = format!("/?sort={sort}");
        loop {
            let page = site.page(&path).await;
            ids.extend(links(&page, "/").filter_map(|link| link.trim_matches('/').parse::<i64>().ok()));
            let Some(next) = links(&page, "after=").next() else {
                break;
            };
            path = next;
        }
        assert_eq!(ids.len(), 1000, "{sort}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1000, "{sort}");
    }

    let mut path = format!("/{id}/");
    let mut reviews = Vec::new();
    let tenths = (sum * 10 + count / 2) / count;
    let rating = format!("{}.{} ({count} reviews)", tenths / 10, tenths % 10);
    assert!(site.page(&path).await.contains(&rating), "{rating}");
    loop {
        let page = site.page(&path).await;
        reviews.extend(numbers_after(&page, "Review "));
        let Some(next) = links(&page, "?after=").next() else {
            break;
        };
        path = next;
    }
    assert_eq!(reviews.len(), usize::try_from(count).unwrap());
    assert_eq!(reviews.iter().collect::<BTreeSet<_>>().len(), reviews.len());
}

/// The numbers that follow that word and end an element.
pub fn numbers_after<'a>(page: &'a str, word: &'a str) -> impl Iterator<Item = i64> + 'a {
    let texts = page.split(word).skip(1);
    texts.filter_map(|text| text.split('<').next()?.parse().ok())
}

/// Asserts that the stored aggregates equal a recount of the reviews.
pub async fn assert_recounted(sql: &sqlx::SqlitePool) {
    let wrong: Vec<(i64,)> = sqlx::query_as(
        "select r.id from restaurants r left join (
             select restaurant_id, count(*) as n, sum(rating) as s,
                    sum(rating = 1) as r1, sum(rating = 2) as r2, sum(rating = 3) as r3,
                    sum(rating = 4) as r4, sum(rating = 5) as r5
             from reviews where hidden = 0 group by restaurant_id
         ) v on v.restaurant_id = r.id
         where (r.review_count, r.rating_sum, r.rating_1, r.rating_2, r.rating_3, r.rating_4, r.rating_5)
            is not (coalesce(n, 0), coalesce(s, 0), coalesce(r1, 0), coalesce(r2, 0), coalesce(r3, 0),
                    coalesce(r4, 0), coalesce(r5, 0))",
    )
    .fetch_all(sql)
    .await
    .unwrap();
    assert!(wrong.is_empty(), "aggregates differ from a recount at {wrong:?}");
}

#[tokio::test]
async fn aggregates_follow_every_kind_of_change() {
    let site = Site::start().await;
    for name in ["A", "B", "C"] {
        site.add_restaurant(name).await;
    }
    let sql = site.plain_sql().await;
    for change in [
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5), (1, 'b', 3), (2, 'c', 1), (2, 'd', 2)",
        "update reviews set rating = 4 where user_name = 'b'",
        "update reviews set rating = 6 - rating",
        "update reviews set restaurant_id = 3 where restaurant_id = 1",
        "update reviews set restaurant_id = 1, rating = 5 where user_name in ('a', 'c')",
        "update reviews set hidden = 1 where user_name = 'a'",
        "insert into reviews (restaurant_id, user_name, rating, hidden) values (2, 'h', 5, 1), (2, 'v', 5, 0)",
        "update reviews set rating = 6 - rating, hidden = 1 - hidden",
        "update reviews set restaurant_id = 3, hidden = 1 where user_name = 'b'",
        "update reviews set hidden = 0 where user_name = 'b'",
        "delete from reviews where hidden = 1",
        "update reviews set hidden = 1 where user_name = 'v'",
        "delete from reviews where user_name = 'd'",
        "insert into reviews (restaurant_id, user_name, rating) select restaurant_id, user_name, rating from reviews",
        "delete from restaurants where id = 3",
        "insert into restaurants (name, rating_sum, review_count, rating_5) values ('Boast', 500, 100, 100)",
        "update reviews set hidden = 1 where id % 2 = 0",
        "insert or replace into restaurants (id, name) values (2, 'Replaced')",
        "delete from reviews",
    ] {
        sqlx::query(change).execute(&sql).await.unwrap();
        assert_recounted(&sql).await;
    }
}

#[tokio::test]
async fn the_tables_refuse_rows_that_break_the_rules() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    sqlx::query("insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 5)")
        .execute(&sql)
        .await
        .unwrap();
    for wrong in [
        "insert into restaurants (name) values ('')",
        "insert into restaurants (name) values ('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 6)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, 'a', 4.5)",
        "insert into reviews (restaurant_id, user_name, rating) values (1, '', 5)",
        "insert into reviews (restaurant_id, user_name, rating) values (99, 'a', 5)",
        "insert into reviews (restaurant_id, user_name, rating, review_date) values (1, 'a', 5, 'yesterday')",
        "insert or replace into reviews (id, restaurant_id, user_name, rating) select id, 1, 'b', 1 from reviews",
    ] {
        sqlx::query(wrong).execute(&sql).await.expect_err(wrong);
    }
    assert_recounted(&sql).await;
}

#[tokio::test]
async fn dates_in_other_formats_are_sorted() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    for (user, date) in [
        ("third", "2026-03-01"),
        ("first", "2026-03-03T10:00:00Z"),
        ("second", "2026-03-02 23:59:59.5"),
        ("fourth", "2020-01-01 00:00"),
    ] {
        sqlx::query("insert into reviews (restaurant_id, user_name, rating, review_date) values (1, ?1, 5, ?2)")
            .bind(user)
            .bind(date)
            .execute(&sql)
            .await
            .unwrap();
    }
    let page = site.page("/1/").await;
    let places: Vec<_> = ["first", "second", "third", "fourth"]
        .iter()
        .map(|user| page.find(user).unwrap())
        .collect();
    assert!(places.is_sorted(), "newest first");
    assert!(page.contains("3 Mar 2026") && page.contains("2026-03-02T23:59:59.5Z"));
}

#[tokio::test]
async fn renamed_and_deleted_restaurants_are_searched_as_they_are() {
    let site = Site::start().await;
    site.add_restaurant("Oldname").await;
    let sql = site.plain_sql().await;
    sqlx::query("update restaurants set name = 'Newname' where id = 1")
        .execute(&sql)
        .await
        .unwrap();
    assert!(site.page("/?q=newname").await.contains("href=\"/1/\""));
    assert!(!site.page("/?q=oldname").await.contains("href=\"/1/\""));
    sqlx::query("delete from restaurants").execute(&sql).await.unwrap();
    assert!(!site.page("/?q=newname").await.contains("href=\"/1/\""));
    assert_eq!(site.get("/1/").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_photo_name_that_is_not_ours_shows_no_photo() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    sqlx::query("insert into reviews (restaurant_id, user_name, rating, image_name) values (1, 'a', 5, '../../x.png')")
        .execute(&sql)
        .await
        .unwrap();
    assert!(!site.page("/1/").await.contains("x.png"));
    assert!(!site.page("/").await.contains("x.png"));
}

#[tokio::test]
async fn restaurants_of_the_first_version_and_of_plain_sql_are_folded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("restaurants.sqlite3");
    let sql = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&file).create_if_missing(true))
        .await
        .unwrap();
    let (_folder, migrator) = first_migration("sqlite").await;
    migrator.run(&sql).await.unwrap();
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 450)
         insert into restaurants (name) select 'Smørrebrød ' || i from n",
    )
    .execute(&sql)
    .await
    .unwrap();
    let store = SqliteStore::open(&file).await.unwrap();
    assert!(found(&store, "smorrebrod 7").await.contains("Smørrebrød 7"));

    for change in [
        "insert into restaurants (id, name) values (1000, 'Old Ærø')",
        "update restaurants set name = 'New Ørsted' where id = 1000",
        "delete from restaurants where id between 100 and 200",
    ] {
        sqlx::query(change).execute(&sql).await.unwrap();
    }
    assert!(found(&store, "NEW").await.contains("New Ørsted"), "roughly, at once");
    while store.fold_some().await.unwrap() > 0 {}
    assert!(found(&store, "orsted").await.contains("New Ørsted"));
    assert!(found(&store, "aero").await.is_empty());
    assert!(found(&store, "smorrebrod 150").await.is_empty());
    let rows: Vec<(String, String, i16)> = sqlx::query_as("select name, name_folded, folding from restaurants")
        .fetch_all(&sql)
        .await
        .unwrap();
    assert_eq!(rows.len(), 350);
    for (name, folded, folding) in rows {
        assert_eq!((folded, folding), (sort_key(&name), FOLDING), "{name}");
    }
    // FTS5 compares its index with the texts.
    sqlx::query("insert into restaurants_search (restaurants_search, rank) values ('integrity-check', 1)")
        .execute(&sql)
        .await
        .unwrap();
}
