//! The staff pages when a restaurant or a review is deleted, or was deleted already.

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, COOKIE};

use crate::harness::{Site, review};
use crate::redirect::location;
use crate::staff::{Member, value, with_a_review};
use crate::writer::link_of;

impl Member<'_> {
    /// Confirms the deletion of what a page has shown.
    async fn delete(&self, page: &str) -> reqwest::Response {
        let form = [("seen", value(page, "seen")), ("list", "sort=rating".to_owned())];
        self.post("/admin/restaurants/delete").form(&form).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_deletion_is_confirmed_again_after_a_change() {
    let site = with_a_review(|_| {}).await;
    let link = link_of(&site, review("Bob", "4", "Good")).await;
    let staff = Member::sign_in(&site).await;
    let mut page = staff.page("/admin/restaurants/delete?id=1").await;
    assert!(page.contains("1 restaurant with 2 reviews") && !page.contains("Nothing was deleted"));
    let is_asked_again = async |page: &mut String, count: &str| {
        let refused = staff.delete(page).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        *page = refused.text().await.unwrap();
        for part in ["<title>Error: ", "Nothing was deleted: something has changed", count] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
        assert_eq!(value(page, "list"), "sort=rating");
    };

    site.review("/1/", review("Cy", "1", "New")).await;
    is_asked_again(&mut page, "1 restaurant with 3 reviews").await;

    let seen = value(&site.page(&link).await, "seen");
    let form = review("Bob", "4", "Corrected").text("seen", seen);
    let changed = site.post(&link).multipart(form).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    is_asked_again(&mut page, "1 restaurant with 3 reviews").await;

    staff.act("hide", &[1]).await;
    is_asked_again(&mut page, "1 restaurant with 3 reviews").await;

    staff.act("delete", &[1]).await;
    is_asked_again(&mut page, "1 restaurant with 2 reviews").await;

    assert!(site.page("/1/").await.contains("Corrected"));
    let deleted = staff.delete(&page).await;
    assert_eq!(location(&deleted), "/admin/restaurants/?sort=rating");
    assert_eq!(site.get("/1/").send().await.unwrap().status(), StatusCode::NOT_FOUND);

    // The form arrives twice.
    let again = staff.delete(&page).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let again = again.text().await.unwrap();
    assert!(again.contains("it has been deleted already"), "{again}");
    for seen in ["", "1:1", "1:1:1:1:1", "1:1:1:1:1:x", "1:1:1:1:1:1:1"] {
        let form = [("seen", seen)];
        let refused = staff
            .post("/admin/restaurants/delete")
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{seen}");
    }
}

/// A page of something that was deleted.
async fn gone(site: &Site, staff: &Member<'_>, path: &str) -> String {
    let response = site.get(path).header(COOKIE, staff.cookie()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::GONE, "{path}");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_deleted_restaurant_still_has_its_history() {
    let site = with_a_review(|_| {}).await;
    let staff = Member::sign_in(&site).await;
    let confirm = staff.page("/admin/restaurants/delete?id=1").await;
    assert_eq!(staff.delete(&confirm).await.status(), StatusCode::SEE_OTHER);

    let page = gone(&site, &staff, "/admin/restaurants/1").await;
    for part in ["<h1>This restaurant was deleted</h1>", "Name: Anchor", "Review: Lovely"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert_eq!(page.matches("<strong>deleted</strong>").count(), 2);
    assert!(!page.contains("<form"), "{page}");
    let page = gone(&site, &staff, "/admin/reviews/1").await;
    assert!(page.contains("<h1>This review was deleted</h1>") && page.contains("Review: Lovely"));
    assert!(!page.contains("<form"), "{page}");
}

#[tokio::test]
async fn a_deleted_review_still_has_its_history() {
    let site = with_a_review(|_| {}).await;
    let link = link_of(&site, review("Bob", "4", "Private")).await;
    let staff = Member::sign_in(&site).await;
    staff.act("delete", &[1]).await;
    assert!(gone(&site, &staff, "/admin/reviews/1").await.contains("Review: Lovely"));

    let seen = value(&site.page(&link).await, "seen");
    let form = [("seen", seen.as_str()), ("confirmed", "yes")];
    site.post(&format!("{link}/delete")).form(&form).send().await.unwrap();
    let page = gone(&site, &staff, "/admin/reviews/2").await;
    assert!(page.contains("the writer") && !page.contains("Private"), "{page}");

    // What has no history is as unknown as ever.
    let sql = site.plain_sql().await;
    sqlx::query("delete from changes").execute(&sql).await.unwrap();
    for path in ["/admin/reviews/1", "/admin/reviews/9", "/admin/restaurants/9"] {
        let missing = site.get(path).header(COOKIE, staff.cookie()).send().await.unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_was_typed_for_something_deleted_meanwhile_is_not_lost() {
    let site = with_a_review(|_| {}).await;
    let staff = Member::sign_in(&site).await;
    let confirm = staff.page("/admin/restaurants/delete?id=1").await;
    assert_eq!(staff.delete(&confirm).await.status(), StatusCode::SEE_OTHER);
    let restaurant = |name| {
        let form = [
            ("seen", "1:1"),
            ("restaurant_name", name),
            ("description", "Kept <text>"),
        ];
        staff.post("/admin/restaurants/1").form(&form)
    };
    let changed = review("Kept", "4", "Kept <text>").text("seen", "1:1");
    for (request, path) in [
        (restaurant("Kept"), "/admin/restaurants/1"),
        (restaurant(""), "/admin/restaurants/1"),
        (staff.post("/admin/reviews/1").multipart(changed), "/admin/reviews/1"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::GONE);
        let page = answer.text().await.unwrap();
        let link = format!("href=\"{path}\"");
        for part in [
            "<title>Error: ",
            "Not saved: someone else deleted",
            "Kept &#60;text&#62;",
            &link,
        ] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
    }
}
