//! Starts that take long, and starts that fail.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

use local_azure::testing::patiently;
use tokio::process::Command;

use crate::running::{self, command, nothing_is_left};

/// An app that never answers, in a deep folder with blanks and other letters.
#[tokio::test]
async fn commands_work_while_the_app_starts() {
    let home = tempfile::tempdir().unwrap();
    let package = home.path().join("package");
    fs::create_dir(&package).unwrap();
    let script = package.join("start.sh");
    fs::write(&script, "#!/bin/sh\necho I am deaf\nexec sleep 600\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let state = home.path().join("the state of Zoë ".repeat(8));
    let mut up = Command::new(running::PROGRAM);
    up.arg("--state").arg(&state).arg("up").arg("--package").arg(&package);
    for port in ["https", "http", "entra", "identity", "blob", "postgres"] {
        up.args([&format!("--{port}-port"), "0"]);
    }
    let output = home.path().join("output");
    let written = fs::File::create(&output).unwrap();
    let mut up = up
        .stdout(written)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(&output).unwrap();
    patiently("status answers", async || {
        let status = command(&state, &["status"]).await;
        let text = String::from_utf8(status.stdout).unwrap();
        (status.status.success() && text.contains("Local Azure is starting: ")).then_some(())
    })
    .await;
    patiently("the terminal shows the app's log and what is awaited", async || {
        (said().contains("I am deaf")
            && said().contains(
                "waiting until restaurant-review answers /robots933456.txt (with any status), for at most 230 s",
            ))
        .then_some(())
    })
    .await;
    let log = command(&state, &["logs", "-n", "1"]).await;
    assert!(
        String::from_utf8(log.stdout).unwrap().contains(" [0 app] I am deaf"),
        "{}",
        said()
    );
    let since = command(&state, &["logs", "--since", "2999-01-01T00:00:00Z"]).await;
    assert!(since.status.success() && since.stdout.is_empty());
    let down = command(&state, &["down"]).await;
    assert!(down.status.success(), "{}", said());
    assert!(up.try_wait().unwrap().is_some() || up.wait().await.unwrap().success());
    nothing_is_left(&state.canonicalize().unwrap()).await;
}

#[tokio::test]
async fn a_wrong_package_is_reported_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let output = command(&state, &["up", "--package", "no-such.zip"]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("no-such.zip"), "{text}");
    assert!(!state.exists());
}

#[tokio::test]
async fn the_state_of_another_user_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let (state, owner) = if is_root {
        std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
        (folder.path(), "user 65534")
    } else {
        (Path::new("/usr"), "root")
    };
    let names = || fs::read_dir(state).unwrap().count();
    let before = names();
    let output = command(state, &["up", "--package", "/"]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains(&format!("belongs to {owner}")),
        "{text}"
    );
    assert_eq!(names(), before);
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "up",
        "--entra-port",
        "0",
        "--identity-port",
        "0",
        "--https-port",
        &port,
        "--package",
        "/",
    ];
    let output = command(folder.path(), &arguments).await;
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&port) && text.contains("--https-port"), "{text}");
    let output = command(folder.path(), &["status"]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("local-azure up"), "{text}");
}
