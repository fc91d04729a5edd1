//! The staff pages and the writer's private link when something goes wrong: nothing typed is lost, and nothing is done by
//! halves.

use local_azure::testing::patiently;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{RequestBuilder, StatusCode};
use restaurant_review::config::{Principal, StaffAccess};
use restaurant_review::photo_cleanup::withdraw_exposed;

use crate::harness::{Site, review};
use crate::redirect::location;
use crate::staff::{Member, value, with_a_photo, with_a_review};
use crate::writer::link_of;

#[tokio::test]
async fn a_form_comes_back_while_the_store_cannot_be_read() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let link = link_of(&site, review("Ada", "5", "Lovely")).await;
    let staff = Member::sign_in(&site).await;
    let restaurant = [
        ("seen", "1:1"),
        ("restaurant_name", "Kept name"),
        ("description", "Kept text"),
    ];
    let no_name = [("seen", "1:1"), ("restaurant_name", ""), ("description", "Kept text")];
    let changed = || {
        review("Kept user", "4", "Kept text")
            .text("seen", "1:1")
            .text("remove_photo", "yes")
    };
    let sql = site.plain_sql().await;
    for rename in [
        "alter table restaurants rename to restaurants_away",
        "alter table reviews rename to reviews_away",
    ] {
        sqlx::query(rename).execute(&sql).await.unwrap();
    }
    for request in [
        staff.post("/admin/restaurants/1").form(&restaurant),
        staff.post("/admin/restaurants/1").form(&no_name),
        staff.post("/admin/restaurants/add").form(&restaurant),
        staff.post("/admin/reviews/1").multipart(changed()),
        staff.post("/admin/restaurants/1/reviews/add").multipart(changed()),
        site.post(&link).multipart(changed()),
    ] {
        let request = request.build().unwrap();
        let (path, is_review) = (
            request.url().path().to_owned(),
            request.url().path().contains("review/"),
        );
        let answer = site.client.execute(request).await.unwrap();
        assert!(answer.status().is_server_error(), "{path} {}", answer.status());
        let page = answer.text().await.unwrap();
        for part in [
            "<title>Error: ",
            "could not save it just now",
            "Kept text",
            "Request id",
        ] {
            assert!(page.contains(part), "{part} is missing at {path}: {page}");
        }
        assert_eq!(
            page.contains("Kept user"),
            is_review || path.contains("reviews"),
            "{page}"
        );
        if !path.ends_with("/add") {
            assert_eq!(value(&page, "seen"), "1:1");
            assert!(page.contains(&format!("action=\"{path}\"")), "{page}");
        }
        if path.contains("review/") || path.contains("reviews/1") {
            assert!(page.contains("name=\"remove_photo\" value=\"yes\" checked"), "{page}");
        }
    }
    for rename in [
        "alter table restaurants_away rename to restaurants",
        "alter table reviews_away rename to reviews",
    ] {
        sqlx::query(rename).execute(&sql).await.unwrap();
    }
    let sent = staff
        .post("/admin/reviews/1")
        .multipart(changed())
        .send()
        .await
        .unwrap();
    assert_eq!(location(&sent), "/admin/reviews/1");
    let sent = staff
        .post("/admin/restaurants/1")
        .form(&restaurant)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&sent), "/admin/restaurants/1");
}

#[tokio::test]
async fn a_form_comes_back_while_the_store_cannot_be_written() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let link = link_of(&site, review("Ada", "5", "Lovely")).await;
    let staff = Member::sign_in(&site).await;
    let sql = site.plain_sql().await;
    let mut other = sql.acquire().await.unwrap();
    sqlx::query("begin immediate").execute(&mut *other).await.unwrap();
    let restaurant = [
        ("seen", "1:1"),
        ("restaurant_name", "Kept name"),
        ("description", "Kept text"),
    ];
    let changed = || review("Kept user", "4", "Kept text").text("seen", "1:1");
    let send = async |request: RequestBuilder| request.send().await.unwrap();
    let answers = tokio::join!(
        send(staff.post("/admin/restaurants/1").form(&restaurant)),
        send(staff.post("/admin/reviews/1").multipart(changed())),
        send(staff.post("/admin/restaurants/1/reviews/add").multipart(changed())),
        send(site.post(&link).multipart(changed())),
    );
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let page = answer.text().await.unwrap();
        assert!(
            page.contains("could not save it just now") && page.contains("Kept text"),
            "{page}"
        );
    }
}

/// A change whose sender leaves while it waits for the store.
async fn sent_and_left(site: &Site, request: RequestBuilder) {
    let sql = site.plain_sql().await;
    let mut other = sql.acquire().await.unwrap();
    sqlx::query("begin immediate").execute(&mut *other).await.unwrap();
    let sending = tokio::spawn(request.send());
    patiently("the change waits in a task of its own", async || {
        (!site.app.saves.is_empty()).then_some(())
    })
    .await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    sqlx::query("rollback").execute(&mut *other).await.unwrap();
    site.app.saves.close();
    site.app.saves.wait().await;
    site.app.saves.reopen();
}

#[tokio::test]
async fn a_change_is_finished_although_its_sender_has_left() {
    let site = Site::start().await;
    with_a_photo(&site).await;
    let link = link_of(&site, review("Bob", "4", "Good")).await;
    let staff = Member::sign_in(&site).await;

    sent_and_left(
        &site,
        site.post("/add")
            .form(&[("restaurant_name", "B"), ("description", "d")]),
    )
    .await;
    let restaurant = [("restaurant_name", "C"), ("description", "d")];
    sent_and_left(&site, staff.post("/admin/restaurants/add").form(&restaurant)).await;
    assert!(site.page("/3/").await.contains("<bdi>C</bdi>"));
    let restaurant = [("seen", "3:1"), ("restaurant_name", "D"), ("description", "d")];
    sent_and_left(&site, staff.post("/admin/restaurants/3").form(&restaurant)).await;
    assert!(site.page("/3/").await.contains("<bdi>D</bdi>"));
    let added = review("Eve", "4", "By telephone");
    sent_and_left(&site, staff.post("/admin/restaurants/3/reviews/add").multipart(added)).await;
    assert!(site.page("/3/").await.contains("By telephone"));

    let seen = value(&site.page(&link).await, "seen");
    let form = [("seen", seen.as_str()), ("confirmed", "yes")];
    sent_and_left(&site, site.post(&format!("{link}/delete")).form(&form)).await;
    assert_eq!(site.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    assert_eq!(site.stored_photos().await.len(), 3);
    let seen = value(&staff.page("/admin/restaurants/delete?id=1").await, "seen");
    sent_and_left(&site, staff.post("/admin/restaurants/delete").form(&[("seen", seen)])).await;
    assert_eq!(site.get("/1/").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(site.stored_photos().await.is_empty(), "photos follow");
}

#[tokio::test]
async fn a_conflict_does_not_remove_a_photo_that_was_not_seen() {
    let site = Site::start().await;
    with_a_photo(&site).await;
    let staff = Member::sign_in(&site).await;
    let form = review("Ada", "4", "Changed")
        .text("seen", "1:0")
        .text("remove_photo", "yes");
    let conflict = staff.post("/admin/reviews/1").multipart(form).send().await.unwrap();
    assert_eq!(conflict.status(), StatusCode::CONFLICT);
    let page = conflict.text().await.unwrap();
    assert!(page.contains("name=\"remove_photo\" value=\"yes\">"), "{page}");
    assert!(page.contains("<title>Error: "), "{page}");
}

#[tokio::test]
async fn a_form_that_is_not_complete_does_nothing() {
    let site = with_a_review(|_| {}).await;
    let link = link_of(&site, review("Bob", "4", "Good")).await;
    let staff = Member::sign_in(&site).await;
    let fields = |first: &[(&'static str, &'static str)]| {
        let others = (0..20).map(|_| ("x", "y"));
        first.iter().copied().chain(others).collect::<Vec<_>>()
    };
    for request in [
        staff
            .post("/admin/reviews/act")
            .form(&fields(&[("action", "delete"), ("seen", "1:1")])),
        staff
            .post("/admin/restaurants/delete")
            .form(&fields(&[("seen", "1:1:1:1:1:0")])),
        site.post(&format!("{link}/delete"))
            .form(&fields(&[("seen", "2:1"), ("confirmed", "yes")])),
    ] {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(refused.text().await.unwrap().contains("more fields"));
    }
    let page = site.page("/1/").await;
    assert!(page.contains("Lovely") && page.contains("Good"), "{page}");
}

#[tokio::test]
async fn one_returns_to_the_list_where_one_was() {
    let site = with_a_review(|_| {}).await;
    let staff = Member::sign_in(&site).await;
    let page = staff.page("/admin/reviews/?q=%22L%26ov&rating=5&x=y").await;
    assert!(page.contains("No reviews match"), "{page}");
    for (act, list, back) in [
        (
            "/admin/reviews/act?action=hide&id=1",
            "q=%22L%26ov&rating=5&x=y",
            "/admin/reviews/?q=%22L%26ov&rating=5&sort=newest",
        ),
        (
            "/admin/restaurants/delete?id=1",
            "q=anch&sort=rating&y=z",
            "/admin/restaurants/?q=anch&sort=rating",
        ),
    ] {
        let encoded: String = form_urlencoded::byte_serialize(list.as_bytes()).collect();
        let page = staff.page(&format!("{act}&list={encoded}")).await;
        let cancel = format!("href=\"{}\">Cancel", back.replace('&', "&#38;"));
        assert!(page.contains(&cancel), "{page}");
        let (path, _) = act.split_once('?').unwrap();
        let form = [
            ("action", "hide"),
            ("seen", &value(&page, "seen")),
            ("list", &value(&page, "list").replace("&#38;", "&")),
        ];
        let done = staff.post(path).form(&form).send().await.unwrap();
        assert_eq!(location(&done), back);
    }
    // A page of a list carries its own query.
    let page = staff.page("/admin/reviews/?hidden=yes&after=1.1").await;
    assert!(page.contains("There are no more reviews"), "{page}");
    // Whatever a form has, it leads nowhere else.
    for list in ["//evil.example", "\r\nx: y", "q=\r\n\u{e9}"] {
        let form = [("action", "show"), ("seen", "9:9"), ("list", list)];
        let done = staff.post("/admin/reviews/act").form(&form).send().await.unwrap();
        assert!(location(&done).starts_with("/admin/reviews/?"), "{list}");
    }
}

#[tokio::test]
async fn a_form_after_the_end_of_the_session_says_how_to_send_it_again() {
    let ada = Principal::Account("ada@contoso.com".into());
    for (access, title) in [
        (StaffAccess::ThisMachine, "Your session has ended"),
        (StaffAccess::Listed(vec![ada]), "Your sign-in has ended"),
    ] {
        let site = with_a_review(|config| config.staff = access).await;
        let form = [("seen", "1:1"), ("restaurant_name", "B"), ("description", "d")];
        let late = site
            .post("/admin/restaurants/1")
            .header("sec-fetch-site", "same-origin");
        let late = late.header(COOKIE, "staff=x").form(&form).send().await.unwrap();
        assert!(late.status().is_client_error());
        let page = late.text().await.unwrap();
        for part in [title, "Nothing was saved", "in another tab", "send the form again"] {
            assert!(page.contains(part), "{part} is missing: {page}");
        }
    }
}

#[tokio::test]
async fn a_review_is_hidden_while_its_photo_cannot_be_moved_in_a_folder() {
    hidden_while_photos_are_unavailable(Site::start().await).await;
}

#[tokio::test]
async fn a_review_is_hidden_while_its_photo_cannot_be_moved_in_blob_storage() {
    hidden_while_photos_are_unavailable(Site::start_on_own_blobs().await).await;
}

/// The page says so, and the clean-up moves the photo later.
async fn hidden_while_photos_are_unavailable(site: Site) {
    let path = with_a_photo(&site).await;
    let staff = Member::sign_in(&site).await;
    site.make_photos_unavailable().await;
    let response = staff.act("hide", &[1]).await;
    let mut cookies = response.headers().get_all(SET_COOKIE).iter();
    assert!(cookies.any(|cookie| cookie.to_str().unwrap().starts_with("notice=photo-not-withdrawn")));
    assert!(!site.page("/1/").await.contains("Ada"));
    site.make_photos_available().await;
    withdraw_exposed(&*site.app.store, &*site.app.photos).await;
    assert_eq!(site.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}
