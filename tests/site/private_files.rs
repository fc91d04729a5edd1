//! What the site writes is for its own user, whatever the umask of its process.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::multipart::{Form, Part};
use tokio::process::Command;

use crate::harness::{encoded, red_blue};
use crate::program::Process;

/// The site's command in a process with this umask.
fn with_umask(umask: &str, arguments: &str, folder: &Path) -> Command {
    let program = env!("CARGO_BIN_EXE_restaurant-review");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("umask {umask} && exec {program} {arguments}"))
        .env_clear()
        .env("DATA_DIR", folder)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .kill_on_drop(true);
    command
}

/// The path and the mode of a folder and of everything in it.
fn modes(path: &Path) -> Vec<(String, u32)> {
    let metadata = path.metadata().unwrap();
    let mode = metadata.permissions().mode() & 0o7777;
    let mut modes = vec![(path.display().to_string(), mode)];
    if metadata.is_dir() {
        for entry in path.read_dir().unwrap() {
            modes.extend(self::modes(&entry.unwrap().path()));
        }
    }
    modes
}

fn assert_private(folder: &Path) -> usize {
    let modes = modes(folder);
    for (path, mode) in &modes {
        let expected = if Path::new(path).is_dir() { 0o700 } else { 0o600 };
        assert_eq!(*mode, expected, "{path} has {mode:o}");
    }
    modes.len()
}

/// Adds a restaurant and a review with a photo.
async fn fill(site: &Process) {
    let client = reqwest::Client::new();
    let added = site.add_restaurant(&client).await;
    assert!(added.status().is_success(), "{}", added.status());
    let photo = encoded(&red_blue(400, 300), image::ImageFormat::Png);
    let review = Form::new()
        .text("user_name", "Ada")
        .text("rating", "5")
        .part("reviewImage", Part::bytes(photo).file_name("a.png"));
    let reviewed = client
        .post(format!("{}/review/1", site.base))
        .multipart(review)
        .send()
        .await
        .unwrap();
    assert!(reviewed.status().is_success(), "{}", reviewed.status());
    // The probe of the photo folder writes, too.
    assert!(
        reqwest::get(format!("{}/readyz", site.base))
            .await
            .unwrap()
            .status()
            .is_success()
    );
}

#[tokio::test]
async fn only_its_own_user_may_read_what_the_site_writes() {
    for umask in ["000", "022", "077"] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new").join("data");
        let site = Process::from(with_umask(umask, "", &folder)).await;
        fill(&site).await;
        // Two folders, the file with -wal and -shm, the photo in its three sizes.
        assert!(assert_private(&folder) >= 8, "{:?}", modes(&folder));
        assert_private(&parent.path().join("new"));

        let copy = parent.path().join("copy.sqlite3");
        let backup = with_umask(umask, &format!("backup {}", copy.display()), &folder)
            .output()
            .await
            .unwrap();
        assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
        assert_private(&copy);
    }
}

#[tokio::test]
async fn what_an_earlier_version_left_open_is_closed_at_the_start() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut site = Process::from(with_umask("000", "", &folder)).await;
    fill(&site).await;
    // Its -wal and -shm stay behind.
    site.kill().await;
    for (path, _) in modes(&folder) {
        let mode = if Path::new(&path).is_dir() { 0o777 } else { 0o666 };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let site = Process::from(with_umask("000", "", &folder)).await;
    assert!(
        reqwest::get(format!("{}/1/", site.base))
            .await
            .unwrap()
            .status()
            .is_success()
    );
    assert_private(&folder);
}

/// A folder for all users, such as /tmp, stays one.
#[tokio::test]
async fn a_folder_of_all_users_is_not_taken_away_from_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let site = Process::from(with_umask("000", "", folder.path())).await;
    fill(&site).await;
    for (path, mode) in modes(folder.path()) {
        let expected = match Path::new(&path) {
            path if path == folder.path() => 0o1777,
            path if path.is_dir() => 0o700,
            _ => 0o600,
        };
        assert_eq!(mode, expected, "{path} has {mode:o}");
    }
}
