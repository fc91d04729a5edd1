//! The staff adds reviews.

use image::ImageFormat;
use reqwest::StatusCode;
use reqwest::header::COOKIE;

use crate::harness::{Site, encoded, links, over_both_photo_stores, red_blue, review, review_with_photo};
use crate::plain_sql::assert_recounted;
use crate::redirect::location;
use crate::staff::{Member, value};

over_both_photo_stores! {
    a_review_is_added_once,
}

const FORM: &str = "/admin/restaurants/1/reviews/add";

async fn a_review_is_added_once(site: Site) {
    site.add_restaurant("Anchor <&>").await;
    let staff = Member::sign_in(&site).await;
    assert!(
        staff
            .page("/admin/restaurants/1")
            .await
            .contains(&format!("href=\"{FORM}\""))
    );
    let page = staff.page(FORM).await;
    assert!(page.contains("<bdi>Anchor &#60;&#38;&#62;</bdi>"), "{page}");
    let form_id = value(&page, "form_id");
    let refused = review("", "5", "By telephone").text("form_id", form_id.clone());
    let refused = staff.post(FORM).multipart(refused).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    for part in ["<title>Error: ", "Review not added", "By telephone", "<bdi>Anchor"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(value(&page, "form_id"), form_id, "it is still the same form");

    // A double click.
    let photo = encoded(&red_blue(400, 300), ImageFormat::Jpeg);
    for _ in 0..2 {
        let form = review_with_photo("Ada", "4", photo.clone()).text("form_id", form_id.clone());
        let sent = staff.post(FORM).multipart(form).send().await.unwrap();
        assert_eq!(location(&sent), "/admin/reviews/1");
    }
    assert_eq!(site.stored_photos().await.len(), 3, "one photo in three sizes");
    let page = site.page("/1/").await;
    assert!(page.contains("4.0 (1 review)") && page.contains("Ada"), "{page}");
    assert!(
        links(&page, "/review/edit/").next().is_none(),
        "the staff needs no private link"
    );
    for path in ["/admin/", "/admin/restaurants/1", "/admin/reviews/1"] {
        let page = staff.page(path).await;
        assert_eq!(page.matches("<strong>added</strong>").count(), 1, "{page}");
        assert!(
            page.contains("developer on this machine") && page.contains("Name: Ada"),
            "{page}"
        );
    }
    assert_recounted(&site.plain_sql().await).await;
}

#[tokio::test]
async fn a_form_for_a_deleted_restaurant_shows_what_was_typed() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let staff = Member::sign_in(&site).await;
    let seen = value(&staff.page("/admin/restaurants/delete?id=1").await, "seen");
    let form = [("seen", seen)];
    let deleted = staff
        .post("/admin/restaurants/delete")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), StatusCode::SEE_OTHER);
    let photo = encoded(&red_blue(40, 30), ImageFormat::Png);
    for (form, typed) in [
        (review("Ada", "5", "By telephone"), "By telephone"),
        (review("Ada", "", "By telephone"), "By telephone"),
        (review_with_photo("Ada", "5", photo), "With a photo"),
    ] {
        let gone = staff.post(FORM).multipart(form).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::GONE);
        let page = gone.text().await.unwrap();
        assert!(
            page.contains("someone else deleted this restaurant") && page.contains(typed),
            "{page}"
        );
    }
    assert!(site.stored_photos().await.is_empty());
    for (path, status) in [
        (FORM, StatusCode::GONE),
        ("/admin/restaurants/2/reviews/add", StatusCode::NOT_FOUND),
        ("/admin/restaurants/x/reviews/add", StatusCode::NOT_FOUND),
    ] {
        let answer = site.get(path).header(COOKIE, staff.cookie()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}
