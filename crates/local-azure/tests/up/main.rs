//! The command as a developer runs it: with the site, with faults, and with kill -9.
//!
//! The site is the one that `cargo build` of the workspace built: its package contains the debug binary and `start.sh`.

#![expect(clippy::unwrap_used, reason = "a test panics where a result is not as expected")]

mod running;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;

use local_azure::testing::patiently;
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::process::Command;

use self::running::{Up, checkout, command, marked};

/// A small picture.
const PNG: &[u8] = include_bytes!("orange.png");

fn review(text: &str) -> Form {
    Form::new()
        .text("user_name", "Ada")
        .text("rating", "5")
        .text("review_text", text.to_owned())
}

fn with_photo(form: Form) -> Form {
    let photo = Part::bytes(PNG).file_name("orange.png").mime_str("image/png").unwrap();
    form.part("reviewImage", photo)
}

async fn nothing_is_left(folder: &Path) {
    // The `sleep 0.1` of a supervisor may outlive it for a moment.
    patiently("no process is left", async || marked(folder).is_empty().then_some(())).await;
}

/// No file or folder grants anything to other users.
fn only_the_owner_can_read(folder: &Path) {
    let metadata = fs::symlink_metadata(folder).unwrap();
    if metadata.is_symlink() || metadata.file_type().is_socket() {
        return;
    }
    assert_eq!(metadata.mode() & 0o077, 0, "{}", folder.display());
    if metadata.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            // PostgreSQL and Azurite may remove files meanwhile.
            if let Ok(path) = entry.map(|entry| entry.path())
                && path.symlink_metadata().is_ok()
            {
                only_the_owner_can_read(&path);
            }
        }
    }
}

#[tokio::test]
async fn the_site_runs_as_on_app_service() {
    let mut up = Up::start().await;
    // No setting of the app is a secret: the app uses only tokens. None is an address on this machine.
    for (name, value) in &up.settings() {
        assert!(
            !value.contains("127.0.0.1") && !value.contains(".pem"),
            "{name}={value}"
        );
        assert!(
            !name.contains("PASS") && !name.contains("KEY") && !name.contains("SECRET"),
            "{name}={value}"
        );
    }
    only_the_owner_can_read(&up.folder());
    let restaurant = up.add_restaurant("Contoso Café").await;
    let answer = up.review(&restaurant, with_photo(review("Lovely"))).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", up.log());
    let page = up.page(&restaurant).await;
    assert!(page.contains("Lovely") && page.contains("/photos/"), "{page}");
    let photo = up.photo(&page).await;

    // Without the role, the next upload fails, and the log names the role. With the role, uploads work again.
    let text = up.say(&["role", "delete"]).await;
    assert!(text.contains("Deleted"), "{text}");
    let answer = up.review(&restaurant, with_photo(review("Without a role"))).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("<html") && !page.contains("AuthorizationPermissionMismatch"),
        "{page}"
    );
    let log = up.say(&["logs"]).await;
    assert!(log.contains("Storage Blob Data Contributor"), "{log}");
    up.say(&["role", "create"]).await;
    up.eventually_reviews(&restaurant, "With it again").await;

    // After kill -9, the next `up` ends the remaining processes, and no data is lost.
    up.kill();
    let up = up.start_again().await;
    let page = up.page(&restaurant).await;
    for kept in ["Lovely", "With it again"] {
        assert!(page.contains(kept), "{page}");
    }
    assert!(!page.contains("Without a role"));
    assert_eq!(up.photo(&page).await, photo);
    up.eventually_reviews(&restaurant, "After kill -9").await;

    // Both `down` and Ctrl-C end every process.
    let folder = up.folder();
    only_the_owner_can_read(&folder);
    // `down` returns when everything has ended, so `up` can follow at once.
    up.say(&["down"]).await;
    assert!(up.has_ended());
    nothing_is_left(&folder).await;
    let up = up.start_again().await;
    assert!(up.page(&restaurant).await.contains("After kill -9"));
    up.interrupt();
    up.ended().await;
    nothing_is_left(&folder).await;

    let output = command(&folder, &["reset"]).await;
    assert!(!output.status.success(), "it needs a confirmation");
    assert!(folder.join("state.json").exists());
    let output = command(&folder, &["reset", "--yes"]).await;
    assert!(output.status.success());
    assert!(!folder.exists());
}

#[tokio::test]
async fn the_site_recovers_from_faults() {
    let up = Up::start().await;
    let restaurant = up.add_restaurant("Fourth Coffee").await;
    for (fault, unready) in [
        ("storage=away", Some("photos")),
        ("database=away", Some("store")),
        ("identity=429", None),
        ("identity=away", None),
        ("database=restart", None),
        ("role=removed", None),
    ] {
        up.say(&["faults", fault]).await;
        if let Some(part) = unready {
            patiently(&format!("the site notices {fault}"), async || {
                let readiness = up.get("/readyz").await;
                let status = readiness.status();
                (status == StatusCode::SERVICE_UNAVAILABLE && readiness.text().await.unwrap().contains(part))
                    .then_some(())
            })
            .await;
        }
        if fault == "role=removed" {
            let answer = up.review(&restaurant, with_photo(review("no role"))).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        let text = up.say(&["faults", "--clear"]).await;
        assert!(text.contains("none"), "{text}");
        up.eventually_reviews(&restaurant, &format!("After {fault}")).await;
    }
    let page = up.page(&restaurant).await;
    assert!(page.contains("(6 reviews)"), "each review was saved once: {page}");
}

#[tokio::test]
async fn instances_are_scaled_and_restarted() {
    let up = Up::start().await;
    let restaurant = up.add_restaurant("Northwind").await;
    up.say(&["scale", "2"]).await;
    patiently("two instances are ready", async || {
        let status = up.say(&["status"]).await;
        (status.matches("ready").count() >= 2).then_some(())
    })
    .await;
    let answer = up.get("/").await;
    let cookies = answer.headers().get_all("set-cookie").iter();
    assert!(
        cookies
            .into_iter()
            .any(|cookie| cookie.to_str().unwrap().starts_with("ARRAffinity=")),
        "{:?}",
        answer.headers()
    );
    up.say(&["restart"]).await;
    patiently("the page is available", async || {
        let answer = up.get(&restaurant).await;
        answer.status().is_success().then_some(())
    })
    .await;
    up.say(&["rotate-keys"]).await;
    up.eventually_reviews(&restaurant, "By another key").await;
    let token = up.say(&["token"]).await;
    assert_eq!(token.trim().split('.').count(), 3);
    let application = up.say(&["application-create", "ci"]).await;
    assert!(application.contains("AZURE_CLIENT_SECRET="), "{application}");
    let state = fs::read_to_string(up.folder().join("state.json")).unwrap();
    let secret = application.rsplit('=').next().unwrap().trim();
    assert!(!state.contains(secret), "the state contains the secret");
    // The administrator runs the SQL of the tutorial with psql, which grants access to that application.
    let state: Value = serde_json::from_str(&state).unwrap();
    let id = state["directory"]["applications"][0]["id"].as_str().unwrap();
    let settings = up.database_settings();
    let psql = |user: &str, token: &str| {
        let mut psql = Command::new("psql");
        psql.args([
            "--no-psqlrc",
            "--host",
            &settings["DBHOST"],
            "--port",
            &settings["DBPORT"],
            "--username",
            user,
        ])
        .env("PGPASSWORD", token.trim())
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", &settings["PGSSLROOTCERT"]);
        psql
    };
    // Twice, because the script can be repeated.
    for _ in 0..2 {
        let output = psql("developer@contoso.onmicrosoft.com", &token)
            .args([
                "--dbname",
                "postgres",
                "--set",
                "identity=ci",
                "--set",
                &format!("identity_oid={id}"),
            ])
            .args(["--set", "database=restaurant", "--file", "infra/database.sql"])
            .current_dir(checkout())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = psql("ci", &up.say(&["token", "--as", "ci"]).await)
        .args(["--dbname", "restaurant", "--command", "create table of_ci ()"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "compiles the site in release mode, which takes minutes: ./test.sh release runs it"]
async fn the_site_of_the_checkout_is_built_and_deployed() {
    let up = Up::start_building().await;
    let restaurant = up.add_restaurant("From source").await;
    let answer = up.review(&restaurant, with_photo(review("Built here"))).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", up.log());
}

/// The story of a visitor in Chromium (`tests/browser/story.test.mjs`), with the site on App Service.
#[tokio::test]
async fn the_whole_story_in_a_browser() {
    for how in ["with", "without"] {
        let up = Up::start().await;
        // The test adds demo data with the site's command, which signs in to the database as the site's identity.
        let mut settings = up.database_settings();
        let token = up.say(&["token", "--as", &settings["DBUSER"]]).await;
        settings.insert("DBPASS".to_owned(), token.trim().to_owned());
        let output = Command::new("node")
            .arg("--test")
            .arg(format!("--test-name-pattern=^the whole story {how} JavaScript$"))
            .arg("tests/browser/story.test.mjs")
            .current_dir(checkout())
            .env("SITE_URL", &up.http)
            .env("SITE_SETTINGS", serde_json::to_string(&settings).unwrap())
            .output()
            .await
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && text.contains("pass 1"), "{text}");
    }
}

/// The process id of the first instance's first process.
fn first_process(status: &str) -> u32 {
    let (_, rest) = status.split_once("process ").unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}

#[tokio::test]
async fn an_instance_has_a_network_and_processes_of_its_own() {
    let up = Up::start().await;
    let status = up.say(&["status"]).await;
    assert!(status.contains("0 ready, port 8000, process "), "{status}");
    let process = first_process(&status);
    let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
    let variables: Vec<_> = environment.split('\0').collect();
    for variable in [
        "HOST=0.0.0.0",
        "PORT=8000",
        "HOME=/home",
        "APP_PATH=/home/site/wwwroot",
        "WEBSITE_HOSTNAME=restaurant-review.azurewebsites.net",
        "IDENTITY_ENDPOINT=http://169.254.129.2:8081/msi/token",
        "DBHOST=restaurant-review-db.postgres.database.azure.com",
        "STORAGE_ACCOUNT_NAME=restaurantreview",
    ] {
        assert!(variables.contains(&variable), "{variable}: {variables:?}");
    }
    for variable in &variables {
        let is_mark = variable.starts_with("LOCAL_AZURE_STATE=");
        assert!(
            is_mark || !variable.contains(up.folder().to_str().unwrap()),
            "{variable}"
        );
        assert!(!variable.starts_with("SSL_CERT_FILE=") && !variable.starts_with("PGSSLROOTCERT="));
    }
    // The site is process 1 in its namespace, because of `exec` in the startup command and in start.sh.
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert!(
        status.contains("Name:\trestaurant-revi") && status.contains("\t1\n"),
        "{status}"
    );
    // Nothing listens on this machine's port 8000 because of it.
    let sockets = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    assert!(
        sockets.contains(":1F40 ")
            && !fs::read_to_string("/proc/net/tcp")
                .unwrap()
                .contains(":1F40 00000000:0000 0A")
    );

    // A forwarder that is killed is started again, and so is the site.
    let restaurant = up.add_restaurant("Tailspin").await;
    let forwarder = "forward --network";
    let ended = |pattern: &str| {
        let mark = up.folder();
        let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let command = fs::read_to_string(entry.path().join("cmdline"))
                .unwrap_or_default()
                .replace('\0', " ");
            let is_ours = command.contains(pattern) && command.contains(mark.to_str().unwrap());
            is_ours.then(|| entry.file_name().into_string().unwrap())
        });
        let killed: Vec<_> = pids.collect();
        for pid in &killed {
            std::process::Command::new("kill")
                .args(["-s", "KILL", pid])
                .status()
                .unwrap();
        }
        killed.len()
    };
    assert!(ended(forwarder) >= 1);
    up.eventually_reviews(&restaurant, "After the forwarder was killed")
        .await;
    let pid = process.to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-s", "KILL", &pid])
            .status()
            .unwrap()
            .success()
    );
    patiently("the site is started again", async || {
        let status = up.say(&["status"]).await;
        (status.contains("0 ready") && first_process(&status) != process).then_some(())
    })
    .await;
    up.eventually_reviews(&restaurant, "After process 1 was killed").await;
}

/// Where namespaces cannot be used, the app has addresses on this machine.
#[tokio::test]
async fn the_site_runs_with_addresses() {
    let up = Up::start_with(&["--addresses"]).await;
    let settings = up.settings();
    assert_eq!(settings["DBHOST"], "127.0.0.1");
    assert!(settings["STORAGE_ACCOUNT_NAME"].starts_with("https://127.0.0.1:"));
    let restaurant = up.add_restaurant("Fabrikam").await;
    up.eventually_reviews(&restaurant, "By address").await;
    let shell = command(&up.folder(), &["shell", "--", "true"]).await;
    let text = String::from_utf8(shell.stderr).unwrap();
    assert!(!shell.status.success() && text.contains("--addresses"), "{text}");
}

/// Programs in `local-azure shell` reach everything by Azure's own names.
#[tokio::test]
async fn a_shell_has_azures_names() {
    let up = Up::start().await;
    let token = up.say(&["token"]).await;
    let script = checkout().join("crates/local-azure/tests/up/inside.py");
    let user = fs::metadata("/proc/self").unwrap().uid().to_string();
    let expected = format!("EXPECTED_USER={user}");
    let arguments = [
        "shell",
        "--",
        "env",
        &expected,
        "python3",
        script.to_str().unwrap(),
        "restaurantreview",
        "restaurant-review-db",
        "restaurant-review",
        "developer@contoso.onmicrosoft.com",
        &token,
    ];
    assert_eq!(up.say(&arguments).await.trim(), "everything is as in Azure");

    // As the app, it has the app's settings and identity.
    let script = "import json, os, urllib.request as u\n\
        url = os.environ['IDENTITY_ENDPOINT'] + '?api-version=2019-08-01&resource=https://storage.azure.com'\n\
        url += '&client_id=' + os.environ['AZURE_CLIENT_ID']\n\
        r = u.Request(url, headers={'X-IDENTITY-HEADER': os.environ['IDENTITY_HEADER']})\n\
        print(os.environ['WEBSITE_SITE_NAME'], os.environ['DBHOST'], json.load(u.urlopen(r))['token_type'])";
    let said = up
        .say(&["shell", "--as", "restaurant-review", "--", "python3", "-c", script])
        .await;
    assert_eq!(
        said.trim(),
        "restaurant-review restaurant-review-db.postgres.database.azure.com Bearer"
    );

    // Another version is deployed without a stop.
    let package = up.package_with("deployed");
    let text = up
        .say(&["deploy", "restaurant-review", package.to_str().unwrap()])
        .await;
    assert!(text.contains("runs the new version"), "{text}");
    assert!(up.say(&["logs", "-n", "30"]).await.contains("deployed"), "{}", up.log());
    let wrong = command(&up.folder(), &["deploy", "restaurant-review", "no-such.zip"]).await;
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("no-such.zip"));

    // The exit code is that of the command, and nothing is left of the network.
    let output = command(&up.folder(), &["shell", "--", "sh", "-c", "exit 7"]).await;
    assert_eq!(output.status.code(), Some(7));
    let networks = fs::read_dir(up.folder().join("network")).unwrap();
    let left = networks.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir());
    assert_eq!(left.count(), 0);
}

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
        (said().contains("I am deaf") && said().contains("waiting until restaurant-review answers /readyz"))
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
