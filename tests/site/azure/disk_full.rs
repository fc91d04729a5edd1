//! PostgreSQL can be read but not changed: its disk is full, or Azure has made it read-only before that.

use local_azure::testing::patiently;
use reqwest::StatusCode;

use super::postgres::on_postgres;
use crate::harness::{Site, review};

/// Waits until `/readyz` warns, or no longer does. The site is ready all the while: pages can be read.
async fn wait_for_warning(site: &Site, expected: bool) {
    patiently("the report is new", async || {
        let ready = site.get("/readyz").send().await.unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
        let report = ready.text().await.unwrap();
        (report.contains("the last change was refused") == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn readyz_says_so_until_something_is_saved() {
    let (database, site) = on_postgres().await;
    let path = site.add_restaurant("A").await;
    let mut sql = database.plain_sql().await;
    // What the server reports then. (The soak fills a real disk, and makes a real server read-only.)
    for (error, status) in [
        ("disk_full", StatusCode::INSUFFICIENT_STORAGE),
        ("read_only_sql_transaction", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let function = format!(
            "create or replace function fail() returns trigger language plpgsql as
             $$ begin raise 'refused' using errcode = '{error}'; end $$"
        );
        let trigger = "create trigger fail before insert on reviews execute function fail()".to_owned();
        for statement in [function, trigger] {
            let statement = sqlx::query(sqlx::AssertSqlSafe(statement));
            statement.execute(&mut sql).await.unwrap();
        }
        wait_for_warning(&site, false).await;
        let refused = site.review(&path, review("Kept user", "4", "")).await;
        assert_eq!(refused.status(), status);
        assert!(refused.text().await.unwrap().contains("Kept user"));
        wait_for_warning(&site, true).await;

        let again = sqlx::query("drop trigger fail on reviews");
        again.execute(&mut sql).await.unwrap();
        let saved = site.review(&path, review("Ada", "4", "")).await;
        assert_eq!(saved.status(), StatusCode::SEE_OTHER);
        wait_for_warning(&site, false).await;
    }
}
