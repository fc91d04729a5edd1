//! Several processes open the same SQLite file at the same moment.

use std::path::Path;

use futures_util::future::{join, join_all};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::program::{Process, output};
use crate::store_search::first_migration;

/// How often it is tried: the processes meet at another point each time.
const ROUNDS: usize = 12;

async fn connect(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data.join("restaurants.sqlite3"));
    options.create_if_missing(true).connect().await.unwrap()
}

/// Starts the site, `seed` and `check` on the same folder, each more than once, and returns the list of restaurants that
/// match a search.
async fn open_at_once(data: &Path, search: &str) -> String {
    let environment = [("DATA_DIR", data.to_str().unwrap())];
    let seed = ["seed", "--restaurants", "1", "--reviews", "1", "--photos", "0"];
    let commands = [&seed[..], &seed, &["check"], &["check"]].map(|arguments| output(arguments, &environment));
    let (outputs, sites) = join(
        join_all(commands),
        join_all([Process::serve(&environment), Process::serve(&environment)]),
    )
    .await;
    for (ok, text) in outputs {
        assert!(ok, "{text}");
    }
    let mut pages = Vec::new();
    for site in &sites {
        let list = reqwest::get(format!("{}/?q={search}", site.base)).await.unwrap();
        pages.push(list.text().await.unwrap());
    }
    assert_eq!(pages[0], pages[1]);
    pages.remove(0)
}

/// Checks that each migration was applied once and that the file is whole.
async fn assert_migrated(data: &Path, restaurants: i64) {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let wanted = std::fs::read_dir(migrations).unwrap().count();
    let mut connection = connect(data).await;
    let versions: Vec<(i64, bool)> = sqlx::query_as("select version, success from _sqlx_migrations order by version")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let all: Vec<(i64, bool)> = (1..).map(|version| (version, true)).take(wanted).collect();
    assert_eq!(versions, all);
    for (query, value) in [
        ("select count(*) from restaurants", restaurants),
        ("select count(*) from restaurants where folding = 0", 0),
        ("select count(*) from pragma_quick_check where quick_check <> 'ok'", 0),
    ] {
        let found: i64 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, value, "{query}");
    }
}

#[tokio::test]
async fn processes_that_open_a_new_file_at_once_all_succeed() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        open_at_once(folder.path(), "").await;
        assert_migrated(folder.path(), 2).await;
    }
}

#[tokio::test]
async fn processes_that_migrate_an_old_file_at_once_all_succeed() {
    let (_folder, first) = first_migration("sqlite").await;
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let mut old = connect(folder.path()).await;
        first.run(&mut old).await.unwrap();
        // More than are folded in one transaction.
        let insert = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 500)
            insert into restaurants (name, street_address, description) select 'Café Élan ' || i, '', '' from n";
        sqlx::query(insert).execute(&mut old).await.unwrap();
        old.close().await.unwrap();

        let page = open_at_once(folder.path(), "cafe+elan+499").await;
        assert!(page.contains("Café Élan 499"), "{page}");
        assert_migrated(folder.path(), 502).await;
    }
}
