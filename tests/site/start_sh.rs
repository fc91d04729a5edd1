//! `start.sh`, as App Service runs it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::future::join_all;
use image::ImageFormat;
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{encoded, red_blue, review_with_photo};
use crate::program::Process;

/// A folder as it is deployed: the start script and the site, with these permissions.
fn deployed(script: u32, site: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |from: &Path, name: &str, mode: u32| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, PermissionsExt::from_mode(mode)).unwrap();
    };
    put(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("start.sh"),
        "start.sh",
        script,
    );
    put(
        Path::new(env!("CARGO_BIN_EXE_restaurant-review")),
        "restaurant-review",
        site,
    );
    folder
}

/// Runs a startup command as App Service does: by a shell, in the app's folder, which is on PATH.
fn startup(command: &str, folder: &Path, path: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).current_dir(folder).env_clear();
    shell.env("PATH", format!("{path}:{}", folder.display()));
    shell.env("DATA_DIR", folder.join("data"));
    shell.kill_on_drop(true);
    shell
}

/// The startup command that the documentation, the scripts and Local Azure set.
const COMMAND: &str = "exec sh ./start.sh";
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Asserts that the site answers, and that it stops cleanly when the process that was started gets SIGTERM.
async fn assert_serves_and_stops(command: Command) {
    let site = Process::from(command).await;
    let health = reqwest::get(format!("{}/healthz", site.base)).await.unwrap();
    assert!(health.status().is_success());
    site.signal("-TERM");
    let (ok, log) = site.ended().await;
    assert!(ok && log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn the_deployed_site_gets_the_signals() {
    let folder = deployed(0o755, 0o755);
    assert_serves_and_stops(startup(COMMAND, folder.path(), PATH)).await;
    for direct in ["exec ./start.sh", "exec start.sh"] {
        assert_serves_and_stops(startup(direct, folder.path(), PATH)).await;
    }
    // From another folder, and through a folder with a space in its name.
    let blank = folder.path().join("a b");
    std::fs::create_dir(&blank).unwrap();
    for file in ["start.sh", "restaurant-review"] {
        std::fs::rename(folder.path().join(file), blank.join(file)).unwrap();
    }
    assert_serves_and_stops(startup("exec 'a b/start.sh'", folder.path(), PATH)).await;
}

#[tokio::test]
async fn the_memory_of_photos_is_freed() {
    let folder = deployed(0o755, 0o755);
    let site = Process::from(startup(COMMAND, folder.path(), PATH)).await;
    let client = reqwest::Client::new();
    let added = site.add_restaurant(&client).await;
    assert!(added.status().is_success(), "the restaurant's page");
    let sent = encoded(&red_blue(4000, 3000), ImageFormat::Jpeg);
    let before = site.resident_kib();
    for _ in 0..3 {
        join_all((0..8).map(async |_| {
            // On a slow machine, the site asks the last visitors to try again.
            loop {
                let form = review_with_photo("Ada", "5", sent.clone());
                let upload = client.post(format!("{}/review/1", site.base)).multipart(form);
                match upload.send().await.unwrap().status() {
                    StatusCode::OK => break,
                    status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
                }
            }
        }))
        .await;
    }
    let kept = site.resident_kib().saturating_sub(before);
    assert!(kept < 20 * 1024, "{kept} KiB");
}

#[tokio::test]
async fn lost_execute_permission_is_restored() {
    let folder = deployed(0o644, 0o644);
    assert_serves_and_stops(startup(COMMAND, folder.path(), PATH)).await;
    let mode = std::fs::metadata(folder.path().join("restaurant-review"))
        .unwrap()
        .permissions()
        .mode();
    assert_ne!(mode & 0o100, 0);
}

/// Puts a program of that name before the real one on PATH.
fn stand_in(folder: &Path, name: &str, script: &str) -> String {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    format!("{}:{PATH}", bin.display())
}

#[tokio::test]
async fn a_read_only_package_without_execute_permission_is_run_from_a_copy() {
    let folder = deployed(0o644, 0o644);
    // Root may change any file that is not on a read-only mount, so the refusal is simulated.
    let app = folder.path().display();
    let path = stand_in(
        folder.path(),
        "chmod",
        &format!("case $2 in ./*|{app}/*) exit 1;; esac\nexec /bin/chmod \"$@\""),
    );
    assert_serves_and_stops(startup(COMMAND, folder.path(), &path)).await;
    let mode = std::fs::metadata(folder.path().join("restaurant-review"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0);
}

#[tokio::test]
async fn a_checkout_is_built_first() {
    let folder = deployed(0o755, 0o755);
    std::fs::create_dir_all(folder.path().join("target/release")).unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
    std::fs::rename(folder.path().join("restaurant-review"), folder.path().join("built")).unwrap();
    let build =
        "[ \"$*\" = \"build --release --locked --no-default-features\" ] && cp built target/release/restaurant-review";
    let path = stand_in(folder.path(), "cargo", build);
    assert_serves_and_stops(startup(COMMAND, folder.path(), &path)).await;
}

/// Without `sh`, a package that lost its execute permissions does not start.
#[test]
fn every_place_sets_the_same_startup_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "README.md",
        "crates/local-azure/src/testing/resources.rs",
        "crates/local-azure/src/tutorial.rs",
        "crates/local-azure/src/up/apps.rs",
        "docs/tutorial.md",
        "infra/deploy.sh",
        "infra/modules/web.bicep",
        "start.sh",
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(COMMAND) && !text.contains("exec ./start.sh"), "{file}");
    }
}

#[test]
fn line_ends_are_pinned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(!std::fs::read_to_string(folder.join("start.sh")).unwrap().contains('\r'));
    let attributes = std::fs::read_to_string(folder.join(".gitattributes")).unwrap();
    assert!(attributes.lines().any(|line| line == "* text=auto eol=lf"));
}
