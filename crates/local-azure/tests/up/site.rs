//! The site, with faults, with kill -9, and in a browser.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use local_azure::testing::patiently;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::process::Command;

use crate::running::{PROGRAM, Up, checkout, command, nothing_is_left, review, with_photo};

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
    // Each with the address that tells that the site has noticed.
    for (fault, noticed_at) in [
        ("storage=away", Some("/readyz?strict")),
        ("database=away", Some("/readyz")),
        ("identity=429", None),
        ("identity=away", None),
        ("database=restart", None),
        ("role=removed", None),
    ] {
        up.say(&["faults", fault]).await;
        if let Some(address) = noticed_at {
            patiently(&format!("the site notices {fault}"), async || {
                let status = up.get(address).await.status();
                (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
            })
            .await;
        }
        if fault == "storage=away" {
            assert_eq!(up.get("/readyz").await.status(), StatusCode::OK, "pages need no photos");
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
    let application = up
        .az(&["ad", "sp", "create-for-rbac", "--name", "ci", "--output", "json"])
        .await;
    let application: Value = serde_json::from_str(&application).unwrap();
    let state = fs::read_to_string(up.folder().join("state.json")).unwrap();
    let secret = application["password"].as_str().unwrap();
    assert!(!state.contains(secret), "the state contains the secret");
    // The administrator runs the SQL of the tutorial with psql, which grants access to that application.
    let state: Value = serde_json::from_str(&state).unwrap();
    let id = state["directory"]["service_principals"][0]["id"].as_str().unwrap();
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

/// No file or folder grants anything to other users.
fn only_the_owner_can_read(folder: &Path) {
    let metadata = fs::symlink_metadata(folder).unwrap();
    // PostgreSQL's sockets are for everyone who can reach their folder.
    if metadata.is_symlink() || (metadata.file_type().is_socket() && !folder.ends_with("control.sock")) {
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

/// Such as one in a debugger.
#[tokio::test]
async fn a_program_on_this_machine_acts_as_the_app_or_as_the_machine() {
    let up = Up::start().await;
    let exports = up.say(&["env", "--as", "restaurant-review"]).await;
    let site = Path::new(PROGRAM).with_file_name("restaurant-review");
    let script = format!("{exports}\nexec '{}' check", site.display());
    let output = Command::new("sh").args(["-c", &script]).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("photos         ready"), "{text}");

    let exports = up.say(&["env"]).await;
    let host = exports
        .lines()
        .find_map(|line| line.strip_prefix("export AZURE_POD_IDENTITY_AUTHORITY_HOST="));
    let host = host.unwrap().trim_matches('\'');
    let url =
        format!("{host}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/");
    let client = reqwest::Client::new();
    let answer = client.get(url).header("Metadata", "true").send().await.unwrap();
    let token: Value = answer.json().await.unwrap();
    assert!(token["access_token"].is_string(), "{token}");
    let refused = command(&up.folder(), &["env", "--as", "unknown"]).await;
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("restaurant-review"));
}
