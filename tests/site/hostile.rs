//! Hostile input is refused, or shown as plain text.

use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, multipart::Form};

use crate::harness::{Site, location, review};

const SCRIPT: &str = "<script>alert('x')</script>\"'&";

#[tokio::test]
async fn markup_is_shown_as_text_everywhere() {
    let site = Site::start().await;
    let form = [
        ("restaurant_name", SCRIPT),
        ("street_address", SCRIPT),
        ("description", SCRIPT),
    ];
    let path = location(&site.post("/add").form(&form).send().await.unwrap());
    let response = site.review(&path, review("<i>\"'&</i>", "5", SCRIPT)).await;
    assert_eq!(location(&response), path);
    let too_long = "<b>".repeat(40);
    let query = [("q", SCRIPT), ("sort", SCRIPT), ("after", SCRIPT)];
    let pages = [
        site.page("/").await,
        site.page(&path).await,
        site.get("/").query(&query).send().await.unwrap().text().await.unwrap(),
        site.post("/add")
            .form(&[("restaurant_name", SCRIPT)])
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        site.review(&path, review(&too_long, SCRIPT, SCRIPT))
            .await
            .text()
            .await
            .unwrap(),
        site.get("/<script>alert(1)</script>")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    ];
    for page in pages {
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("<b><b>") && !page.contains("<i>"), "{page}");
    }
}

#[tokio::test]
async fn nul_and_control_characters_are_refused_at_the_field() {
    let site = Site::start().await;
    for bad in ["a\0b", "a\u{1b}[2Jb", "a\u{9b}b"] {
        let response = site
            .post("/add")
            .form(&[("restaurant_name", bad), ("description", "d")])
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("Name contains characters that cannot be shown.")
        );
    }
    let path = site.add_restaurant("A").await;
    let response = site.review(&path, review("A", "5", "x\0y")).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_refused_at_the_field() {
    let site = Site::start().await;
    let form = "restaurant_name=Caf%E9&description=d";
    let request = site
        .post("/add")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("Name was not sent as UTF-8 text.")
    );
}

#[tokio::test]
async fn paths_cannot_leave_their_folder() {
    let site = Site::start().await;
    std::fs::write(site.folder.path().join("photos").join("secret.txt"), "secret").unwrap();
    for path in [
        "/photos/secret.txt",
        "/photos/..%2frestaurants.sqlite3",
        "/photos/%2e%2e%2frestaurants.sqlite3",
        "/photos/..%5crestaurants.sqlite3",
        "/photos/%2fetc%2fpasswd",
        "/photos/.ready",
        "/photos/%00.jpg",
        "/static/..%2fCargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/1%2f",
        "/%31%00/",
    ] {
        let response = site.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!response.text().await.unwrap().contains("SQLite format"), "{path}");
    }
}

#[tokio::test]
async fn broken_multipart_is_a_bad_request() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let field = "--b\r\nContent-Disposition: form-data; name=\"user_name\"\r\n\r\nAda\r\n";
    let cases = [
        ("multipart/form-data", "--b--".to_owned()),
        ("multipart/form-data; boundary=", "--b--".to_owned()),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", "no boundary at all".to_owned()),
        ("multipart/form-data; boundary=b", field.to_owned()),
        (
            "multipart/form-data; boundary=b",
            format!("{field}--b\r\nContent-Disposition: form-da"),
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\n\u{0}\u{1}: \r\n\r\nx\r\n--b--\r\n".to_owned(),
        ),
    ];
    for (kind, body) in cases {
        let request = site.post("/review/1").header(CONTENT_TYPE, kind).body(body.clone());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{kind} {body:?}");
        assert!(response.text().await.unwrap().contains("Back to all restaurants"));
    }
    assert!(site.page(&path).await.contains("No reviews of this restaurant yet."));
}

#[tokio::test]
async fn odd_forms_are_read_or_refused_but_never_fail() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    // A file in place of text, text in place of a file, a field twice, unknown fields.
    let file_as_name = Form::new()
        .part(
            "user_name",
            reqwest::multipart::Part::bytes(b"Ada".to_vec()).file_name("a.txt"),
        )
        .text("rating", "5");
    assert_eq!(
        site.review(&path, file_as_name).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let text_as_photo = review("Ada", "5", "").text("reviewImage", "no file");
    assert_eq!(
        site.review(&path, text_as_photo).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let twice = review("First", "5", "")
        .text("user_name", "Second")
        .text("admin", "true")
        .text("", "x");
    assert_eq!(location(&site.review(&path, twice).await), path);
    assert!(
        site.page(&path).await.contains("Second"),
        "the last one wins, as in the sample"
    );
    let empty_file = review("Ada", "5", "").part("reviewImage", reqwest::multipart::Part::bytes(vec![]).file_name(""));
    assert_eq!(
        location(&site.review(&path, empty_file).await),
        path,
        "no photo was chosen"
    );
    let encoded_path = site
        .post("/review/%31")
        .form(&[("user_name", "Ada"), ("rating", "5")])
        .send()
        .await
        .unwrap();
    assert_eq!(location(&encoded_path), path);
    for id in ["0", "-1", "1e3", "abc", "9223372036854775808", "%20"] {
        let request = site
            .post(&format!("/review/{id}"))
            .form(&[("user_name", "Ada"), ("rating", "5")]);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn huge_fields_are_refused() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let long = "x".repeat(100_000);
    let response = site.review(&path, review("Ada", "5", &long)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("Review is too long: 100000 characters")
    );
    let huge = "x".repeat(1 << 20);
    let multipart = site.review(&path, review("Ada", "5", &huge)).await;
    assert_eq!(multipart.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let urlencoded = site
        .post("/add")
        .form(&[("restaurant_name", &huge)])
        .send()
        .await
        .unwrap();
    assert_eq!(urlencoded.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let many: Vec<(String, &str)> = (0..20_000).map(|index| (format!("f{index}"), "")).collect();
    let response = site.post("/add").form(&many).send().await.unwrap();
    assert!(response.status().is_client_error());
}
