//! The staff pages when a restaurant or a review is deleted.

use reqwest::StatusCode;

use crate::harness::review;
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
