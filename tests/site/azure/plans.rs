//! How PostgreSQL answers the site with a large amount of data: through its indexes, and with work that does not grow
//! with the data. The server's own module `auto_explain` logs the plan of each statement.

use std::collections::BTreeSet;

use restaurant_review::model::{
    Direction, ListQuery, NewReview, Rating, RestaurantId, ReviewCursor, ReviewQuery, ReviewSort, Search, Sort,
};
use restaurant_review::store::Store;
use sqlx::Executor as _;

use crate::azure::postgres::on_postgres;
use crate::rig::Database;

/// Pages of 8 kB that a page of the list may touch: for each of 51 restaurants its row, and the few levels of the
/// index that leads to its cover.
const LIST_BUFFERS: u64 = 400;
/// The same for a search, which reads either the index of the order until it has found 51 matches, or all matches.
const SEARCH_BUFFERS: u64 = 3000;
/// The same for a restaurant's page: its row and 21 reviews.
const DETAILS_BUFFERS: u64 = 60;
/// The same for the photos of a restaurant, at most 60.
const PHOTOS_BUFFERS: u64 = 3 * DETAILS_BUFFERS;
/// The same by rating: 21 reviews of each of five ratings.
const BY_RATING_BUFFERS: u64 = 5 * DETAILS_BUFFERS;
/// The same for a new review, and for each statement of its triggers.
const REVIEW_BUFFERS: u64 = 120;

#[tokio::test]
async fn no_page_and_no_review_costs_more_with_more_data() {
    let (database, site) = on_postgres().await;
    let store = &*site.app.store;
    fill(&database, store).await;
    explain_all(&database).await;

    for sort in Sort::ALL {
        walk(store, sort, "").await;
        // After many searches for rare words, a common one is planned as well as if it were the first.
        for _ in 0..4 {
            walk(store, sort, "rare").await;
        }
        walk(store, sort, "bakery").await;
        walk(store, sort, "rare").await;
    }
    walk_reviews(store).await;
    assert_eq!(store.fold_some().await.unwrap(), 0);

    let plans = plans(&database).await;
    let statements = |what: &str| -> BTreeSet<&str> {
        let texts = plans.iter().map(|plan| plan.statement.as_str());
        texts.filter(|text| text.contains(what)).collect()
    };
    // In 4 orders and both directions, with and without a search.
    assert_eq!(statements("limit 51").len(), 4 * 2 * 2);
    // In 3 orders and both directions; by date, all and those with a photo.
    assert_eq!(statements("limit 21").len(), 4 * 2);
    assert_eq!(statements("limit 60").len(), 1);
    assert_eq!(statements("limit 1001").len(), 2);
    assert_eq!(statements("insert into reviews").len(), 1);
    assert!(!statements("update restaurants").is_empty());
    assert_eq!(statements("where folding <").len(), 1);

    for plan in &plans {
        let text = &plan.text;
        // What reads only the first rows that it finds may read the table.
        let is_count = plan.statement.contains("limit 1001");
        for table in ["restaurants", "reviews"] {
            assert!(is_count || !text.contains(&format!("Seq Scan on {table}")), "{text}");
        }
        let bound = if plan.statement.contains("search_terms") {
            SEARCH_BUFFERS
        } else if plan.statement.contains("limit 51") || is_count {
            LIST_BUFFERS
        } else if plan.statement.contains("unnest") && plan.statement.contains("limit 21") {
            BY_RATING_BUFFERS
        } else if plan.statement.contains("limit 21") {
            DETAILS_BUFFERS
        } else if plan.statement.contains("limit 60") {
            PHOTOS_BUFFERS
        } else {
            REVIEW_BUFFERS
        };
        assert!(plan.buffers <= bound, "{} > {bound}: {text}", plan.buffers);
    }
}

/// 20,000 restaurants with 200,000 reviews, of which one has 5,000. There are 200 streets: PostgreSQL estimates how
/// common the beginning of a word is only if it knows at least 100 common words.
async fn fill(database: &Database, store: &dyn Store) {
    let mut sql = database.plain_sql().await;
    sql.execute(
        "insert into restaurants (name, street_address, description)
         select substr(md5(i::text), 1, 8) || ' ' || (array['Bakery', 'Bistro', 'Diner', 'Sushi'])[1 + i % 4],
                i || ' ' || substr(md5((i % 200)::text), 1, 6) || ' Street', case when i % 1000 = 0 then 'Rare' else 'Nice' end || ' food'
         from generate_series(1, 20000) i;

         alter table reviews disable trigger user;
         insert into reviews (restaurant_id, user_name, rating, review_text, review_date, image_name)
         select case when i <= 5000 then 1 else 1 + i * 7919 % 20000 end, 'User', 1 + i % 5, 'Review ' || i,
                timestamptz '2026-01-01 00:00Z' + i * interval '1 minute',
                case when i % 19 = 0 then gen_random_uuid() || '.jpg' end
         from generate_series(1::bigint, 200000) i;
         alter table reviews enable trigger user;

         update restaurants set rating_1 = r1, rating_2 = r2, rating_3 = r3, rating_4 = r4, rating_5 = r5
         from (
             select restaurant_id, count(*) filter (where rating = 1) as r1, count(*) filter (where rating = 2) as r2,
                    count(*) filter (where rating = 3) as r3, count(*) filter (where rating = 4) as r4,
                    count(*) filter (where rating = 5) as r5
             from reviews group by restaurant_id
         ) counted
         where id = restaurant_id;",
    )
    .await
    .unwrap();
    while store.fold_some().await.unwrap() > 0 {}
    database.admin("vacuum analyze").await;
}

/// Makes the server log the plan of every statement on new connections.
async fn explain_all(database: &Database) {
    for (name, value) in [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_nested_statements", "on"),
    ] {
        let name_of_database = &database.config.name;
        database
            .admin(&format!("alter database \"{name_of_database}\" set {name} = '{value}'"))
            .await;
    }
    database.end_connections().await;
}

/// Reads the first two pages and goes back, while reviews are added.
async fn walk(store: &dyn Store, sort: Sort, words: &str) {
    let query = |from| ListQuery {
        search: Search::parse(words),
        sort,
        from,
    };
    let first = store.list(&query(None)).await.unwrap();
    for restaurant in &first.restaurants[..2] {
        add_review(store, restaurant.id).await;
    }
    let Some(after) = first.after else {
        assert_eq!(words, "rare");
        assert_eq!(first.restaurants.len(), 20);
        let all = store.list(&query(None)).await.unwrap();
        assert_eq!(all.restaurants.len(), 20);
        return;
    };
    let second = store.list(&query(Some((Direction::After, after)))).await.unwrap();
    let before = second.before.unwrap();
    let back = store.list(&query(Some((Direction::Before, before)))).await.unwrap();
    let ids = |page: &[restaurant_review::model::RestaurantSummary]| page.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&back.restaurants), ids(&first.restaurants));
}

/// In every order and selection, reads the first page of the restaurant with most reviews, one far from it, and the one
/// before that.
async fn walk_reviews(store: &dyn Store) {
    let id = RestaurantId(1);
    store.photos(id).await.unwrap();
    let date = time::macros::datetime!(2026-01-02 00:00 UTC);
    let far = ReviewCursor {
        date_ms: date.unix_timestamp() * 1000,
        id: 1,
        rating: Rating::new(3),
    };
    for sort in ReviewSort::ALL {
        for rating in [None, Rating::new(3)] {
            for with_photo in [false, true] {
                let query = |from| ReviewQuery {
                    rating,
                    with_photo,
                    sort,
                    from,
                };
                store.details(id, &query(None)).await.unwrap().unwrap();
                let after = query(Some((Direction::After, far)));
                let (_, page) = store.details(id, &after).await.unwrap().unwrap();
                let before = query(Some((Direction::Before, page.before.unwrap())));
                store.details(id, &before).await.unwrap().unwrap();
            }
        }
    }
}

async fn add_review(store: &dyn Store, restaurant: RestaurantId) {
    let review = NewReview {
        user_name: "User".to_owned(),
        rating: Rating::new(5).unwrap(),
        review_text: String::new(),
    };
    store.add_review(restaurant, &review, None, None, None).await.unwrap();
}

struct Plan {
    statement: String,
    text: String,
    buffers: u64,
}

/// The plans that the server logged for this database's statements.
async fn plans(database: &Database) -> Vec<Plan> {
    let log = database.cloud.postgres().await.log();
    // An entry begins with its time, and continues in lines that begin with a tab.
    let log = log.replace("\n\t", "\t");
    let own = format!("@{} ", database.config.name);
    let entries = log.lines().filter(|entry| entry.contains(&own));
    let plans: Vec<_> = entries
        .filter_map(|entry| entry.split_once("Query Text: "))
        .map(|(_, text)| {
            let text = text.replace('\t', "\n");
            let statement = text.split("  (cost=").next().unwrap().to_owned();
            // The first count is that of the whole statement.
            let counts = text.split_once("Buffers: shared ").map_or("", |(_, rest)| rest);
            let counts = counts.lines().next().unwrap_or_default();
            let number = |kind| {
                let count = counts.split(' ').find_map(|part| part.strip_prefix(kind));
                count.map_or(0, |count| count.parse::<u64>().unwrap())
            };
            Plan {
                statement,
                buffers: number("hit=") + number("read="),
                text,
            }
        })
        .collect();
    // PostgreSQL omits the counts only if they are 0.
    assert!(
        plans.iter().any(|plan| plan.buffers > 0),
        "the plans have no counts of buffers"
    );
    plans
}
