//! PostgreSQL answers a search by one of two indexes, depending on how common the words are. Both find the same
//! restaurants.

use restaurant_review::model::{Direction, Sort};
use restaurant_review::store::Store as _;
use sqlx::Executor as _;

use crate::azure::postgres::{on_postgres, store};
use crate::pages::assert_search_finds;
use crate::rig::{Database, shared};
use crate::store::walk;

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
