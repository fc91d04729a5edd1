//! Microsoft's tutorial, whose commands are pasted into `local-azure shell`.

use std::fs;
use std::path::{Path, PathBuf};

use local_azure::testing::patiently;
use serde_json::Value;

use crate::running::{PROGRAM, Up, checkout, marked, path_with_azure_cli};

pub fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    folder.join(name).to_str().unwrap().to_owned()
}

/// Runs commands in a shell, in that folder. The words of a shell come first on its own path.
async fn bash(up: &Up, folder: &Path, commands: &str) -> String {
    let path = path_with_azure_cli();
    let script = format!("PATH=$LOCAL_AZURE_WORDS:$PATH; cd '{}'; {commands}", folder.display());
    up.say(&["shell", "--", "env", path.as_str(), "bash", "-e", "-c", &script])
        .await
}

/// A line such as `NAME=value` of what was said.
pub fn value<'a>(said: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}=");
    let mut lines = said.lines();
    lines
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap_or_else(|| panic!("{name}: {said}"))
}

/// The number of role assignments.
pub fn assignments(up: &Up) -> usize {
    let state = fs::read(up.folder().join("state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    state["role_assignments"].as_array().unwrap().len()
}

/// The tutorial from beginning to end, in the folder of an app.
async fn tutorial(app: &Path) {
    let up = Up::start_empty().await;
    let (before, assignments_before) = (marked(&up.folder()).len(), assignments(&up));
    let commands = format!(
        "set -x; . {}; . {}; set +x; python3 {} https://$APP_SERVICE_NAME.azurewebsites.net {}\n\
         for name in APP_SERVICE_NAME DB_SERVER_NAME STORAGE_ACCOUNT_NAME UAClientID; do echo $name=${{!name}}; done",
        file("azure_cli/tutorial.sh"),
        file("azure_cli/tutorial_settings.sh"),
        file("azure_cli/story.py"),
        file("up/orange.png"),
    );
    let said = bash(&up, app, &commands).await;
    assert!(said.contains("The story ends well."), "{said}");
    let (name, server) = (value(&said, "APP_SERVICE_NAME"), value(&said, "DB_SERVER_NAME"));

    // The same site, at its address on this machine.
    let front = up.get_from(name, "/").await;
    assert_eq!(front.status(), 200);
    assert!(front.text().await.unwrap().contains("Contoso Café"));

    // What changes is deployed again within seconds.
    let again = bash(
        &up,
        app,
        &format!("az webapp up --name {name} --resource-group msdocs-mi-web-app"),
    )
    .await;
    assert!(!again.contains("Creating virtual environment"), "{again}");

    // The clean-up leaves nothing.
    let folder = up.folder();
    assert!(folder.join("apps").join(name).exists() && folder.join("postgres").join(server).exists());
    bash(&up, app, "az group delete  --name msdocs-mi-web-app").await;
    assert!(!folder.join("apps").join(name).exists() && !folder.join("postgres").join(server).exists());
    patiently("its processes have ended", async || {
        (marked(&folder).len() <= before).then_some(())
    })
    .await;
    let state = fs::read_to_string(folder.join("state.json")).unwrap();
    for name in [
        "APP_SERVICE_NAME",
        "DB_SERVER_NAME",
        "STORAGE_ACCOUNT_NAME",
        "UAClientID",
    ] {
        let value = value(&said, name);
        assert!(!state.contains(value), "{name}={value} is left: {state}");
    }
    assert!(!state.contains("UAManagedIdentityPythonTest"), "{state}");
    assert_eq!(assignments(&up), assignments_before);
}

/// A copy of a folder, because `az webapp up` writes into it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn the_tutorial_runs_with_the_site_of_this_repository() {
    let home = tempfile::tempdir().unwrap();
    let app = home.path().join("site");
    fs::create_dir(&app).unwrap();
    let site = Path::new(PROGRAM).with_file_name("restaurant-review");
    assert!(
        site.exists(),
        "the site is not built: run ./test.sh, or cargo build --workspace"
    );
    fs::copy(site, app.join("restaurant-review")).unwrap();
    fs::copy(checkout().join("start.sh"), app.join("start.sh")).unwrap();
    fs::copy(
        checkout().join("package/oryx-requirements.txt"),
        app.join("requirements.txt"),
    )
    .unwrap();
    tutorial(&app).await;
}

#[tokio::test]
async fn the_tutorial_runs_with_a_django_app() {
    let home = tempfile::tempdir().unwrap();
    let app = home.path().join("site");
    copy(&PathBuf::from(file("apps/django")), &app);
    tutorial(&app).await;
}
