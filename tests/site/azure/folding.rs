//! Restaurants that another program or an earlier version of the site wrote to PostgreSQL become searchable like others.

use std::sync::Arc;

use restaurant_review::model::{FOLDING, sort_key};
use restaurant_review::store::Store as _;
use sqlx::migrate::Migrator;
use sqlx::{Executor as _, PgConnection};

use crate::azure::postgres::store;
use crate::rig::{Database, shared};
use crate::store_search::{first_migration, found};

/// What the first version of the site does: it lists by name, and searches.
const LIST_OF_FIRST_VERSION: &str = "select name from restaurants where (name_folded, id) > ((select folded_text($1)), $2) order by name_folded, id limit 51";
const SEARCH_OF_FIRST_VERSION: &str = "select name from restaurants where search_words @@ search_query($1) order by id";

#[tokio::test]
async fn tables_of_the_first_version_are_migrated() {
    let database = Database::with_password(&shared().await).await;
    let mut sql = database.plain_sql().await;
    let (_folder, migrator): (_, Migrator) = first_migration("postgres").await;
    migrator.run_direct(None, &mut sql, false).await.unwrap();
    sql.execute("insert into restaurants (name) select 'Crêpe O’Brien ' || i from generate_series(1, 450) i")
        .await
        .unwrap();

    let store = store(&database.config);
    store.prepare().await.unwrap();
    assert!(
        found(&store, "crepe 7").await.contains("Crêpe O’Brien 7"),
        "as before, at once"
    );
    assert!(found(&store, "obrien 7").await.is_empty());
    fold_all(&store).await;
    assert!(found(&store, "obrien 7").await.contains("Crêpe O’Brien 7"));
    assert_all_folded(&mut sql, 450).await;
}

#[tokio::test]
async fn the_first_version_works_on_migrated_tables() {
    let database = Database::with_password(&shared().await).await;
    let store = store(&database.config);
    store.prepare().await.unwrap();
    let mut sql = database.plain_sql().await;
    let add = "insert into restaurants (name, street_address, description) values ($1, 'Łódź', '') returning id";
    for name in ["Café Élan", "Bar"] {
        let _: i64 = sqlx::query_scalar(add).bind(name).fetch_one(&mut sql).await.unwrap();
    }
    for folded in [false, true] {
        if folded {
            fold_all(&store).await;
        }
        let listed: Vec<String> = sqlx::query_scalar(LIST_OF_FIRST_VERSION)
            .bind("Bar")
            .bind(i64::MAX)
            .fetch_all(&mut sql)
            .await
            .unwrap();
        assert_eq!(listed, ["Café Élan"]);
        let searched: Vec<String> = sqlx::query_scalar(SEARCH_OF_FIRST_VERSION)
            .bind("elan CAFÉ")
            .fetch_all(&mut sql)
            .await
            .unwrap();
        assert_eq!(searched, ["Café Élan"]);
    }
}

#[tokio::test]
async fn changes_by_plain_sql_are_folded() {
    let database = Database::with_password(&shared().await).await;
    let store = store(&database.config);
    store.prepare().await.unwrap();
    let mut sql = database.plain_sql().await;
    sql.execute("insert into restaurants (name) values ('Old Ærø')")
        .await
        .unwrap();
    fold_all(&store).await;
    assert!(found(&store, "aero").await.contains("Old Ærø"));
    sql.execute("update restaurants set name = 'New Ørsted'").await.unwrap();
    assert!(found(&store, "new").await.contains("New Ørsted"), "roughly, at once");
    assert!(found(&store, "aero").await.is_empty());
    fold_all(&store).await;
    assert!(found(&store, "orsted").await.contains("New Ørsted"));
    assert_all_folded(&mut sql, 1).await;

    // A later version of the site folds otherwise. This one leaves its texts alone.
    sqlx::query("update restaurants set folding = $1, name_folded = 'later'")
        .bind(FOLDING + 1)
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(store.fold_some().await.unwrap(), 0);
}

/// While several instances fold, other programs change names. Every name is folded as it is in the end.
#[tokio::test]
async fn many_instances_fold_at_once() {
    let database = Arc::new(Database::with_password(&shared().await).await);
    let first = store(&database.config);
    first.prepare().await.unwrap();
    let mut sql = database.plain_sql().await;
    sql.execute("insert into restaurants (name) select 'Ødegård ' || i from generate_series(1, 1500) i")
        .await
        .unwrap();
    let instances: Vec<_> = (0..3)
        .map(|_| {
            let store = store(&database.config);
            tokio::spawn(async move { fold_all(&store).await })
        })
        .collect();
    for i in 0..20 {
        sqlx::query("update restaurants set name = 'Łódź ' || id where id % 20 = $1")
            .bind(i)
            .execute(&mut sql)
            .await
            .unwrap();
    }
    for instance in instances {
        instance.await.unwrap();
    }
    fold_all(&first).await;
    assert_all_folded(&mut sql, 1500).await;
}

async fn fold_all(store: &dyn restaurant_review::store::Store) {
    while store.fold_some().await.unwrap() > 0 {}
}

async fn assert_all_folded(sql: &mut PgConnection, count: usize) {
    let rows: Vec<(String, String, i16)> = sqlx::query_as("select name, name_folded, folding from restaurants")
        .fetch_all(sql)
        .await
        .unwrap();
    assert_eq!(rows.len(), count);
    for (name, folded, folding) in rows {
        assert_eq!((folded, folding), (sort_key(&name), FOLDING), "{name}");
    }
}
