//! PostgreSQL answers a search by one of two indexes, depending on how common the words are. Both find the same
//! restaurants, and so does SQLite.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use restaurant_review::model::{Direction, Sort};
use restaurant_review::store::Store as _;
use sqlx::Executor as _;

use crate::azure::postgres::{on_postgres, store};
use crate::every_store::{Kind, fresh};
use crate::pages::assert_search_finds;
use crate::rig::{Database, shared};
use crate::store::walk;
use crate::store_search::import;

#[tokio::test]
async fn a_search_finds_beginnings_of_words_in_all_three_texts() {
    let (_database, site) = on_postgres().await;
    assert_search_finds(site).await;
}

#[tokio::test]
async fn common_and_rare_words_are_found_in_every_order() {
    let database = Database::with_password(&shared().await).await;
    let store = store(&database.config);
    store.prepare().await.unwrap();
    let mut sql = database.plain_sql().await;
    // Those with the word "far" are the last in every order.
    sql.execute(
        "insert into restaurants (name, description)
         select case when i <= 500 then 'Zoo' else 'Bar' end || ' ' || i % 700,
                case when i <= 500 then 'far' when i % 3 = 0 then 'common' when i % 50 = 1 then 'rare' else '' end
         from generate_series(1, 5000) i;
         analyze restaurants",
    )
    .await
    .unwrap();

    for word in ["rare", "common", "far", "bar"] {
        for sort in Sort::ALL {
            // No restaurant has a review, so by reviews and by rating the newest are first, too.
            let order = if sort == Sort::Name {
                "name_folded, id"
            } else {
                "id desc"
            };
            let query = "select id from restaurants where search_words @@ search_terms($1) order by ";
            let query = sqlx::AssertSqlSafe(format!("{query}{order}"));
            let mut expected: Vec<i64> = sqlx::query_scalar(query)
                .bind(format!("{word}:*"))
                .fetch_all(&mut sql)
                .await
                .unwrap();
            assert!(expected.len() > 50, "{word}: more than a page");
            let forwards = walk(&store, sort, word, Direction::After, async |_| {}).await;
            assert_eq!(forwards, expected, "{word} by {sort:?}");
            let backwards = walk(&store, sort, word, Direction::Before, async |_| {}).await;
            expected.reverse();
            assert_eq!(backwards, expected, "{word} by {sort:?}, from the end");
        }
    }
}

/// Both stores find the same restaurants, whatever is searched for.
#[test]
fn both_stores_find_the_same() {
    // Letters that differ in case or accent, or that stand alone, between some separators.
    let name = "[a-cA-CéßøİıæΣσςёЁй東京駅ラーメンがか서울ไทย0-2 '’&・,-]{1,12}";
    let strategy = (vec(name, 1..30), vec(name, 1..20));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 8,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |(names, searches)| {
            runtime.block_on(async {
                let (_folder, sqlite) = fresh(Kind::Sqlite).await;
                let (_database, postgres) = fresh(Kind::Postgres).await;
                import(&*sqlite, &names).await;
                import(&*postgres, &names).await;
                // Parts of the names are searched for too, which find more.
                let parts = names.iter().map(|name| name.chars().skip(1).take(3).collect());
                for search in searches.into_iter().chain(parts) {
                    for sort in Sort::ALL {
                        let in_sqlite = walk(&*sqlite, sort, &search, Direction::After, async |_| {}).await;
                        let in_postgres = walk(&*postgres, sort, &search, Direction::After, async |_| {}).await;
                        prop_assert_eq!(in_sqlite, in_postgres, "{} by {:?} in {:?}", search, sort, names);
                    }
                }
                Ok(())
            })
        })
        .unwrap();
}
