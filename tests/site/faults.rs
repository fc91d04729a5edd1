//! The store or the photos are unavailable: visitors get a friendly answer, nothing is lost, and the site recovers.

use std::time::{Duration, Instant};

use image::ImageFormat;
use local_azure::testing::patiently;
use reqwest::StatusCode;
use restaurant_review::photo_cleanup;
use restaurant_review::photos::PhotoName;

use crate::harness::{
    Site, encoded, location, over_both_photo_stores, photo_link, red_blue, review, review_with_photo,
};

over_both_photo_stores!(
    a_form_comes_back_while_the_store_cannot_be_written,
    a_photo_whose_review_cannot_be_saved_is_removed,
    photos_that_lost_their_review_are_removed,
);

async fn remove_unclaimed(site: &Site, for_at_least: Duration) {
    photo_cleanup::remove_unclaimed(&*site.app.store, &*site.app.photos, for_at_least).await;
}

#[tokio::test]
async fn the_site_recovers_when_photos_are_back_in_the_folder() {
    unavailable_photos(Site::start().await).await;
}

#[tokio::test]
async fn the_site_recovers_when_photos_are_back_in_blob_storage() {
    unavailable_photos(Site::start_on_own_blobs().await).await;
}

async fn unavailable_photos(site: Site) {
    let path = site.add_restaurant("A").await;
    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    site.review(&path, review_with_photo("Ada", "5", photo.clone())).await;
    let link = photo_link(&site.page(&path).await);
    site.make_photos_unavailable().await;

    let begun = Instant::now();
    let response = site
        .review(&path, review_with_photo("Typed name", "4", photo.clone()))
        .await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    let page = response.text().await.unwrap();
    for part in [
        "its photo could not be stored just now",
        "Typed name",
        "With a photo",
        "must be chosen again",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("(1 review)"), "the review is not half-saved");
    assert_eq!(
        site.get(&link).send().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    // An instance starts, and stays, without its photos.
    for (address, status) in [
        ("/readyz", StatusCode::OK),
        ("/readyz?strict", StatusCode::SERVICE_UNAVAILABLE),
        ("/readyz?other=1&strict=", StatusCode::SERVICE_UNAVAILABLE),
        ("/readyz?other=strict", StatusCode::OK),
    ] {
        let ready = site.get(address).send().await.unwrap();
        assert_eq!(ready.status(), status, "{address}");
        let body = ready.text().await.unwrap();
        let expected = r#"{"ready":true,"degraded":true,"store":{"ready":true},"photos":{"ready":false,"problem":"#;
        assert!(body.starts_with(expected), "{body}");
    }
    let forwarded = site
        .get("/readyz")
        .header("x-forwarded-for", "203.0.113.9:50000")
        .send();
    assert_eq!(
        forwarded.await.unwrap().text().await.unwrap(),
        r#"{"ready":true,"degraded":true}"#,
        "a stranger learns no reasons"
    );
    assert_eq!(site.get("/healthz").send().await.unwrap().status(), StatusCode::OK);
    // Reviews without a photo still work.
    assert_eq!(location(&site.review(&path, review("Bob", "3", "")).await), path);

    site.make_photos_available().await;
    remove_unclaimed(&site, Duration::ZERO).await;
    assert!(
        site.app
            .store
            .unclaimed_photos(Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(site.stored_photos().await.len(), 3, "the failed upload leaves nothing");
    patiently("the site is ready", async || {
        let ready = site.get("/readyz?strict").send().await.unwrap();
        (ready.status() == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "4", photo)).await),
        path
    );
    assert_eq!(site.get(&link).send().await.unwrap().status(), StatusCode::OK);
}

async fn a_form_comes_back_while_the_store_cannot_be_written(site: Site) {
    let path = site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    let mut other = sql.acquire().await.unwrap();
    sqlx::query("begin immediate").execute(&mut *other).await.unwrap();

    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    let form = [("restaurant_name", "Kept name"), ("description", "Kept description")];
    let (restaurant, with_photo) = tokio::join!(
        async { site.post("/add").form(&form).send().await.unwrap() },
        site.review(&path, review_with_photo("Kept user", "4", photo)),
    );
    for (response, kept) in [(restaurant, "Kept description"), (with_photo, "Kept user")] {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let page = response.text().await.unwrap();
        assert!(
            page.contains("could not save it just now") && page.contains(kept),
            "{page}"
        );
    }
    assert!(site.stored_photos().await.is_empty(), "no photo without its review");
    site.page("/").await;

    sqlx::query("rollback").execute(&mut *other).await.unwrap();
    drop(other);
    assert_eq!(location(&site.review(&path, review("Ada", "5", "")).await), path);
}

#[tokio::test]
async fn a_failing_store_shows_its_cause_only_in_the_log() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    sqlx::query("alter table reviews rename to reviews_away")
        .execute(&sql)
        .await
        .unwrap();

    let response = site.get(&path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let page = response.text().await.unwrap();
    assert!(page.contains("Something went wrong") && page.contains("For the developer"));
    assert!(
        !page.contains("reviews_away") && !page.contains("no such table"),
        "only the log has the cause"
    );
    let response = site.review(&path, review("Kept user", "5", "Kept text")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let page = response.text().await.unwrap();
    assert!(
        page.contains("Kept user") && page.contains("Kept text"),
        "the form is shown without its restaurant"
    );

    sqlx::query("alter table reviews_away rename to reviews")
        .execute(&sql)
        .await
        .unwrap();
    site.page(&path).await;
}

#[tokio::test]
async fn a_store_that_is_not_migrated_is_not_ready() {
    let site = Site::start().await;
    let sql = site.plain_sql().await;
    sqlx::query("update _sqlx_migrations set success = false")
        .execute(&sql)
        .await
        .unwrap();
    let ready = site.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text().await.unwrap().contains(r#""store":{"ready":false"#));
}

/// `/dev/full` refuses each byte, as a full disk does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_reported() {
    let site = Site::start().await;
    for (folder, part, status) in [
        (
            site.folder.path().to_owned(),
            r#""store":{"ready":false,"problem":"the disk is full"}"#,
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (
            site.photo_folder(),
            r#""photos":{"ready":false,"problem":"the disk is full"}"#,
            StatusCode::OK,
        ),
    ] {
        patiently("the full disk is noticed", async || {
            let _ = std::os::unix::fs::symlink("/dev/full", folder.join(".ready"));
            let ready = site.get("/readyz").send().await.unwrap();
            let answered = ready.status();
            (answered == status && ready.text().await.unwrap().contains(part)).then_some(())
        })
        .await;
    }
    patiently("the site recovers", async || {
        let ready = site.get("/readyz?strict").send().await.unwrap();
        (ready.status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn errors_in_production_reveal_nothing() {
    let production =
        |config: &mut restaurant_review::config::Config| config.website_hostname = Some("x.example".into());
    let site = Site::start_with(production).await;
    let path = site.add_restaurant("A").await;
    sqlx::query("drop table reviews")
        .execute(&site.plain_sql().await)
        .await
        .unwrap();
    let page = site.get(&path).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Something went wrong"));
    for detail in ["For the developer", "DATA_DIR", "sqlite", "table"] {
        assert!(!page.to_lowercase().contains(&detail.to_lowercase()), "{detail}");
    }
}

async fn a_photo_whose_review_cannot_be_saved_is_removed(site: Site) {
    let path = site.add_restaurant("A").await;
    let sql = site.plain_sql().await;
    // The photo can be announced and stored, but the review is refused.
    sqlx::query("create trigger no_reviews before insert on reviews begin select raise(abort, 'refused'); end")
        .execute(&sql)
        .await
        .unwrap();
    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    let response = site
        .review(&path, review_with_photo("Kept user", "4", photo.clone()))
        .await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(response.text().await.unwrap().contains("Kept user"));
    assert!(site.stored_photos().await.is_empty());
    let unclaimed: i64 = sqlx::query_scalar("select count(*) from unclaimed_photos")
        .fetch_one(&sql)
        .await
        .unwrap();
    assert_eq!(unclaimed, 0);

    sqlx::query("drop trigger no_reviews").execute(&sql).await.unwrap();
    assert_eq!(
        location(&site.review(&path, review_with_photo("Ada", "4", photo)).await),
        path
    );
    assert_eq!(site.stored_photos().await.len(), 3);
}

async fn photos_that_lost_their_review_are_removed(site: Site) {
    let path = site.add_restaurant("A").await;
    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    site.review(&path, review_with_photo("Ada", "5", photo.clone())).await;
    site.review(&path, review_with_photo("Bob", "4", photo.clone())).await;
    // As if the process had died between the photo and its review.
    let orphan = PhotoName::random();
    site.app.store.announce_photo(&orphan).await.unwrap();
    site.app
        .photos
        .put(&orphan, &photo_processing::process(&photo).unwrap())
        .await
        .unwrap();
    sqlx::query("delete from reviews where user_name = 'Ada'")
        .execute(&site.plain_sql().await)
        .await
        .unwrap();
    assert_eq!(site.stored_photos().await.len(), 9);

    remove_unclaimed(&site, Duration::from_hours(1)).await;
    assert_eq!(site.stored_photos().await.len(), 9, "a photo may still get its review");
    remove_unclaimed(&site, Duration::ZERO).await;
    assert_eq!(site.stored_photos().await.len(), 3);
    let link = photo_link(&site.page(&path).await);
    assert_eq!(
        site.get(&link).send().await.unwrap().status(),
        StatusCode::OK,
        "Bob's photo stays"
    );
}

#[tokio::test]
async fn an_interrupted_upload_leaves_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let address = site.base.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // All fields, and the first half of a photo.
    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    let field =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let fields = [
        field("user_name", "Ada"),
        field("rating", "5"),
        field("review_text", "Good"),
    ]
    .concat();
    let head = "POST /review/1 HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n\
                Content-Length: 100000\r\n\r\n";
    let file = "--b\r\nContent-Disposition: form-data; name=\"reviewImage\"; filename=\"a.png\"\r\n\r\n";
    let sent = [(head.to_owned() + &fields + file).as_bytes(), &photo[..photo.len() / 2]].concat();
    stream.write_all(&sent).await.unwrap();
    // The site closes the connection once it has given up the request.
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(site.page(&path).await.contains("No reviews of this restaurant yet."));
    assert!(site.photo_files().is_empty());
}
