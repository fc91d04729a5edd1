//! A visitor in Chromium.

use std::path::Path;

use tokio::process::Command;

use super::guarded::{ADA, Guarded, PASSWORD};

#[tokio::test]
async fn a_visitor_signs_in_and_out_in_a_browser() {
    let guarded = Guarded::with(&[], true).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/sign_in.mjs");
    let output = Command::new("node")
        .arg(script)
        .env("APP_URL", guarded.site.url(""))
        .env("USER_NAME", ADA)
        .env("PASSWORD", PASSWORD)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("signed in and out"), "{text}");
}
