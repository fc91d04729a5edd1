//! kill -9 during posts: no review is saved partially, and nothing is counted twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::ImageFormat;
use reqwest::{Client, StatusCode, redirect};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::harness::{encoded, red_blue, review, review_with_photo};
use crate::plain_sql::assert_recounted;
use crate::program::Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_site_killed_during_posts_has_saved_each_review_once_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let sql = SqliteConnectOptions::new()
        .filename(folder.path().join("restaurants.sqlite3"))
        .foreign_keys(true);
    let photo = encoded(&red_blue(300, 200), ImageFormat::Jpeg);
    let confirmed = Arc::new(AtomicUsize::new(0));
    for round in 0..4usize {
        let mut process = Process::serve(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        if round == 0 {
            let form = [("restaurant_name", "A"), ("description", "B")];
            client
                .post(format!("{}/add", process.base))
                .form(&form)
                .send()
                .await
                .unwrap();
        }
        let enough = confirmed.load(Ordering::SeqCst) + 10 + 7 * round;
        let writers: Vec<_> = (0..6)
            .map(|writer| {
                let (client, confirmed, photo) = (client.clone(), confirmed.clone(), photo.clone());
                let url = format!("{}/review/1", process.base);
                tokio::spawn(async move {
                    for index in 0.. {
                        let user = format!("{round}-{writer}-{index}");
                        let form = if writer % 2 == 0 {
                            review_with_photo(&user, "4", photo.clone())
                        } else {
                            review(&user, "5", "")
                        };
                        match client.post(&url).multipart(form).send().await {
                            Ok(response) => {
                                assert_eq!(response.status(), StatusCode::SEE_OTHER);
                                confirmed.fetch_add(1, Ordering::SeqCst);
                            }
                            // The process has ended.
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        // Killed at a different point each time, once enough reviews are confirmed.
        while confirmed.load(Ordering::SeqCst) < enough {
            assert!(
                writers.iter().any(|writer| !writer.is_finished()),
                "every writer has failed"
            );
            tokio::task::yield_now().await;
        }
        process.kill().await;
        for writer in writers {
            writer.await.unwrap();
        }
        // Before any clean-up.
        let pool = SqlitePool::connect_with(sql.clone()).await.unwrap();
        check(&pool, folder.path(), confirmed.load(Ordering::SeqCst)).await;
        pool.close().await;
    }

    // The next start shows the saved reviews.
    let process = Process::serve(&[("DATA_DIR", folder.path().to_str().unwrap())]).await;
    let page = reqwest::get(format!("{}/1/", process.base))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("reviews)"));
}

async fn check(pool: &SqlitePool, folder: &std::path::Path, confirmed: usize) {
    assert_recounted(pool).await;
    let (saved, users): (i64, i64) = sqlx::query_as("select count(*), count(distinct user_name) from reviews")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(saved, users, "no review twice");
    assert!(
        usize::try_from(saved).unwrap() >= confirmed,
        "every confirmed review is saved: {saved} of {confirmed}"
    );
    let intact: String = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(intact, "ok");

    // Every photo of a review is complete; every other photo is announced, so that the clean-up finds it.
    let shown: Vec<String> = sqlx::query_scalar("select image_name from reviews where image_name is not null")
        .fetch_all(pool)
        .await
        .unwrap();
    for name in &shown {
        for file in [
            name.clone(),
            name.replace(".jpg", "-medium.jpg"),
            name.replace(".jpg", "-thumb.jpg"),
        ] {
            let bytes =
                std::fs::read(folder.join("photos").join(&file)).unwrap_or_else(|_| panic!("{file} is missing"));
            image::load_from_memory(&bytes).unwrap_or_else(|error| panic!("{file} is broken: {error}"));
        }
    }
    let announced: BTreeSet<String> = sqlx::query_scalar("select name from unclaimed_photos")
        .fetch_all(pool)
        .await
        .unwrap()
        .into_iter()
        .collect();
    for entry in std::fs::read_dir(folder.join("photos")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file
            .trim_end_matches(".part")
            .replace("-thumb.jpg", ".jpg")
            .replace("-medium.jpg", ".jpg");
        assert!(
            shown.contains(&name) || announced.contains(&name),
            "{file} would stay for ever"
        );
    }
}
