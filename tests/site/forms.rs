//! Forms: errors are shown at their field, typed text is never lost, nothing is saved twice.

use proptest::prelude::*;
use reqwest::{Response, StatusCode};
use restaurant_review::model::{RestaurantForm, ReviewForm};

use crate::harness::{Site, encoded, location, over_both_photo_stores, red_blue, review, review_with_photo};

over_both_photo_stores!(the_same_form_sent_twice_is_saved_once);

async fn refused(response: Response, status: StatusCode, parts: &[&str]) -> String {
    assert_eq!(response.status(), status);
    let page = response.text().await.unwrap();
    for part in parts {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    page
}

#[tokio::test]
async fn a_restaurant_without_name_or_description_is_refused_with_the_samples_message() {
    let site = Site::start().await;
    let message = "Restaurant not added. Include at least a restaurant name and description.";
    let form = [
        ("restaurant_name", " "),
        ("street_address", "5 Kept Road"),
        ("description", "Kept & <b>escaped</b>"),
    ];
    let page = refused(
        site.post("/add").form(&form).send().await.unwrap(),
        StatusCode::UNPROCESSABLE_ENTITY,
        &[
            message,
            "5 Kept Road",
            "Kept &#38; &#60;b&#62;escaped",
            "Enter a name.",
            "restaurant_name-error",
        ],
    )
    .await;
    assert!(!page.contains("description-error"));
    refused(
        site.post("/add")
            .form(&[("restaurant_name", "Kept")])
            .send()
            .await
            .unwrap(),
        StatusCode::UNPROCESSABLE_ENTITY,
        &[message, "value=\"Kept\"", "Enter a description."],
    )
    .await;
    assert!(site.page("/").await.contains("No restaurants exist."));
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_at_its_field() {
    let site = Site::start().await;
    let long = "x".repeat(51);
    let form = [("restaurant_name", long.as_str()), ("description", "d")];
    refused(
        site.post("/add").form(&form).send().await.unwrap(),
        StatusCode::UNPROCESSABLE_ENTITY,
        &[
            "Name is too long: 51 characters, at most 50 are allowed.",
            &long,
            "Correct the marked fields",
        ],
    )
    .await;
    // Exactly at the limits, in characters of four bytes each.
    let (name, description) = ("🍕".repeat(50), "🍜".repeat(250));
    let form = [
        ("restaurant_name", name.as_str()),
        ("street_address", &name),
        ("description", &description),
    ];
    let path = location(&site.post("/add").form(&form).send().await.unwrap());
    let page = site.page(&path).await;
    assert!(page.contains(&name) && page.contains(&description));

    let response = site
        .review(&path, review(&"🙂".repeat(20), "5", &"é".repeat(500)))
        .await;
    assert_eq!(location(&response), path);
    let response = site.review(&path, review(&"u".repeat(21), "5", &"é".repeat(501))).await;
    refused(
        response,
        StatusCode::UNPROCESSABLE_ENTITY,
        &[
            "Your name is too long: 21 characters, at most 20",
            "Review is too long: 501 characters, at most 500",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_review_without_name_or_rating_is_refused_with_the_samples_message() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let message = "Review not added. Include at least a name and rating for review.";
    let page = refused(
        site.review(&path, review("", "4", "Typed text stays")).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &[
            message,
            "Typed text stays",
            "Enter your name.",
            "value=\"4\" required checked",
        ],
    )
    .await;
    assert!(!page.contains("must be chosen again"), "no photo was sent");
    refused(
        site.review(&path, review("Ada", "", "")).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &[message, "value=\"Ada\"", "Choose a rating."],
    )
    .await;
    for rating in ["0", "6", "-1", "4.5", "five", "5 stars", "١"] {
        refused(
            site.review(&path, review("Ada", rating, "")).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            &["The rating must be a whole number from 1 to 5."],
        )
        .await;
    }
    assert!(site.page(&path).await.contains("No reviews of this restaurant yet."));
}

#[tokio::test]
async fn the_page_says_that_a_photo_must_be_chosen_again() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let photo = encoded(&red_blue(40, 30), image::ImageFormat::Png);
    refused(
        site.review(&path, review_with_photo("", "4", photo)).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &["The photo must be chosen again."],
    )
    .await;
    assert!(site.photo_files().is_empty());
}

async fn the_same_form_sent_twice_is_saved_once(site: Site) {
    let id = "0b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01";
    let form = [("restaurant_name", "Once"), ("description", "d"), ("form_id", id)];
    let (first, second) = tokio::join!(
        site.post("/add").form(&form).send(),
        site.post("/add").form(&form).send()
    );
    assert_eq!(location(&first.unwrap()), "/1/");
    assert_eq!(location(&second.unwrap()), "/1/");
    // Going back, changing a word and sending again adds a new restaurant.
    let changed = [("restaurant_name", "Twice"), ("description", "d"), ("form_id", id)];
    assert_ne!(location(&site.post("/add").form(&changed).send().await.unwrap()), "/1/");

    let photo = encoded(&red_blue(40, 30), image::ImageFormat::Png);
    let form = || review_with_photo("Ada", "5", photo.clone()).text("form_id", id);
    let (first, second) = tokio::join!(site.review("/1/", form()), site.review("/1/", form()));
    assert_eq!(location(&first), "/1/");
    assert_eq!(location(&second), "/1/");
    assert!(site.page("/1/").await.contains("5.0 (1 review)"));
    assert_eq!(
        site.stored_photos().await.len(),
        3,
        "one photo in its three sizes: the second copy did not stay"
    );
    site.review("/1/", review("Ada", "4", "").text("form_id", id)).await;
    assert!(site.page("/1/").await.contains("4.5 (2 reviews)"));
}

#[tokio::test]
async fn each_post_of_a_script_without_form_id_is_saved() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    for _ in 0..2 {
        site.review(&path, review("Ada", "5", "")).await;
    }
    assert!(site.page(&path).await.contains("5.0 (2 reviews)"));
}

#[tokio::test]
async fn the_pages_script_gets_an_address_instead_of_a_redirect() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let request = site.post("/review/1").header("X-Requested-With", "XMLHttpRequest");
    let response = request.multipart(review("Ada", "5", "")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["location"], "/1/");
}

#[tokio::test]
async fn a_line_break_from_a_browser_counts_as_one_character() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let text = "line\r\n".repeat(100);
    assert_eq!(location(&site.review(&path, review("Ada", "5", &text)).await), path);
}

proptest! {
    /// Every text is either accepted and follows every rule, or refused with a message at a field.
    #[test]
    fn a_restaurant_follows_the_rules_or_is_refused_with_a_reason(name in ".{0,60}", address in ".{0,60}", text in "(?s).{0,300}") {
        let form = RestaurantForm { restaurant_name: name, street_address: address, description: text };
        match form.validate() {
            Ok(new) => {
                prop_assert!((1..=50).contains(&new.name.chars().count()));
                prop_assert!(new.street_address.chars().count() <= 50);
                prop_assert!((1..=250).contains(&new.description.chars().count()));
                prop_assert!(!new.name.contains(char::is_control));
                prop_assert!(!new.description.contains('\0'));
                prop_assert_eq!(new.name.trim(), &new.name);
                prop_assert!(!form.is_incomplete());
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn a_review_follows_the_rules_or_is_refused_with_a_reason(user in ".{0,30}", rating in "[0-9a-z .+-]{0,3}", text in "(?s).{0,600}") {
        let form = ReviewForm { user_name: user, rating, review_text: text };
        match form.validate() {
            Ok(new) => {
                prop_assert!((1..=20).contains(&new.user_name.chars().count()));
                prop_assert!((1..=5).contains(&new.rating.stars()));
                prop_assert!(new.review_text.chars().count() <= 500);
                prop_assert!(!new.review_text.contains(['\0', '\r']));
            }
            Err(errors) => {
                let fields = ["user_name", "rating", "review_text"];
                prop_assert!(fields.iter().any(|field| errors.get(field).is_some()));
            }
        }
    }
}
