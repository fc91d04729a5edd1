//! A search in PostgreSQL goes one of three ways, by how common its words are and where they lie in the order. All of
//! them find the same.

use restaurant_review::model::{Direction, NewReview, Rating, RestaurantId, Sort};
use restaurant_review::store::Store as _;
use sqlx::Executor as _;

use crate::postgres::store;
use crate::rig::{Database, shared};
use crate::store::walk;

#[tokio::test]
async fn whatever_way_a_search_goes_it_finds_the_same() {
    let database = Database::with_password(&shared().await).await;
    let store = store(&database.config);
    store.prepare().await.unwrap();
    let mut sql = database.plain_sql().await;
    // The far ones are the last in every order; before them lie more than a search looks through.
    sql.execute(
        "insert into restaurants (name, description)
         select case when i <= 500 then 'Zoo' else 'Bar' end || ' ' || i % 700,
                case when i <= 500 then 'far' when i % 3 = 0 then 'common' when i % 50 = 1 then 'rare' else '' end
         from generate_series(1, 5000) i;
         analyze restaurants",
    )
    .await
    .unwrap();

    let review = NewReview {
        user_name: "User".to_owned(),
        rating: Rating::new(5).unwrap(),
        review_text: String::new(),
    };
    for (word, way) in [
        ("common", "near"),
        ("far", "neither near nor rare"),
        ("rare", "rare"),
        ("bar", "near, to the end"),
    ] {
        let query = "select count(*) filter (where id % 101 = 0), count(*) from restaurants
                     where search_words @@ search_query($1)";
        let (sample, all): (i64, i64) = sqlx::query_as(query).bind(word).fetch_one(&mut sql).await.unwrap();
        assert_eq!(sample < 4, way == "rare", "{word}: {sample} of {all}");
        assert!(all > 50, "{word}: more than a page");

        for sort in Sort::ALL {
            // Nobody is reviewed when the first walk begins, so by reviews and by rating the newest are first, too.
            let order = if sort == Sort::Name {
                "name_folded, id"
            } else {
                "id desc"
            };
            let query = "select id from restaurants where search_words @@ search_query($1) order by ";
            let query = sqlx::AssertSqlSafe(format!("{query}{order}"));
            let expected: Vec<i64> = sqlx::query_scalar(query).bind(word).fetch_all(&mut sql).await.unwrap();
            let found = walk(&store, sort, word, Direction::After, async |page| {
                // Another one is reviewed, mostly one that is still to come, and keeps its place.
                let id = RestaurantId(expected[(page * 70) % expected.len()]);
                store.add_review(id, &review, None, None).await.unwrap();
            })
            .await;
            assert_eq!(found, expected, "{word} by {sort:?}: {way}");
            sql.execute("delete from reviews").await.unwrap();
        }
    }
}
