//! The private link of a writer.

use image::ImageFormat;
use reqwest::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use reqwest::{Response, StatusCode};
use restaurant_review::model::ReviewAction;

use crate::harness::{Site, encoded, links, red_blue, review, review_with_photo};
use crate::redirect::location;
use crate::staff::value;

/// The pairs of the cookies that a response sets.
pub fn cookies(response: &Response) -> String {
    let cookies = response.headers().get_all(SET_COOKIE).iter();
    let pairs = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// Sends a review as a browser does; the private link on the page that follows.
pub async fn link_of(site: &Site, form: reqwest::multipart::Form) -> String {
    let sent = site.review("/1/", form).await;
    let next = site
        .get(&location(&sent))
        .header(COOKIE, cookies(&sent))
        .send()
        .await
        .unwrap();
    assert_eq!(next.headers()[CACHE_CONTROL], "no-store");
    let removed = next.headers().get_all(SET_COOKIE).iter();
    let mut removed = removed.map(|cookie| cookie.to_str().unwrap());
    assert!(removed.any(|cookie| cookie.starts_with("writer-1-") && cookie.contains("Max-Age=0")));
    let page = next.text().await.unwrap();
    links(&page, "/review/edit/").next().unwrap()
}

#[tokio::test]
async fn a_writer_corrects_a_review_and_takes_it_back() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let photo = encoded(&red_blue(400, 300), ImageFormat::Jpeg);
    let link = link_of(&site, review_with_photo("Ada", "5", photo)).await;
    assert!(
        links(&site.page("/1/").await, "/review/edit/").next().is_none(),
        "it is shown once"
    );

    let response = site.get(&link).send().await.unwrap();
    assert_eq!(response.headers()["referrer-policy"], "strict-origin");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let page = response.text().await.unwrap();
    let form = |name: &str, rating: &str| review(name, rating, "Corrected").text("seen", value(&page, "seen"));
    let refused = site.post(&link).multipart(form("Ada", "6")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("Corrected"));
    let changed = site.post(&link).multipart(form("Ada", "2")).send().await.unwrap();
    assert_eq!(location(&changed), "/1/");
    assert_eq!(changed.headers()["referrer-policy"], "no-referrer");
    let page = site.page("/1/").await;
    assert!(page.contains("Corrected") && page.contains("2.0 (1 review)"), "{page}");
    let late = site.post(&link).multipart(form("Ada", "5")).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::CONFLICT);

    let delete = format!("{link}/delete");
    let page = site.get(&link).send().await.unwrap().text().await.unwrap();
    let seen = value(&page, "seen");
    for (form, status) in [
        (vec![("seen", seen.as_str())], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("seen", "1:1"), ("confirmed", "yes")], StatusCode::CONFLICT),
        (
            vec![("seen", "x"), ("confirmed", "yes")],
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let refused = site.post(&delete).form(&form).send().await.unwrap();
        assert_eq!(refused.status(), status, "{form:?}");
    }
    let form = [("seen", seen.as_str()), ("confirmed", "yes")];
    let deleted = site.post(&delete).form(&form).send().await.unwrap();
    assert_eq!(location(&deleted), "/1/");
    // The next page tells the browser to forget the link.
    let next = site.get("/1/").header(COOKIE, cookies(&deleted));
    let page = next.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("No ratings yet"), "{page}");
    assert!(page.contains(&format!("data-gone-link=\"{link}\"")), "{page}");
    assert_gone(&site, &link).await;
    site.app.saves.close();
    site.app.saves.wait().await;
    assert!(site.stored_photos().await.is_empty());
}

/// Asserts that the link says that its review is gone, and makes the browser forget it. Returns the page.
async fn assert_gone(site: &Site, link: &str) -> String {
    let gone = site.get(link).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(gone.headers()["referrer-policy"], "no-referrer");
    assert_eq!(gone.headers()[CACHE_CONTROL], "no-store");
    let page = gone.text().await.unwrap();
    assert!(page.contains("This review no longer exists."), "{page}");
    assert!(
        !page.contains("data-gone-link"),
        "a hidden review may come back: {page}"
    );
    page
}

#[tokio::test]
async fn each_of_several_new_reviews_keeps_its_link() {
    let site = Site::start().await;
    for name in ["Anchor", "Bistro"] {
        site.add_restaurant(name).await;
    }
    // Three tabs send a review before any of them has the next page.
    let mut jar = Vec::new();
    for path in ["/1/", "/1/", "/2/"] {
        jar.push(cookies(&site.review(path, review("Ada", "5", path)).await));
    }
    let jar = jar.join("; ");
    for (path, count) in [("/1/", 2), ("/2/", 1)] {
        let page = site
            .get(path)
            .header(COOKIE, &jar)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let links: Vec<_> = links(&page, "/review/edit/").collect();
        assert_eq!(links.len(), count, "{links:?}");
        for link in links {
            assert!(
                site.page(&link).await.contains(&format!("{path}</textarea>")),
                "{link} of {path}"
            );
        }
    }
    // A page without the notice shows a link that waits.
    let waiting = jar.split("; ").find(|pair| pair.starts_with("writer-2-")).unwrap();
    let page = site.get("/2/").header(COOKIE, waiting).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("/review/edit/"));
}

#[tokio::test]
async fn no_answer_below_a_link_gives_it_away() {
    let site = Site::start_with(|config| config.limits.posts_per_minute = 0).await;
    site.add_restaurant("Anchor").await;
    let link = link_of(&site, review("Ada", "5", "Lovely")).await;
    let delete = format!("{link}/delete");
    let cross = site.post(&delete).header("sec-fetch-site", "cross-site");
    for (request, status) in [
        (site.post(&link), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (site.post(&link).form(&[("seen", "x")]), StatusCode::BAD_REQUEST),
        (cross.form(&[("seen", "1:1")]), StatusCode::FORBIDDEN),
        (site.get(&delete), StatusCode::SEE_OTHER),
        (site.get(&format!("{link}0")), StatusCode::NOT_FOUND),
        (site.get("/admin/enter/x"), StatusCode::NOT_FOUND),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer", "{status}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{status}");
    }
}

#[tokio::test]
async fn only_the_link_of_a_review_opens_it() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let link = link_of(&site, review("Ada", "5", "Lovely")).await;
    let other = link_of(&site, review("Bob", "1", "Bad")).await;
    assert_ne!(link, other);
    let key = link.rsplit('/').next().unwrap();
    let flipped: String = key.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    for bad in [flipped.as_str(), &key[1..], &key.to_uppercase(), "x", "%00", "..%2f"] {
        let path = format!("/review/edit/{bad}");
        let seen = [
            ("seen", "1:1"),
            ("confirmed", "yes"),
            ("user_name", "Eve"),
            ("rating", "1"),
        ];
        let requests = [
            site.get(&path),
            site.post(&path).form(&seen),
            site.post(&format!("{path}/delete")).form(&seen),
        ];
        for request in requests {
            assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND, "{bad}");
        }
    }
    // The version of another review.
    let form = review("Eve", "1", "x").text("seen", "2:1");
    let refused = site.post(&link).multipart(form).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let cross = site
        .post(&format!("{link}/delete"))
        .header("sec-fetch-site", "cross-site");
    let cross = cross
        .form(&[("seen", "1:1"), ("confirmed", "yes")])
        .send()
        .await
        .unwrap();
    assert_eq!(cross.status(), StatusCode::FORBIDDEN);
    let page = site.page("/1/").await;
    assert!(page.contains("Lovely") && page.contains("Bad"));
    // The store has only hashes.
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("select writer_key_hash from reviews")
        .fetch_all(&site.plain_sql().await)
        .await
        .unwrap();
    assert!(
        stored
            .iter()
            .all(|hash| hash.len() == 32 && !key.contains(&hex::encode(hash)))
    );
}

#[tokio::test]
async fn a_form_that_is_sent_again_gets_no_link() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let form = || review("Ada", "5", "Lovely").text("form_id", "same");
    assert!(cookies(&site.review("/1/", form()).await).contains("writer-1-"));
    let again = site.review("/1/", form()).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    assert!(!cookies(&again).contains("writer-"));
    // With the secret of its page's script, it does: a writer whose answer was lost. Another one's does not help.
    let secret = "1".repeat(64);
    let form = |secret: &str| {
        review("Eve", "5", "Lovely")
            .text("form_id", "other")
            .text("writer_secret", secret.to_owned())
    };
    let link = async || {
        let cookies = cookies(&site.review("/1/", form(&secret)).await);
        cookies
            .split("; ")
            .find(|cookie| cookie.starts_with("writer-1-"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(link().await, link().await);
    for wrong in [&*"2".repeat(64), "", "x"] {
        assert!(!cookies(&site.review("/1/", form(wrong)).await).contains("writer-"));
    }
    // The page's script gets the link in the same way.
    let by_script = site.post("/review/1").header("x-requested-with", "XMLHttpRequest");
    let by_script = by_script.multipart(review("Bob", "5", "")).send().await.unwrap();
    assert!(by_script.status() == StatusCode::CREATED && cookies(&by_script).contains("writer-1-"));
}

#[tokio::test]
async fn a_hidden_review_is_gone_for_its_writer() {
    let site = Site::start().await;
    site.add_restaurant("Anchor").await;
    let link = link_of(&site, review("Ada", "5", "Lovely")).await;
    let deleted = link_of(&site, review("Bob", "1", "Bad")).await;
    let seen = value(&site.page(&link).await, "seen");
    let reviews = site.app.store.staff_reviews_by_id(&[1, 2]).await.unwrap();
    for (review, action) in reviews.iter().zip([ReviewAction::Hide, ReviewAction::Delete]) {
        site.app
            .store
            .act_on_reviews(&[review.versioned()], action, "ada")
            .await
            .unwrap();
    }
    // Nothing tells it from a deleted one.
    let hidden_page = assert_gone(&site, &link).await;
    assert_eq!(
        hidden_page.replace(&link, ""),
        assert_gone(&site, &deleted).await.replace(&deleted, "")
    );
    for seen in [seen.as_str(), "1:2"] {
        for link in [&link, &deleted] {
            let form = review("Ada", "1", "Again").text("seen", seen.to_owned());
            let refused = site.post(link).multipart(form).send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::NOT_FOUND);
            assert!(refused.text().await.unwrap().contains("This review no longer exists."));
            let form = [("seen", seen), ("confirmed", "yes")];
            let refused = site.post(&format!("{link}/delete")).form(&form).send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        }
    }
    assert_eq!(
        site.app.store.staff_reviews_by_id(&[1]).await.unwrap()[0]
            .review
            .review_text,
        "Lovely"
    );
}
