//! A reader of the site's log that stops reading.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::{Client, StatusCode};

use crate::program::Process;

/// More lines than a pipe and the site's own queue hold.
const LINES: usize = 6000;
/// Long enough for a busy machine. A site that hangs never ends by itself.
const PATIENCE: Duration = Duration::from_mins(2);

/// Requests pages that do not exist: each is a line in the log at debug level.
async fn fill_the_log(client: &Client, base: &str) {
    let answers = stream::iter(0..LINES).map(|number| client.get(format!("{base}/nothing/{number}")).send());
    let mut answers = answers.buffer_unordered(8);
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.unwrap().status(), StatusCode::NOT_FOUND);
    }
}

async fn site_with_a_full_log() -> (Process, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let environment = [
        ("DATA_DIR", data.path().to_str().unwrap()),
        ("RUST_LOG", "restaurant_review=debug"),
    ];
    let site = Process::serve(&environment).await;
    let client = Client::builder().timeout(PATIENCE).build().unwrap();
    fill_the_log(&client, &site.base).await;
    let health = client.get(format!("{}/healthz", site.base)).send().await;
    assert_eq!(health.unwrap().status(), StatusCode::OK);
    (site, data)
}

#[tokio::test]
async fn it_stops_neither_requests_nor_the_end_of_the_process() {
    let (mut site, _data) = site_with_a_full_log().await;
    site.signal("-TERM");
    let exited = tokio::time::timeout(PATIENCE, site.exited()).await;
    assert!(exited.expect("the site ends"), "it succeeds");
}

#[tokio::test]
async fn it_learns_how_many_lines_were_lost() {
    let (mut site, _data) = site_with_a_full_log().await;
    let mut kept = 0;
    let lost: usize = loop {
        let line = tokio::time::timeout(PATIENCE, site.next_line()).await.unwrap();
        if line.contains("log lines have been lost") {
            let (_, number) = line.split_once("lost=").unwrap();
            break number.trim().parse().unwrap();
        }
        kept += usize::from(line.contains("/nothing/"));
    };
    assert!(lost > 0, "the test fills the queue");
    // Reports that were themselves lost count, too.
    assert!((LINES..LINES + 100).contains(&(kept + lost)), "{kept} {lost}");
    site.signal("-TERM");
    let (succeeded, rest) = site.ended().await;
    assert!(succeeded && rest.contains("stopped"), "{rest}");
}
