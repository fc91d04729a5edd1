//! The answers that visitors and scripts get from each address.

use image::ImageFormat;
use reqwest::StatusCode;
use reqwest::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use restaurant_review::assets::asset;
use restaurant_review::config::Config;
use restaurant_review::model::NewRestaurant;
use restaurant_review::store::ImportedRestaurant;
use time::OffsetDateTime;

use crate::harness::{Site, encoded, links, location, red_blue, review, review_with_photo};

#[tokio::test]
async fn an_empty_list_says_how_to_start() {
    let site = Site::start().await;
    let page = site.page("/").await;
    assert!(page.contains("No restaurants exist. Select <strong>Add new restaurant</strong> to add one."));
}

#[tokio::test]
async fn a_script_written_for_the_sample_works() {
    let site = Site::start().await;
    let path = site.add_restaurant("Contoso Café").await;
    assert_eq!(path, "/1/");
    // First as `requests.post(data=…)` and `curl -d` send it, then as a browser does.
    let urlencoded = [("user_name", "Ada"), ("rating", "5"), ("review_text", "Great")];
    let response = site.post("/review/1").form(&urlencoded).send().await.unwrap();
    assert_eq!(location(&response), "/1/");
    assert_eq!(location(&site.review(&path, review("Bob", "4", "Good")).await), "/1/");

    let page = site.page("/1/").await;
    for part in [
        "Contoso Café",
        "1 Main Street",
        "Nice food",
        "4.5 (2 reviews)",
        "Ada",
        "Great",
        "Bob",
        "Good",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        page.find("Bob").unwrap() < page.find("Ada").unwrap(),
        "newest review first"
    );
    let list = site.page("/").await;
    assert!(list.contains("4.5 (2 reviews)") && list.contains("href=\"/1/\""));
}

#[tokio::test]
async fn pages_tell_a_phone_what_it_needs() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    for (address, parts) in [
        (
            "/",
            &[
                "enterkeyhint=\"search\"",
                "<meta name=\"theme-color\"",
                "rel=\"manifest\"",
                "rel=\"apple-touch-icon\"",
            ][..],
        ),
        (
            &path,
            &[
                "enterkeyhint=\"next\"",
                "https://www.openstreetmap.org/search?query=1+Main+Street",
            ],
        ),
        ("/create", &["enterkeyhint=\"next\""]),
    ] {
        let page = site.page(address).await;
        for part in parts {
            assert!(page.contains(part), "{address}: {part}");
        }
    }
}

#[tokio::test]
async fn the_list_says_which_restaurants_of_how_many_it_shows() {
    let site = Site::start().await;
    for (more, count) in [
        (1, "1 restaurant"),
        (49, "50 restaurants"),
        (70, "1–50 of 120 restaurants"),
        (881, "1–50 of over 1,000 restaurants"),
    ] {
        let restaurant = |_| ImportedRestaurant {
            restaurant: NewRestaurant {
                name: "A".into(),
                street_address: String::new(),
                description: "Nice food".into(),
            },
            created_at: OffsetDateTime::now_utc(),
            reviews: Vec::new(),
        };
        let restaurants: Vec<_> = (0..more).map(restaurant).collect();
        site.app.store.import(&restaurants).await.unwrap();
        // Imported by this process, but not by a request: the cached page would show it after a moment.
        let page = site.get("/").header(COOKIE, "fresh=1").send().await.unwrap();
        let page = page.text().await.unwrap();
        assert!(page.contains(&format!("<p class=\"count\">{count}")), "{count}: {page}");
    }
}

#[tokio::test]
async fn one_review_is_not_called_reviews() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    assert!(site.page("/").await.contains("No ratings yet"));
    assert!(site.page(&path).await.contains("No reviews of this restaurant yet."));
    site.review(&path, review("Ada", "3", "")).await;
    assert!(site.page("/").await.contains("3.0 (1 review)"));
}

#[tokio::test]
async fn an_id_without_slash_is_redirected() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let response = site.get(path.trim_end_matches('/')).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()[LOCATION], path);
}

#[tokio::test]
async fn a_notice_is_shown_once() {
    let site = Site::start().await;
    let form = [("restaurant_name", "A"), ("description", "B")];
    let response = site.post("/add").form(&form).send().await.unwrap();
    let cookies = response.headers().get_all(SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
    assert!(
        cookies
            .iter()
            .all(|cookie| cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax")),
        "{cookies:?}"
    );
    let notice = cookies.iter().find(|cookie| cookie.starts_with("notice=")).unwrap();
    let pair = notice.split(';').next().unwrap();
    let shown = site.get("/1/").header(COOKIE, pair).send().await.unwrap();
    assert!(
        shown.headers()[SET_COOKIE].to_str().unwrap().starts_with("notice=; "),
        "the browser forgets it"
    );
    assert!(shown.text().await.unwrap().contains("Restaurant added."));
    assert!(!site.page("/1/").await.contains("Restaurant added."));
}

#[tokio::test]
async fn a_search_says_which_words_it_used() {
    let site = Site::start().await;
    site.add_restaurant("One two three four five six seven eight").await;
    for (extra, said) in [
        ("", "1 restaurant matches <strong>"),
        ("+nine", "1 restaurant matches the first 8 words of <strong>"),
    ] {
        let page = site
            .page(&format!("/?q=one+two+three+four+five+six+seven+eight{extra}"))
            .await;
        assert!(page.contains(said) && page.contains("/1/"), "{page}");
    }
}

/// What search engines and previews of a link read.
#[tokio::test]
async fn a_restaurant_describes_itself_to_programs() {
    let site = Site::start().await;
    let form = [
        ("restaurant_name", "</script><b>\"Anchor\" & Söhne"),
        ("street_address", "1 <Quay>"),
        ("description", "Fish\n\"fresh\" </script>"),
    ];
    location(&site.post("/add").form(&form).send().await.unwrap());
    for stars in ["5", "4"] {
        site.review("/1/", review("Ada", stars, "")).await;
    }
    let page = site.page("/1/").await;
    let start = "<script type=\"application/ld+json\">";
    let json = page.split_once(start).unwrap().1.split_once("</script>").unwrap().0;
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    let expected = serde_json::json!({
        "@context": "https://schema.org",
        "@type": "Restaurant",
        "name": form[0].1,
        "address": form[1].1,
        "description": form[2].1,
        "url": "/1/",
        "aggregateRating": {
            "@type": "AggregateRating", "ratingValue": "4.5", "reviewCount": 2, "bestRating": 5, "worstRating": 1,
        },
    });
    assert_eq!(data, expected);
    assert!(page.contains("<meta name=\"description\" content=\"4.5 (2 reviews). Fish "));
    // The site does not know its address. It must not take one from a request: others get the cached page, too.
    for path in ["/", "/1/", "/?q=anchor"] {
        let forged = site.get(path).header("Host", "forged.example").send().await.unwrap();
        for page in [forged.text().await.unwrap(), site.page(path).await] {
            for unknown in ["canonical", "og:url", "og:image", "forged.example"] {
                assert!(!page.contains(unknown), "{unknown} in {path}:\n{page}");
            }
        }
    }

    let sitemap = site.page("/sitemap.xml").await;
    for path in ["/", "/1/"] {
        assert!(
            sitemap.contains(&format!("<loc>{}{path}</loc>", site.base)),
            "{sitemap}"
        );
    }
    let robots = site.page("/robots.txt").await;
    assert!(robots.contains(&format!("Sitemap: {}/sitemap.xml", site.base)));
    let forged = site
        .get("/sitemap.xml")
        .header("Host", "a.example/<b>")
        .send()
        .await
        .unwrap();
    assert!(!forged.text().await.unwrap().contains("<b>"));
}

#[tokio::test]
async fn search_finds_beginnings_of_words_in_all_three_texts() {
    assert_search_finds(Site::start().await).await;
}

pub async fn assert_search_finds(site: Site) {
    for (name, address, description) in [
        ("Café Montmartre", "1 Rue Lepic", "Croissants"),
        ("Burger Bar", "2 Harbour Road", "Fries cut by hand"),
        ("100% Vegan", "3 Mill Lane", "It's \"good\""),
    ] {
        let form = [
            ("restaurant_name", name),
            ("street_address", address),
            ("description", description),
        ];
        location(&site.post("/add").form(&form).send().await.unwrap());
    }
    let found = async |q: &str| {
        let response = site.get("/").query(&[("q", q)]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{q}");
        let page = response.text().await.unwrap();
        let mut ids: Vec<_> = links(&page, "/")
            .filter(|link| link.ends_with('/') && link.len() == 3)
            .collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(found("cafe").await, "/1/", "without accents");
    assert_eq!(found("LEPIC").await, "/1/", "address, without case");
    assert_eq!(found("fri").await, "/2/", "description, beginning of a word");
    assert_eq!(found("burger harbour").await, "/2/", "every word");
    assert_eq!(found("burger lepic").await, "");
    assert_eq!(found("100%").await, "/3/");
    assert_eq!(found("it's").await, "/3/");
    assert_eq!(found("  ").await, "/1/ /2/ /3/");
    for odd in [
        "%",
        "_",
        "\"",
        "'",
        "*",
        "AND",
        "OR NOT",
        "name:x",
        "(",
        "^",
        "-",
        "\\",
        "\0",
        "; drop table restaurants",
    ] {
        found(odd).await;
    }
    assert!(site.page("/?q=nothing-like-it").await.contains("No restaurant matches"));
    assert!(
        site.page("/?q=%FF%FE").await.contains("No restaurant matches"),
        "bytes that are not text"
    );
}

#[tokio::test]
async fn a_mangled_address_still_shows_restaurants() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    for query in [
        "sort=nonsense",
        "after=",
        "after=1",
        "before=x.y.z",
        "sort=rating&after=1.1.A",
        "after=1.1.a%00b",
        "&&&=&",
    ] {
        assert!(
            site.page(&format!("/?{query}")).await.contains("href=\"/1/\""),
            "{query}"
        );
    }
    for query in [
        "after=x",
        "before=1",
        "after=99999999999999999999.1",
        "after=9223372036854775807.1",
    ] {
        site.page(&format!("/1/?{query}")).await;
    }
}

#[tokio::test]
async fn errors_have_pages_with_a_way_back() {
    let site = Site::start().await;
    site.add_restaurant("A").await;
    let create_by_post = site.post("/create").form(&[("a", "b")]).send().await.unwrap();
    assert_eq!(create_by_post.headers()[ALLOW], "GET,HEAD");
    let cross_site = site
        .post("/add")
        .header("Sec-Fetch-Site", "cross-site")
        .form(&[("a", "b")])
        .send()
        .await
        .unwrap();
    let foreign_origin = site
        .post("/review/1")
        .header("Origin", "https://evil.example")
        .form(&[("a", "b")]);
    let foreign_origin = foreign_origin.send().await.unwrap();
    let json = site
        .post("/add")
        .header(CONTENT_TYPE, "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    let cases = [
        (site.get("/nope").send().await.unwrap(), 404),
        (site.get("/999/").send().await.unwrap(), 404),
        (site.get("/99999999999999999999/").send().await.unwrap(), 404),
        (site.get("/static/nope.css").send().await.unwrap(), 404),
        (site.get("/photos/nope.jpg").send().await.unwrap(), 404),
        (
            site.post("/review/999")
                .form(&[("user_name", "A"), ("rating", "5")])
                .send()
                .await
                .unwrap(),
            404,
        ),
        (create_by_post, 405),
        (cross_site, 403),
        (foreign_origin, 403),
        (json, 415),
    ];
    for (response, status) in cases {
        let address = response.url().path().to_owned();
        assert_eq!(response.status().as_u16(), status, "{address}");
        assert!(
            response.headers()[CONTENT_TYPE]
                .to_str()
                .unwrap()
                .starts_with("text/html"),
            "{address}"
        );
        assert!(response.headers().contains_key(CONTENT_SECURITY_POLICY), "{address}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let page = response.text().await.unwrap();
        assert!(page.contains("Back to all restaurants"), "{address}");
        assert!(!page.contains(&id), "{address}: an id is for the site's own errors");
        assert!(
            !page.contains("For the developer"),
            "{address}: hints are for the site's own errors"
        );
    }
}

#[tokio::test]
async fn the_address_of_a_refused_form_leads_to_the_form() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    assert_eq!(path, "/1/");
    for (address, form) in [("/add", "/create"), ("/review/1", "/1/#new-review")] {
        assert_eq!(location(&site.get(address).send().await.unwrap()), form);
    }
}

#[tokio::test]
async fn a_post_from_this_site_or_from_a_script_is_accepted() {
    let site = Site::start().await;
    let form = [("restaurant_name", "A"), ("description", "B")];
    let same_origin = site
        .post("/add")
        .header("Sec-Fetch-Site", "same-origin")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&same_origin), "/1/");
    let origin = site
        .post("/add")
        .header("Origin", &site.base)
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&origin), "/2/");
    let same_site = site
        .post("/add")
        .header("Sec-Fetch-Site", "same-site")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(
        same_site.status(),
        StatusCode::FORBIDDEN,
        "a neighbour's page is not ours"
    );
}

#[tokio::test]
async fn a_request_id_from_the_client_is_ignored() {
    let site = Site::start().await;
    let response = site
        .get("/healthz")
        .header("x-request-id", "mine")
        .send()
        .await
        .unwrap();
    assert_ne!(response.headers()["x-request-id"], "mine");
}

#[tokio::test]
async fn the_platforms_requests_are_answered() {
    let site = Site::start().await;
    assert_eq!(site.page("/healthz").await, "ok\n");
    assert_eq!(
        site.page("/readyz").await,
        r#"{"ready":true,"store":{"ready":true},"photos":{"ready":true}}"#
    );
    // A stranger, whose request App Service's front end forwards, learns no details.
    let forwarded = site
        .get("/readyz")
        .header("x-forwarded-for", "203.0.113.9:50000")
        .send();
    assert_eq!(forwarded.await.unwrap().text().await.unwrap(), r#"{"ready":true}"#);
    assert_eq!(site.page("/robots933456.txt").await, "ok\n");
    assert!(site.page("/robots.txt").await.starts_with("User-agent: *"));
    let icon = site.get("/favicon.ico").send().await.unwrap();
    assert_eq!(icon.headers()[CONTENT_TYPE], "image/x-icon");
    // The platform's probes have its own address as Host.
    let probe = site
        .get("/healthz")
        .header("Host", "169.254.130.2:8000")
        .send()
        .await
        .unwrap();
    assert_eq!(probe.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_file_that_a_page_names_exists() {
    let site = Site::start().await;
    let page = site.page("/").await;
    let files: Vec<_> = page
        .split(['"', '#'])
        .filter(|part| part.starts_with("/static/"))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let response = site.get(file).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{file}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn pages_are_revalidated_and_never_framed() {
    let site = Site::start().await;
    let response = site.get("/").send().await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(response.headers()["x-frame-options"], "DENY");
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    assert!(
        !response.headers().contains_key("strict-transport-security"),
        "not on a laptop"
    );
    let page = response.text().await.unwrap();
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));

    let production = |config: &mut Config| config.website_hostname = Some("contoso.azurewebsites.net".into());
    let site = Site::start_with(production).await;
    let response = site.get("/").send().await.unwrap();
    assert!(response.headers().contains_key("strict-transport-security"));
}

/// Behind a domain of its own, App Service still calls the site by the name that it has given it.
#[tokio::test]
async fn search_engines_are_told_the_sites_own_domain() {
    let site = Site::start_with(|config| {
        config.website_hostname = Some("contoso.azurewebsites.net".into());
        config.public_url = Some("https://reviews.contoso.com".parse().unwrap());
    })
    .await;
    site.add_restaurant("Anchor").await;
    site.add_restaurant("Bare").await;
    let photo = encoded(&red_blue(400, 300), ImageFormat::Jpeg);
    site.review("/1/", review_with_photo("Ada", "5", photo)).await;
    let icon = format!(
        "property=\"og:image\" content=\"https://reviews.contoso.com{}\"",
        asset("icon.png")
    );
    for (path, address) in [
        ("/", "<link rel=\"canonical\" href=\"https://reviews.contoso.com/\">"),
        ("/", "property=\"og:url\" content=\"https://reviews.contoso.com/\""),
        (
            "/?q=anchor&sort=newest&after=0",
            "property=\"og:url\" content=\"https://reviews.contoso.com/?q=anchor&#38;sort=newest\"",
        ),
        ("/", &icon),
        ("/2/", &icon),
        ("/2/", "property=\"og:url\" content=\"https://reviews.contoso.com/2/\""),
        (
            "/1/?rating=5",
            "property=\"og:url\" content=\"https://reviews.contoso.com/1/\"",
        ),
        (
            "/1/",
            "<link rel=\"canonical\" href=\"https://reviews.contoso.com/1/\">",
        ),
        (
            "/1/",
            "property=\"og:image\" content=\"https://reviews.contoso.com/photos/",
        ),
        ("/sitemap.xml", "<loc>https://reviews.contoso.com/1/</loc>"),
        ("/robots.txt", "Sitemap: https://reviews.contoso.com/sitemap.xml"),
    ] {
        let page = site.page(path).await;
        assert!(page.contains(address), "{address} is missing in {path}:\n{page}");
        assert!(!page.contains("azurewebsites"), "{path}:\n{page}");
    }
}

#[tokio::test]
async fn pages_are_compressed_for_clients_that_accept_it() {
    let site = Site::start().await;
    let response = site.get("/").header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
}
