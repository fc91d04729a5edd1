//! Telemetry: what is sent to a receiver of OTLP, what is not, and what happens without one.

mod collector;
mod faults;

use std::collections::BTreeSet;
use std::net::IpAddr;

use image::ImageFormat;
use local_azure::testing::patiently;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::multipart::Form;
use reqwest::{Client, Method, StatusCode};
use tempfile::TempDir;

use self::collector::{Collector, Received, named, text};
use crate::harness::{encoded, location, red_blue, review_with_photo};
use crate::program::signal;
use crate::rig::{Resources, Running};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A site on SQLite, with these settings.
async fn serve(folder: &TempDir, settings: Vec<(&'static str, String)>) -> Running {
    let mut environment = settings;
    environment.extend([
        ("DATA_DIR", folder.path().to_str().unwrap().to_owned()),
        ("PORT", "0".to_owned()),
    ]);
    Running::start(&environment).await
}

/// Tells the site to stop, and waits until it has. Returns its output.
async fn stop(mut site: Running) -> String {
    assert!(signal(site.id(), "-TERM"));
    site.ended().await;
    patiently("all output is read", async || {
        let log = site.log();
        log.contains("stopped").then_some(log)
    })
    .await
}

fn traceparent() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

fn span<'a>(received: &'a Received, name: &str) -> &'a Span {
    let mut spans = received.spans.iter();
    spans.find(|span| span.name == name).unwrap_or_else(|| {
        let names: Vec<_> = received.spans.iter().map(|span| &span.name).collect();
        panic!("no span {name} among {names:?}")
    })
}

#[tokio::test]
async fn traces_metrics_and_logs_of_a_request_belong_together() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let mut settings = collector.settings();
    settings.push((
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=test".to_owned(),
    ));
    let site = serve(&folder, settings).await;
    let form = [("restaurant_name", "Contoso Café"), ("description", "d")];
    let added = site.client.post(format!("{}/add", site.base)).form(&form);
    let added = added.header("traceparent", traceparent()).send().await.unwrap();
    let path = location(&added);
    assert_eq!(
        site.client
            .get(format!("{}{path}", site.base))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let log = stop(site).await;

    let received = collector.take();
    let post = span(&received, "POST /add");
    assert_eq!(
        (hex::encode(&post.trace_id), hex::encode(&post.parent_span_id)),
        (TRACE.to_owned(), PARENT.to_owned())
    );
    assert_eq!(post.kind(), SpanKind::Server);
    let attributes = named(post.attributes.clone());
    assert_eq!(
        attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect::<Vec<_>>(),
        [
            ("http.request.method", "POST"),
            ("http.response.status_code", "303"),
            ("http.route", "/add"),
            ("url.scheme", "http"),
        ]
    );
    let get = span(&received, "GET /{id}/");
    assert!(get.parent_span_id.is_empty() && hex::encode(&get.trace_id) != TRACE);

    let answered = received
        .logs
        .iter()
        .find(|record| record.body.is_some() && text(record.body.clone()) == "answered");
    let answered = answered.expect("the form's line");
    assert_eq!((&answered.trace_id, &answered.span_id), (&post.trace_id, &post.span_id));
    let attributes = named(answered.attributes.clone());
    assert_eq!(attributes["status"], "303");
    assert_eq!(
        attributes["request.id"],
        added.headers()["x-request-id"].to_str().unwrap()
    );
    let line = log.lines().find(|line| line.contains("answered")).unwrap();
    assert!(line.contains(TRACE), "{line}");

    let (attributes, count) = &received.metrics["http.server.request.duration"]
        .iter()
        .find(|(attributes, _)| attributes.get("http.route").is_some_and(|route| route == "/{id}/"))
        .unwrap();
    assert_eq!(
        (
            attributes["http.request.method"].as_str(),
            attributes["http.response.status_code"].as_str()
        ),
        ("GET", "200")
    );
    assert!((*count - 1.0).abs() < f64::EPSILON);
    assert!(received.metrics.contains_key("restaurant_review.form.memory"));

    for resource in &received.resources {
        assert_eq!(resource["service.name"], "restaurant-review");
        assert_eq!(resource["deployment.environment.name"], "test");
        assert!(resource.contains_key("service.instance.id") && resource.contains_key("service.version"));
    }
}

#[tokio::test]
async fn every_json_line_of_a_request_has_its_trace() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let mut settings = collector.settings();
    settings.extend([
        ("WEBSITE_HOSTNAME", "contoso.azurewebsites.net".to_owned()),
        ("ALLOW_LOCAL_DATA", "1".to_owned()),
        ("HOST", "127.0.0.1".to_owned()),
        ("RUST_LOG", "debug".to_owned()),
        ("OTEL_SERVICE_NAME", "contoso".to_owned()),
    ]);
    let site = serve(&folder, settings).await;
    let page = site
        .client
        .get(&site.base)
        .header("traceparent", traceparent())
        .send()
        .await;
    assert_eq!(page.unwrap().status(), StatusCode::OK);
    let log = stop(site).await;
    let mut lines = 0;
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["span"]["name"] == "request" {
            assert_eq!(line["span"]["trace_id"], TRACE, "{line}");
            lines += 1;
        }
    }
    assert!(lines > 0, "{log}");
    let received = collector.take();
    assert!(
        received
            .resources
            .iter()
            .all(|resource| resource["service.name"] == "contoso")
    );
    let targets = received.logs.iter().map(|record| text(record.body.clone()));
    assert!(
        targets.collect::<BTreeSet<_>>().contains("answered"),
        "lines at the level of RUST_LOG are sent"
    );
}

#[tokio::test]
async fn an_unclear_parent_is_ignored() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let site = serve(&folder, collector.settings()).await;
    let long = "0".repeat(10_000);
    for unclear in [
        "",
        "00",
        "planted",
        &format!("00-{TRACE}-{PARENT}"),
        &format!("00-{TRACE}-{PARENT}-zz"),
        &format!("ff-{TRACE}-{PARENT}-01"),
        &format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
        &format!("00-{}-{PARENT}-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("00-{TRACE}-{PARENT}-01-planted"),
        &format!("00-{TRACE}-{PARENT}-01{long}"),
    ] {
        let request = site
            .client
            .get(format!("{}/create", site.base))
            .header("traceparent", unclear);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{unclear}");
    }
    let twice = site.client.get(format!("{}/create", site.base));
    let twice = twice
        .header("traceparent", traceparent())
        .header("traceparent", traceparent());
    assert_eq!(twice.send().await.unwrap().status(), StatusCode::OK);
    stop(site).await;
    let received = collector.take();
    let spans: Vec<_> = received
        .spans
        .iter()
        .filter(|span| span.name == "GET /create")
        .collect();
    assert_eq!(spans.len(), 12);
    for span in spans {
        assert!(span.parent_span_id.is_empty() && hex::encode(&span.trace_id) != TRACE);
    }
}

/// Everything that visitors and their browsers send is planted somewhere, and nothing of it is found in what arrives.
#[tokio::test]
async fn nothing_that_visitors_send_is_exported() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let mut settings = collector.settings();
    settings.push(("RUST_LOG", "trace".to_owned()));
    let site = serve(&folder, settings).await;
    let link = patiently("the link of the staff is logged", async || {
        let log = site.log();
        log.split_once("/admin/enter/").map(|(_, link)| link[..64].to_owned())
    })
    .await;
    let client = Client::builder()
        .no_proxy()
        .local_address(IpAddr::from([127, 0, 0, 9]))
        .build();
    let client = client.unwrap();
    let get = |path: &str| {
        client
            .get(format!("{}{path}", site.base))
            .header("user-agent", "planted-agent")
            .header("cookie", "planted=planted-cookie")
            .header("referer", "http://planted-referer/")
            .header("x-forwarded-for", "203.0.113.77")
            .header("x-request-id", "planted-request-id")
            .header("authorization", "Bearer planted-token")
            .header("traceparent", traceparent())
            .header("tracestate", "vendor=planted-state")
            .header("baggage", "user=planted-baggage")
    };
    let key = "0a1b2c3d".repeat(8);
    for path in [
        "/?q=planted-search",
        "/planted-path",
        "/planted-path/planted?planted=planted",
        "/photos/planted.jpg",
        "/photos/5a5a5a5a-1111-4222-8333-444444444444.jpg",
        &format!("/review/edit/{key}"),
        &format!("/admin/enter/{key}"),
        "/admin/reviews/?q=planted-search",
    ] {
        get(path).send().await.unwrap();
    }
    let odd = site.client.request(Method::from_bytes(b"PLANTED").unwrap(), &site.base);
    odd.send().await.unwrap();
    let form = [
        ("restaurant_name", "planted-restaurant"),
        ("street_address", "planted-street"),
        ("description", "planted-text"),
    ];
    let path = location(
        &site
            .client
            .post(format!("{}/add", site.base))
            .form(&form)
            .send()
            .await
            .unwrap(),
    );
    let review = format!("{}/review{}", site.base, path.trim_end_matches('/'));
    let photo = encoded(&red_blue(400, 300), ImageFormat::Jpeg);
    let sent = site
        .client
        .post(&review)
        .multipart(review_with_photo("planted-person", "5", photo.clone()));
    assert_eq!(sent.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let refused = Form::new().text("planted-field", "planted-value");
    site.client.post(&review).multipart(refused).send().await.unwrap();
    let page = get(&path).send().await.unwrap().text().await.unwrap();
    let shown = page.split("/photos/").nth(1).unwrap()[..36].to_owned();
    // A line with the error's own text, as for a photo that cannot be read.
    std::fs::remove_dir_all(folder.path().join("photos")).unwrap();
    std::fs::write(folder.path().join("photos"), "not a folder").unwrap();
    let broken = get(&format!("/photos/{shown}.jpg")).send().await.unwrap();
    assert_eq!(broken.status(), StatusCode::SERVICE_UNAVAILABLE);
    let log = stop(site).await;

    let received = collector.take();
    let has = |text: &[u8]| received.bytes.windows(text.len()).any(|window| window == text);
    for (text, is_sent) in [
        ("GET /photos/{name}", true),
        ("GET /review/edit/{key}", true),
        ("_OTHER", true),
        ("planted", false),
        ("PLANTED", false),
        ("203.0.113.77", false),
        ("127.0.0.9", false),
        (&key, false),
        (&link, false),
        (&shown, false),
        ("5a5a5a5a-1111", false),
    ] {
        assert_eq!(has(text.as_bytes()), is_sent, "{text}");
    }
    assert!(!has(&photo[..64]), "a part of a photo");
    assert!(
        log.contains("planted"),
        "the log on this machine has more, at this level"
    );
}

#[tokio::test]
async fn statements_are_part_of_the_trace() {
    let (azure, collector) = (Resources::start().await, Collector::start().await);
    let mut environment = azure.environment().await;
    environment.extend(collector.settings());
    let site = Running::start(&environment).await;
    site.ready().await;
    // The spans of PostgreSQL below a request of this name.
    let statements_of = async |request: &str| {
        patiently("the spans of the request arrive", async || {
            collector.find(|received| {
                let request = received.spans.iter().find(|span| span.name == request)?;
                let is_below = |span: &&Span| span.name == "postgresql" && span.parent_span_id == request.span_id;
                Some(received.spans.iter().filter(is_below).cloned().collect::<Vec<_>>())
            })
        })
        .await
    };
    site.add_restaurant().await;
    let statements = statements_of("POST /add").await;
    assert!(!statements.is_empty());
    for span in statements {
        assert_eq!(span.kind(), SpanKind::Client);
        let attributes = named(span.attributes);
        assert_eq!(attributes["db.system.name"], "postgresql");
        assert!(
            ["db.namespace", "server.address"]
                .into_iter()
                .all(|name| attributes.contains_key(name)),
            "{attributes:?}"
        );
        assert_eq!(attributes.len(), 3, "{attributes:?}");
    }

    // A statement that fails. Its message would name what was searched for.
    azure
        .database
        .admin("alter table restaurants rename to restaurants_away")
        .await;
    let search = site.get("/?q=planted").await;
    assert!(search.status().is_server_error());
    let [failed] = &statements_of("GET /").await[..] else {
        panic!("one statement reads the page")
    };
    assert_eq!(
        named(failed.attributes.clone())["error.type"],
        "42P01",
        "undefined_table"
    );
    let received = collector.take();
    let has = |text: &[u8]| received.bytes.windows(text.len()).any(|window| window == text);
    assert!(!has(b"planted") && !has(b"restaurants_away") && !has(b"Contoso"));
}

#[tokio::test]
async fn requests_to_azure_are_part_of_the_trace() {
    let (azure, collector) = (Resources::start().await, Collector::start().await);
    let mut environment = azure.environment().await;
    environment.extend(collector.settings());
    let site = Running::start(&environment).await;
    site.ready().await;
    let path = site.add_restaurant().await;
    let photo = encoded(&red_blue(400, 300), ImageFormat::Png);
    site.review(&path, review_with_photo("Ada", "5", photo)).await;
    let (post, puts) = patiently("the spans of the review arrive", async || {
        collector.find(|received| {
            let post = received.spans.iter().find(|span| span.name == "POST /review/{id}")?;
            let puts = received.spans.iter().filter(|span| span.name == "PUT");
            Some((post.clone(), puts.cloned().collect::<Vec<_>>()))
        })
    })
    .await;
    assert_eq!(puts.len(), 3, "a photo in three sizes");
    for put in puts {
        assert_eq!((&put.trace_id, &put.parent_span_id), (&post.trace_id, &post.span_id));
        assert_eq!(put.kind(), SpanKind::Client);
        let attributes = named(put.attributes);
        assert_eq!(attributes["http.response.status_code"], "201");
        assert_eq!(attributes.len(), 3, "{attributes:?}");
        assert!(attributes.contains_key("server.address"));
    }
    let metrics = patiently("the metrics arrive", async || {
        collector.find(|received| Some(received.metrics.get("db.client.connection.count")?.clone()))
    })
    .await;
    let has = |name, value| metrics.iter().any(|(attributes, _)| attributes[name] == value);
    assert!(has("db.client.connection.state", "used"));
    assert!(has("db.client.connection.pool.name", "postgresql"));
    let received = collector.take();
    let has = |text: &str| {
        received
            .bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(
        !has(".jpg") && !has("Ada") && !has("eyJ"),
        "no photo's name, no person, no token"
    );
}
