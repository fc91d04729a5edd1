//! Receivers that are away, silent or hostile, and sites without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local_azure::testing::patiently;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::collector::Collector;
use super::{serve, stop};
use crate::program::output;
use crate::rig::Running;

/// What the log says when telemetry cannot be sent.
const COMPLAINT: &str = "telemetry cannot be sent";
/// What it says when that has passed.
const RECOVERY: &str = "telemetry is sent again";

/// A program that does this with each connection. Returns its address, and how many there were.
async fn receiver<F: Future<Output = ()> + Send + 'static>(behave: fn(TcpStream) -> F) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(behave(stream));
        }
    });
    (url, connections)
}

async fn silent(stream: TcpStream) {
    let _open = stream;
    std::future::pending::<()>().await;
}

/// Answers each request with these bytes, the last of them again and again.
async fn answer(mut stream: TcpStream, head: &str, endless: &[u8]) {
    let mut request = vec![0; 64 << 10];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(head.as_bytes()).await;
    while !endless.is_empty() && stream.write_all(endless).await.is_ok() {}
}

async fn endless(stream: TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\r\n";
    answer(stream, head, &[0xff; 4096]).await;
}

async fn refusing(stream: TcpStream) {
    let head =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 86400\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    answer(stream, head, &[]).await;
}

async fn garbage(stream: TcpStream) {
    answer(stream, "SSH-2.0-OpenSSH_9.6\r\n", &[]).await;
}

/// The settings of a site whose receiver is faulty. Its queues are small, so that they overflow.
fn settings(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.to_owned()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8".to_owned()),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4".to_owned()),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100".to_owned()),
        ("RUST_LOG", "debug".to_owned()),
    ]
}

/// The site works as ever, says once for each kind that nothing can be sent, and stops in time.
async fn works_without(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let site = serve(&folder, settings(url)).await;
    let visit = async || {
        for _ in 0..100 {
            site.page("/create").await;
        }
    };
    visit().await;
    patiently("each kind has failed", async || {
        (site.log().matches(COMPLAINT).count() == 3).then_some(())
    })
    .await;
    visit().await;
    let log = stop(site).await;
    assert_eq!(log.matches(COMPLAINT).count(), 3, "{url}: {log}");
}

#[tokio::test]
async fn a_receiver_that_is_away_changes_nothing() {
    // The port was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    works_without(&format!("http://{port}")).await;
}

#[tokio::test]
async fn a_silent_receiver_changes_nothing() {
    let (url, connections) = receiver(silent).await;
    works_without(&url).await;
    assert!(connections.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn an_endless_answer_changes_nothing() {
    works_without(&receiver(endless).await.0).await;
}

#[tokio::test]
async fn a_refusing_receiver_changes_nothing() {
    works_without(&receiver(refusing).await.0).await;
}

#[tokio::test]
async fn a_receiver_of_another_protocol_changes_nothing() {
    works_without(&receiver(garbage).await.0).await;
}

#[tokio::test]
async fn the_log_says_when_the_receiver_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let site = serve(&folder, settings(&format!("http://{address}"))).await;
    site.page("/create").await;
    patiently("each kind has failed", async || {
        (site.log().matches(COMPLAINT).count() == 3).then_some(())
    })
    .await;
    let collector = Collector::start_at(&address.to_string()).await;
    patiently("all kinds are sent again", async || {
        site.page("/create").await;
        (site.log().matches(RECOVERY).count() == 3).then_some(())
    })
    .await;
    stop(site).await;
    let received = collector.take();
    let has = |text: &str| {
        received
            .bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(has("GET /create"));
    assert!(
        !has(COMPLAINT) && !has(RECOVERY),
        "what telemetry says about itself stays here"
    );
}

/// The names of the process's threads.
fn threads(site: &Running) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", site.id())).unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    names.collect()
}

#[tokio::test]
async fn without_a_receiver_nothing_runs() {
    let (url, connections) = receiver(silent).await;
    let insights = format!("InstrumentationKey=planted;IngestionEndpoint={url}/");
    for (settings, warns) in [
        (vec![("OTEL_SERVICE_NAME", "contoso".to_owned())], false),
        (vec![("APPLICATIONINSIGHTS_CONNECTION_STRING", insights)], true),
        (
            vec![
                ("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()),
                ("OTEL_SDK_DISABLED", "True".to_owned()),
            ],
            false,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let site = serve(&folder, settings).await;
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let form = [("restaurant_name", "A"), ("description", "d")];
        let added = site.client.post(format!("{}/add", site.base)).form(&form);
        assert_eq!(
            added.header("traceparent", parent).send().await.unwrap().status(),
            StatusCode::SEE_OTHER
        );
        assert!(!threads(&site).iter().any(|name| name.contains("OpenTelemetry")));
        let log = stop(site).await;
        assert!(!log.contains("trace_id") && !log.contains("planted"), "{log}");
        assert_eq!(log.contains("nothing is sent to Application Insights"), warns, "{log}");
        assert_eq!(log.contains("docs/operations.md"), warns, "{log}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_the_kinds_that_have_a_receiver_are_sent() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let mut settings = collector.settings();
    settings.extend([
        ("OTEL_METRICS_EXPORTER", "none".to_owned()),
        ("OTEL_LOGS_EXPORTER", "none".to_owned()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
    ]);
    let site = serve(&folder, settings).await;
    assert!(threads(&site).iter().any(|name| name.contains("OpenTelemetry")));
    site.page("/create").await;
    stop(site).await;
    let received = collector.take();
    assert_eq!(received.spans.len(), 1);
    assert!(received.logs.is_empty() && received.metrics.is_empty());
}

/// Each of these settings would stop the start, a thread or all memory if it were followed, or is unknown to the site.
#[tokio::test]
async fn what_cannot_be_followed_is_named_once_and_the_rest_is_sent() {
    let (folder, collector) = (tempfile::tempdir().unwrap(), Collector::start().await);
    let unclear = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "120000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "planted"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "http://ada:planted@127.0.0.1:4318",
        ),
        ("OTEL_LOGS_EXPORTER", "console"),
        ("OTEL_PROPAGATORS", "b3"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "9999999999999999"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_UNHEARD_OF", "planted"),
    ];
    let mut settings = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ];
    settings.extend(unclear.map(|(name, value)| (name, value.to_owned())));
    let site = serve(&folder, settings).await;
    site.page("/create").await;
    let log = stop(site).await;
    for (name, _) in unclear {
        assert_eq!(log.matches(&format!("{name} is ")).count(), 1, "{name} in {log}");
    }
    assert!(!log.contains("planted"), "{log}");
    assert!(
        log.contains("OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\", which this site cannot follow: http/protobuf is used"),
        "{log}"
    );
    let received = collector.take();
    assert_eq!(received.spans.len(), 1);
    assert!(received.logs.is_empty() && received.metrics.is_empty());
}

#[tokio::test]
async fn a_check_names_what_cannot_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATA_DIR", folder.path().to_str().unwrap()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ];
    let (ok, text) = output(&["check"], &settings).await;
    assert!(
        ok && text.contains("OTEL_EXPORTER_OTLP_ENDPOINT is \"collector:4318\""),
        "{text}"
    );
}
