//! A reverse proxy with HTTPS on the same machine, as on a virtual machine.

use reqwest::{Client, RequestBuilder, StatusCode, redirect};

use crate::program::Process;

/// The request as a proxy forwards it from a visitor with this address. nginx adds no header unless it is told to.
fn forwarded(request: RequestBuilder, visitor: Option<&str>) -> RequestBuilder {
    match visitor {
        Some(address) => request.header("x-forwarded-for", address),
        None => request,
    }
}

#[tokio::test]
async fn behind_a_proxy_with_https_cookies_are_secure_and_nobody_is_local() {
    let data = tempfile::tempdir().unwrap();
    let site = Process::serve(&[
        ("DATA_DIR", data.path().to_str().unwrap()),
        ("PUBLIC_URL", "https://reviews.contoso.com"),
        ("POSTS_PER_MINUTE", "1"),
    ])
    .await;
    assert!(!site.announced.contains("staff pages"), "{}", site.announced);
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let get = |path: &str| client.get(format!("{}{path}", site.base));
    let add = || {
        let form = [("restaurant_name", "A"), ("description", "d")];
        client.post(format!("{}/add", site.base)).form(&form)
    };

    for visitor in [None, Some("203.0.113.7")] {
        let added = forwarded(add(), visitor).send().await.unwrap();
        assert_eq!(added.status(), StatusCode::SEE_OTHER);
        let mut cookies = 0;
        for cookie in added.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
            cookies += 1;
        }
        assert!(cookies > 0);
        let list = forwarded(get("/"), visitor).send().await.unwrap();
        assert!(list.headers().contains_key("strict-transport-security"));
        let ready = forwarded(get("/readyz"), visitor).send().await.unwrap();
        assert_eq!(ready.text().await.unwrap(), r#"{"ready":true}"#);
        for path in ["/admin/", "/admin/enter/0a1b"] {
            let staff = forwarded(get(path), visitor).send().await.unwrap();
            assert_eq!(staff.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    // Each visitor has a limit of their own, and those whom the proxy does not name have one together.
    for visitor in [None, Some("203.0.113.7"), Some("198.51.100.1, 203.0.113.7")] {
        let second = forwarded(add(), visitor).send().await.unwrap();
        assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS, "{visitor:?}");
    }
    let other = forwarded(add(), Some("198.51.100.5")).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn behind_a_proxy_only_the_log_tells_about_settings() {
    let site = Process::serve(&[
        ("PUBLIC_URL", "https://reviews.contoso.com"),
        ("DBHOST", "127.0.0.1"),
        // Nothing listens here.
        ("DBPORT", "1"),
        ("DBNAME", "reviews"),
        ("DBUSER", "reviews"),
        ("DBPASS", "unused"),
        ("DBSSLMODE", "disable"),
    ])
    .await;
    let broken = reqwest::get(format!("{}/", site.base)).await.unwrap();
    assert_eq!(broken.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = broken.text().await.unwrap();
    assert!(!page.contains("DBHOST"), "{page}");
}
