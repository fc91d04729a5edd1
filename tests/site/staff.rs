//! The staff pages, over real sockets: who gets in, and what they do there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use reqwest::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};
use restaurant_review::config::{Config, Principal, StaffAccess};
use restaurant_review::model::ReviewAction;
use restaurant_review::photo_cleanup::withdraw_exposed;

use crate::harness::{Site, encoded, links, over_both_photo_stores, photo_link, red_blue, review, review_with_photo};
use crate::plain_sql::assert_recounted;
use crate::redirect::location;

over_both_photo_stores! {
    a_hidden_review_disappears_with_its_photo,
    a_hidden_photo_is_withdrawn_after_a_crash,
    a_deleted_review_takes_its_photo_along,
    a_replaced_photo_leaves_the_store,
}

/// A member of staff on this machine.
pub struct Member<'s> {
    site: &'s Site,
    cookie: String,
}

impl<'s> Member<'s> {
    pub async fn sign_in(site: &'s Site) -> Self {
        let path = format!("/admin/enter/{}", site.app.local_door.new_link().expose());
        let response = site.get(&path).send().await.unwrap();
        assert_eq!(location(&response), "/admin/");
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/admin", "Max-Age=43200"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { site, cookie }
    }

    pub async fn page(&self, path: &str) -> String {
        let response = self.site.get(path).header(COOKIE, &self.cookie).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        response.text().await.unwrap()
    }

    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        let request = self.site.post(path).header(COOKIE, &self.cookie);
        request.header("sec-fetch-site", "same-origin")
    }

    /// Hides, shows or deletes what is chosen, as the two pages do.
    pub async fn act(&self, action: &str, ids: &[i64]) -> Response {
        let ids: Vec<_> = ids.iter().map(|id| format!("&id={id}")).collect();
        let page = self
            .page(&format!("/admin/reviews/act?action={action}{}", ids.concat()))
            .await;
        let form = [("action", action), ("seen", &value(&page, "seen"))];
        self.post("/admin/reviews/act").form(&form).send().await.unwrap()
    }
}

/// The value of a hidden field of a page.
pub fn value(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

const STAFF_PATHS: [&str; 9] = [
    "/admin/",
    "/admin/restaurants/",
    "/admin/restaurants/add",
    "/admin/restaurants/delete?id=1",
    "/admin/restaurants/1",
    "/admin/restaurants/1/reviews/add",
    "/admin/reviews/",
    "/admin/reviews/act?action=delete&id=1",
    "/admin/reviews/1",
];

/// A site with a restaurant that has one review.
pub async fn with_a_review(change: impl FnOnce(&mut Config)) -> Site {
    let site = Site::start_with(change).await;
    let path = site.add_restaurant("Anchor").await;
    site.review(&path, review("Ada", "5", "Lovely")).await;
    site
}

#[tokio::test]
async fn without_a_session_every_page_says_where_the_link_is() {
    let site = with_a_review(|_| {}).await;
    for path in STAFF_PATHS {
        let response = site.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let page = response.text().await.unwrap();
        assert!(
            page.contains("Open the link in the log") && !page.contains("Lovely"),
            "{page}"
        );
        // Through a proxy on this machine, anyone may have sent it.
        let response = site
            .get(path)
            .header("x-forwarded-for", "203.0.113.7")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    // The same for posts, with any cookie.
    for cookie in ["", "staff=", "staff=0", &format!("staff={}", "0".repeat(64))] {
        let request = site
            .post("/admin/reviews/act")
            .header(COOKIE, cookie)
            .header("sec-fetch-site", "same-origin");
        let response = request
            .form(&[("action", "delete"), ("seen", "1:1")])
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
    assert!(site.page("/1/").await.contains("Lovely"));
}

#[tokio::test]
async fn a_link_works_once_and_then_says_what_to_do() {
    let site = Site::start().await;
    let path = format!("/admin/enter/{}", site.app.local_door.new_link().expose());
    let proxied = site.get(&path).header("via", "1.1 proxy").send().await.unwrap();
    assert_eq!(proxied.status(), StatusCode::NOT_FOUND);
    let preview = site.client.head(format!("{}{path}", site.base)).send().await.unwrap();
    assert_eq!(preview.status(), StatusCode::NOT_FOUND);
    let first = site.get(&path).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    assert_eq!(first.headers()["referrer-policy"], "no-referrer");
    let second = site.get(&path).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::FORBIDDEN);
    assert!(second.text().await.unwrap().contains("the log gets a new one"));
    assert!(site.app.local_door.has_link(), "it has a new one already");
}

#[tokio::test]
async fn what_is_not_configured_does_not_exist() {
    let forged = STANDARD.encode(r#"{"auth_typ":"aad","claims":[{"typ":"upn","val":"ada@contoso.com"}]}"#);
    for access in [StaffAccess::Off, StaffAccess::NoAuthentication] {
        let site = with_a_review(|config| config.staff = access).await;
        let link = format!("/admin/enter/{}", site.app.local_door.new_link().expose());
        for path in STAFF_PATHS.into_iter().chain([link.as_str()]) {
            let request = site.get(path).header("x-ms-client-principal", &forged);
            assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn in_azure_the_platform_says_who_it_is() {
    let ada = Principal::Account("ada@contoso.com".into());
    let site = with_a_review(|config| config.staff = StaffAccess::Listed(vec![ada])).await;
    let principal = |account: &str| {
        STANDARD.encode(format!(
            r#"{{"auth_typ":"aad","claims":[{{"typ":"preferred_username","val":"{account}"}}]}}"#
        ))
    };
    let get = async |path: &str, principal: &str| {
        let request = site.get(path).header("x-ms-client-principal", principal);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        (response.status(), response.text().await.unwrap())
    };
    let (status, page) = get("/admin/", &principal("Ada@Contoso.com")).await;
    assert!(
        status == StatusCode::OK && page.contains("Signed in as <bdi>ada@contoso.com</bdi>"),
        "{page}"
    );
    assert!(page.contains("/.auth/logout"));
    let (status, page) = get("/admin/", &principal("<b>bob@contoso.com")).await;
    assert!(
        status == StatusCode::FORBIDDEN && page.contains("signed in as &#60;b&#62;bob@contoso.com"),
        "{page}"
    );
    let (status, page) = get("/admin/", "bm90IGpzb24=").await;
    assert!(
        status == StatusCode::FORBIDDEN && page.contains("Account not recognised"),
        "{page}"
    );
    // A name that is not ASCII.
    let named = site
        .get("/admin/")
        .header("x-ms-client-principal", principal("ada@contoso.com"));
    let named = named.header("x-ms-client-principal-name", "jörg@contoso.com".as_bytes());
    assert_eq!(named.send().await.unwrap().status(), StatusCode::OK);
    // Two headers, one of them a listed account's.
    let twice = site
        .get("/admin/")
        .header("x-ms-client-principal", principal("eve@contoso.com"));
    let twice = twice
        .header("x-ms-client-principal", principal("ada@contoso.com"))
        .send()
        .await
        .unwrap();
    assert_eq!(twice.status(), StatusCode::FORBIDDEN);

    // Not signed in: to the platform's page and back.
    for path in STAFF_PATHS {
        let response = site.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let target = response.headers()[LOCATION].to_str().unwrap();
        let encoded: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        assert_eq!(target, format!("/.auth/login/aad?post_login_redirect_uri={encoded}"));
    }
    let post = site.post("/admin/reviews/act").header("sec-fetch-site", "same-origin");
    let post = post
        .form(&[("action", "delete"), ("seen", "1:1")])
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), StatusCode::UNAUTHORIZED);
    // A session on this machine counts for nothing here.
    let link = format!("/admin/enter/{}", site.app.local_door.new_link().expose());
    assert_eq!(site.get(&link).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_pages_of_this_site_change_anything() {
    let site = with_a_review(|_| {}).await;
    let staff = Member::sign_in(&site).await;
    let form = [("action", "delete"), ("seen", "1:1")];
    let cookie = staff.cookie.clone();
    let post = || site.post("/admin/reviews/act").header(COOKIE, &cookie).form(&form);
    let foreign = [
        post(),
        post().header("sec-fetch-site", "cross-site"),
        post().header("sec-fetch-site", "same-site"),
        post().header("origin", "https://example.com"),
        post().header("origin", "null"),
    ];
    for request in foreign {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    assert!(site.page("/1/").await.contains("Lovely"));
    let own = post().header("origin", &site.base).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    assert!(!site.page("/1/").await.contains("Lovely"));
}

#[tokio::test]
async fn a_restaurant_is_added_changed_and_deleted() {
    let site = Site::start().await;
    let staff = Member::sign_in(&site).await;
    let form_id = value(&staff.page("/admin/restaurants/add").await, "form_id");
    let mut form = vec![
        ("form_id", form_id.as_str()),
        ("restaurant_name", ""),
        ("description", "By the <sea>"),
    ];
    let refused = staff.post("/admin/restaurants/add").form(&form).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text().await.unwrap().contains("By the &#60;sea&#62;"),
        "nothing typed is lost"
    );
    form[1].1 = "Anchor";
    let added = staff.post("/admin/restaurants/add").form(&form).send().await.unwrap();
    assert_eq!(location(&added), "/admin/restaurants/1");

    // Two people change it at the same time.
    let page = staff.page("/admin/restaurants/1").await;
    let seen = value(&page, "seen");
    let change = async |name: &str, seen: &str| {
        let form = [
            ("seen", seen),
            ("restaurant_name", name),
            ("street_address", "2 Quay"),
            ("description", "Fish"),
        ];
        staff.post("/admin/restaurants/1").form(&form).send().await.unwrap()
    };
    assert_eq!(change("First", &seen).await.status(), StatusCode::SEE_OTHER);
    let second = change("Second", &seen).await;
    assert_eq!(second.status(), StatusCode::CONFLICT);
    let page = second.text().await.unwrap();
    assert!(
        page.contains("someone else changed this restaurant in the meantime") && page.contains("<bdi>First</bdi>"),
        "{page}"
    );
    assert!(page.contains("value=\"Second\""), "{page}");
    assert!(site.page("/1/").await.contains("First"));
    // Who has seen both texts may replace the one by the other.
    assert_eq!(
        change("Second", &value(&page, "seen")).await.status(),
        StatusCode::SEE_OTHER
    );
    assert!(site.page("/?q=second").await.contains("href=\"/1/\""));
    for bad in ["", "2:1", "1", "x:y"] {
        assert_eq!(change("Third", bad).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let history = staff.page("/admin/").await;
    assert!(history.contains("developer on this machine") && history.contains("Name: First"));

    site.review("/1/", review("Ada", "5", "Lovely")).await;
    let confirm = staff.page("/admin/restaurants/delete?id=1").await;
    assert!(confirm.contains("1 restaurant with 1 review and 0 photos"), "{confirm}");
    let form = [("seen", value(&confirm, "seen"))];
    let deleted = staff
        .post("/admin/restaurants/delete")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&deleted), "/admin/restaurants/?sort=name");
    assert_eq!(site.get("/1/").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(staff.page("/admin/").await.contains("<strong>deleted</strong>"));
}

#[tokio::test]
async fn reviews_are_found_and_changed() {
    let site = with_a_review(|_| {}).await;
    let staff = Member::sign_in(&site).await;
    for (query, is_found) in [
        ("", true),
        ("?q=LOVE", true),
        ("?q=%25", false),
        (
            "?rating=5&hidden=no&photo=no&restaurant=1&since=2020-01-01&sort=lowest",
            true,
        ),
        ("?hidden=yes", false),
        ("?until=2020-01-01", false),
        ("?rating=9&sort=x&after=y&since=z&%FF=%FF", true),
    ] {
        let page = staff.page(&format!("/admin/reviews/{query}")).await;
        assert_eq!(page.contains("Lovely"), is_found, "{query}");
    }
    let page = staff.page("/admin/reviews/1").await;
    let form = |name: &str, rating: &str| review(name, rating, "Corrected").text("seen", value(&page, "seen"));
    let refused = staff
        .post("/admin/reviews/1")
        .multipart(form("", "5"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("Corrected"));
    let changed = staff
        .post("/admin/reviews/1")
        .multipart(form("Ada", "1"))
        .send()
        .await
        .unwrap();
    assert_eq!(location(&changed), "/admin/reviews/1");
    assert!(site.page("/1/").await.contains("1.0 (1 review)"));
    let late = staff
        .post("/admin/reviews/1")
        .multipart(form("Eve", "5"))
        .send()
        .await
        .unwrap();
    assert_eq!(late.status(), StatusCode::CONFLICT);
    let late = late.text().await.unwrap();
    assert!(
        late.contains("<bdi>Ada</bdi>") && late.contains("value=\"Eve\""),
        "{late}"
    );
    assert_recounted(&site.plain_sql().await).await;
    for path in [
        "/admin/reviews/2",
        "/admin/restaurants/2",
        "/admin/reviews/x",
        "/admin/nothing",
    ] {
        let missing = site.get(path).header(COOKIE, &staff.cookie).send().await.unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for seen in ["", "1", ",", &vec!["1:1"; 51].join(",")] {
        let form = [("action", "delete"), ("seen", seen)];
        let refused = staff.post("/admin/reviews/act").form(&form).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{seen}");
    }
}

#[tokio::test]
async fn several_reviews_are_hidden_and_deleted_at_once() {
    let site = with_a_review(|_| {}).await;
    for (name, rating) in [("Bob", "1"), ("Eve", "2")] {
        site.review("/1/", review(name, rating, name)).await;
    }
    let staff = Member::sign_in(&site).await;
    assert_eq!(
        location(&staff.act("hide", &[2, 3]).await),
        "/admin/reviews/?sort=newest"
    );
    let page = site.page("/1/").await;
    assert!(
        page.contains("5.0 (1 review)") && !page.contains("Bob") && !page.contains("Eve"),
        "{page}"
    );
    assert!(staff.page("/admin/restaurants/").await.contains(">1 + 2 hidden<"));
    assert_eq!(staff.act("show", &[3, 999]).await.status(), StatusCode::SEE_OTHER);
    assert!(site.page("/1/").await.contains("3.5 (2 reviews)"));
    staff.act("delete", &[1, 2, 3]).await;
    assert!(site.page("/1/").await.contains("No ratings yet"));
    let history = staff.page("/admin/restaurants/1").await;
    assert_eq!(history.matches("<strong>deleted</strong>").count(), 3);
    assert_recounted(&site.plain_sql().await).await;
}

/// A site's restaurant with one review that has a photo, and the path of the photo.
pub async fn with_a_photo(site: &Site) -> String {
    site.add_restaurant("Anchor").await;
    let photo = encoded(&red_blue(400, 300), ImageFormat::Jpeg);
    let sent = site.review("/1/", review_with_photo("Ada", "5", photo)).await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    photo_link(&site.page("/1/").await)
}

async fn a_hidden_review_disappears_with_its_photo(site: Site) {
    let path = with_a_photo(&site).await;
    let thumbnail = path.replace(".jpg", "-thumb.jpg");
    let photo = site.get(&path).send().await.unwrap().bytes().await.unwrap();
    let staff = Member::sign_in(&site).await;
    staff.act("hide", &[1]).await;
    for gone in [&path, &thumbnail] {
        assert_eq!(
            site.get(gone).send().await.unwrap().status(),
            StatusCode::NOT_FOUND,
            "{gone}"
        );
    }
    assert!(!site.page("/1/").await.contains("/photos/") && !site.page("/").await.contains("/photos/"));
    // The staff still sees it, under a name that nobody else knows.
    let moved = photo_link(&staff.page("/admin/reviews/1").await);
    assert_ne!(moved, path);
    assert_eq!(site.get(&moved).send().await.unwrap().bytes().await.unwrap(), photo);
    assert_eq!(site.stored_photos().await.len(), 3);
    staff.act("show", &[1]).await;
    assert_eq!(photo_link(&site.page("/1/").await), moved);
}

async fn a_hidden_photo_is_withdrawn_after_a_crash(site: Site) {
    let path = with_a_photo(&site).await;
    let (store, photos) = (&*site.app.store, &*site.app.photos);
    let seen = store.staff_reviews_by_id(&[1]).await.unwrap()[0].versioned();
    // As if the process had died when the review was hidden, before its photo was moved.
    store.act_on_reviews(&[seen], ReviewAction::Hide, "ada").await.unwrap();
    assert_eq!(site.get(&path).send().await.unwrap().status(), StatusCode::OK);
    withdraw_exposed(store, photos).await;
    assert_eq!(site.get(&path).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let staff = Member::sign_in(&site).await;
    let moved = photo_link(&staff.page("/admin/reviews/1").await);
    assert_eq!(site.get(&moved).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(site.stored_photos().await.len(), 3);
    // Once is enough.
    withdraw_exposed(store, photos).await;
    assert_eq!(photo_link(&staff.page("/admin/reviews/1").await), moved);
}

async fn a_deleted_review_takes_its_photo_along(site: Site) {
    with_a_photo(&site).await;
    let staff = Member::sign_in(&site).await;
    staff.act("delete", &[1]).await;
    assert!(site.stored_photos().await.is_empty());
    assert!(links(&site.page("/1/").await, "/photos/").next().is_none());
}

async fn a_replaced_photo_leaves_the_store(site: Site) {
    let old = with_a_photo(&site).await;
    let staff = Member::sign_in(&site).await;
    let send = async |form: reqwest::multipart::Form| {
        let seen = value(&staff.page("/admin/reviews/1").await, "seen");
        let sent = staff
            .post("/admin/reviews/1")
            .multipart(form.text("seen", seen))
            .send()
            .await
            .unwrap();
        assert_eq!(location(&sent), "/admin/reviews/1");
    };
    let photo = encoded(&red_blue(200, 200), ImageFormat::Png);
    send(review_with_photo("Ada", "5", photo)).await;
    let new = photo_link(&site.page("/1/").await);
    assert_ne!(new, old);
    assert_eq!(site.get(&old).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(site.stored_photos().await.len(), 3);
    send(review("Ada", "5", "Without").text("remove_photo", "yes")).await;
    assert!(site.stored_photos().await.is_empty());
}
