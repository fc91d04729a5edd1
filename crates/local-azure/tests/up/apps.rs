//! Apps in other languages that know only Azure's names, and several apps beside each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use local_azure::state::{
    Container, ManagedIdentity, Plan, PostgresServer, PublicAccess, RoleAssignment, RoleDefinition, State,
    StorageAccount, View as _, WebApp,
};
use local_azure::testing::patiently;
use local_azure::{Azure, tutorial};
use reqwest::header::{LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::running::{self, PNG, Up, command, marked, review, with_photo};

/// The folder of an app of `tests/apps`.
fn app(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps").join(name)
}

/// Adds a server, an account with a container and an app with an identity, all called `name`, without any access to what
/// exists. Returns the principal id of the identity.
pub fn add_world(state: &mut State, name: &str, settings: &[(&str, &str)]) -> Uuid {
    let id = |state: &State, kind: &str| state.resource_id("others", kind, name);
    state.add_group("others", "westeurope");
    let administrator = state.find_principal(tutorial::ADMINISTRATOR).unwrap().id;
    let mut server = PostgresServer::new(id(state, PostgresServer::KIND), "westeurope");
    server.entra_administrators = vec![administrator];
    server.databases = vec!["restaurant".to_owned()];
    state.put(&server);
    let mut account = StorageAccount::new(id(state, StorageAccount::KIND), "westeurope");
    account.containers.push(Container {
        name: "photos".to_owned(),
        public_access: PublicAccess::None,
    });
    state.put(&account);
    let identity = ManagedIdentity::new(id(state, ManagedIdentity::KIND));
    state.put(&identity);
    let role = RoleDefinition::find("Storage Blob Data Contributor").unwrap().id;
    let assignment = RoleAssignment::new(account.id, role, identity.principal_id);
    state.role_assignments.push(assignment);
    let plan = Plan::new(id(state, Plan::KIND), "westeurope");
    state.put(&plan);
    let mut app = WebApp::new(id(state, WebApp::KIND), &plan);
    app.identity.user.push(identity.resource_id);
    "exec npm start".clone_into(&mut app.startup_command);
    let client_id = identity.client_id.to_string();
    app.settings = [
        ("AZURE_CLIENT_ID", client_id.as_str()),
        ("CONFORMANCE_PAGE", "1"),
        ("DBHOST", name),
        ("DBNAME", "restaurant"),
        ("DBUSER", name),
        ("STORAGE_ACCOUNT_NAME", name),
        ("STORAGE_CONTAINER_NAME", "photos"),
    ]
    .iter()
    .chain(settings)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    state.put(&app);
    identity.principal_id
}

/// A new state with the tutorial's resources, whose app is of another kind, and what `change` adds.
pub fn seeded(folder: &Path, change: impl FnOnce(&mut State)) {
    let azure = Azure::open(&folder.join("state")).unwrap();
    tutorial::provision(&azure, false).unwrap();
    let changed = azure.change(|state| {
        state.edit(tutorial::APP, |app: &mut WebApp| {
            for (name, value) in [
                ("DBHOST", tutorial::SERVER),
                ("CONFORMANCE_PAGE", "1"),
                ("SECRET_KEY", "x"),
            ] {
                app.settings.insert(name.to_owned(), value.to_owned());
            }
        });
        change(state);
        Ok(())
    });
    changed.unwrap();
}

/// Creates the role of an identity in a server's database, as the tutorial does, with psql inside.
async fn grant(up: &Up, server: &str, role: &str, id: Uuid) {
    let token = up.say(&["token"]).await;
    for (database, sql) in [
        (
            "postgres",
            format!("select pgaadauth_create_principal_with_oid('{role}', '{id}', 'service', false, false)"),
        ),
        (
            "restaurant",
            format!("grant usage, create on schema public to \"{role}\""),
        ),
    ] {
        let connection = format!(
            "host={server}.postgres.database.azure.com user={} dbname={database} sslmode=require",
            tutorial::ADMINISTRATOR
        );
        let password = format!("PGPASSWORD={}", token.trim());
        up.say(&["shell", "--", "env", &password, "psql", "-X", "-c", &sql, &connection])
            .await;
    }
}

async fn conformance(up: &Up, app: &str, query: &str) -> Value {
    let answer = up.get_from(app, &format!("/conformance{query}")).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 200, "{text}\n{}", up.log());
    serde_json::from_str(&text).unwrap()
}

/// What every app finds at its own server and account.
fn is_at_home(found: &Value, app: &str, role: &str) {
    assert_eq!(found["website_hostname"], format!("{app}.azurewebsites.net"), "{found}");
    assert_eq!(found["host"], found["website_hostname"], "{found}");
    assert_eq!(found["forwarded_proto"], "https", "{found}");
    assert!(found["peer"].as_str().unwrap().ends_with("169.254.129.1"), "{found}");
    assert_eq!(found["database"]["current_user"], role, "{found}");
    assert_eq!(found["database"]["ssl"], true, "{found}");
    assert_eq!(found["blob"]["signed"]["same"], true, "{found}");
    let unsigned = &found["blob"]["unsigned"];
    assert_eq!(unsigned["status"], 409, "{found}");
    assert!(
        unsigned["body"].as_str().unwrap().contains("PublicAccessNotPermitted"),
        "{found}"
    );
    assert_eq!(found["imds"], json!({"status": 200}), "{found}");
    for name in found["unknown_names"].as_array().unwrap() {
        assert_eq!(name["within_a_second"], true, "{found}");
        assert!(name["error"].is_string(), "{found}");
    }
}

/// What an app finds at the server and the account of another one.
fn is_refused(found: &Value) {
    let message = found["other_server"]["message"].as_str().unwrap();
    assert!(message.contains("authentication failed"), "{found}");
    assert_eq!(found["other_account"]["status"], 403, "{found}");
    assert_eq!(
        found["other_account"]["code"], "AuthorizationPermissionMismatch",
        "{found}"
    );
}

/// The programs of a virtual environment come first, as in the container of a Python app.
fn python_path() -> String {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/.venv/bin");
    assert!(
        programs.join("gunicorn").exists(),
        "run ./test.sh, which installs what the Django app needs"
    );
    format!("{}:{}", programs.display(), std::env::var("PATH").unwrap())
}

fn node_app() -> PathBuf {
    let folder = app("node");
    assert!(
        folder.join("node_modules/pg").exists(),
        "run ./test.sh, which installs what the app needs"
    );
    folder
}

/// A Django app that was written for Azure: it adds Azure's suffixes itself.
#[tokio::test]
async fn a_django_app_runs_unmodified() {
    let home = tempfile::tempdir().unwrap();
    seeded(home.path(), |state| {
        add_world(state, "other", &[]);
    });
    let up = Up::start_with_package(home, app("django"), &[("PATH", &python_path())]).await;
    let found = conformance(&up, tutorial::APP, "?other_server=other&other_account=other").await;
    is_at_home(&found, tutorial::APP, tutorial::IDENTITY);
    is_refused(&found);
    // Django believes `X-Forwarded-Proto` only as far as its server does in Azure.
    assert_eq!(found["scheme"], "http", "{found}");
    let with_role = up.say(&["role", "delete"]).await;
    assert!(with_role.contains("Deleted"), "{with_role}");
    let found = conformance(&up, tutorial::APP, "").await;
    assert_eq!(found["blob"]["code"], "AuthorizationPermissionMismatch", "{found}");
    up.say(&["role", "create"]).await;

    // The story of a visitor, whose forms carry Django's tokens.
    let form = up.get("/create").await;
    let cookie = form.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let page = form.text().await.unwrap();
    let (_, token) = page.split_once("csrfmiddlewaretoken\" value=\"").unwrap();
    let token = token.split('"').next().unwrap();
    let fields = [
        ("csrfmiddlewaretoken", token),
        ("restaurant_name", "Contoso Café"),
        ("street_address", "1 Main Street"),
        ("description", "Coffee"),
    ];
    let without_cookie = up.post("/add", "").form(&fields).send().await.unwrap();
    assert_eq!(without_cookie.status(), 403);
    let added = up.post("/add", &cookie).form(&fields).send().await.unwrap();
    assert_eq!(
        (added.status().as_u16(), &added.headers()[LOCATION]),
        (302, &"/1/".parse().unwrap())
    );
    let form = with_photo(review("Lovely")).text("csrfmiddlewaretoken", token.to_owned());
    let reviewed = up.post("/review/1", &cookie).multipart(form).send().await.unwrap();
    assert_eq!(reviewed.status(), 302, "{}", up.log());
    let page = up.page("/1/").await;
    assert!(page.contains("(1 review)") && page.contains("Lovely"), "{page}");
    // The photo is redirected to Blob Storage, which the browser reaches at an address on this machine.
    let (_, photo) = page.split_once("src=\"/photos/").unwrap();
    let answer = up.get(&format!("/photos/{}", photo.split('"').next().unwrap())).await;
    let location = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(
        location.starts_with("https://restaurantreview.blob.localhost:"),
        "{location}"
    );
    let photo = up.get_url(&location).await;
    assert_eq!(photo.status(), 200);
    assert_eq!(&photo.bytes().await.unwrap()[..], PNG);
}

/// Two Node.js apps, each with a server, an account and an identity of its own.
#[tokio::test]
async fn apps_reach_only_what_is_theirs() {
    let home = tempfile::tempdir().unwrap();
    let mut fabrikam = Uuid::nil();
    seeded(home.path(), |state| {
        fabrikam = add_world(state, "fabrikam", &[]);
        state.edit(tutorial::APP, |app: &mut WebApp| {
            "exec npm start".clone_into(&mut app.startup_command);
        });
    });
    let up = Up::start_with_package(home, node_app(), &[]).await;
    let folder = up.folder();
    grant(&up, "fabrikam", "fabrikam", fabrikam).await;
    let deployed = up.say(&["deploy", "fabrikam", node_app().to_str().unwrap()]).await;
    assert!(deployed.contains("runs the new version"), "{deployed}");

    let found = conformance(&up, tutorial::APP, "?other_server=fabrikam&other_account=fabrikam").await;
    is_at_home(&found, tutorial::APP, tutorial::IDENTITY);
    is_refused(&found);
    let query = "?other_server=restaurant-review-db&other_account=restaurantreview";
    let found = conformance(&up, "fabrikam", query).await;
    is_at_home(&found, "fabrikam", "fabrikam");
    is_refused(&found);

    // A fault of one server does not concern the other one.
    up.say(&[
        "faults",
        "database:fabrikam=away",
        "storage:fabrikam=away",
        "identity:fabrikam=500",
    ])
    .await;
    let found = conformance(&up, tutorial::APP, "").await;
    is_at_home(&found, tutorial::APP, tutorial::IDENTITY);
    let shell = |host: &'static str| {
        let up = &up;
        async move {
            let arguments = [
                "shell",
                "--",
                "curl",
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                host,
            ];
            command(&up.folder(), &arguments).await
        }
    };
    assert!(!shell("https://fabrikam.blob.core.windows.net/").await.status.success());
    assert!(
        shell("https://restaurantreview.blob.core.windows.net/")
            .await
            .status
            .success()
    );
    let unknown = command(&folder, &["faults", "database:nobody=away"]).await;
    let text = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        !unknown.status.success() && text.contains("fabrikam, restaurant-review-db"),
        "{text}"
    );
    up.say(&["faults", "--clear"]).await;
    patiently("fabrikam is back", async || {
        let found = conformance(&up, "fabrikam", "").await;
        (found["database"]["current_user"] == "fabrikam").then_some(())
    })
    .await;

    // One app is changed, restarted and deleted. The other one is unaffected.
    up.say(&["app", "settings", "fabrikam", "GREETING=hello"]).await;
    patiently("the new settings are used", async || {
        let status = up.say(&["status"]).await;
        let (_, instances) = status.split_once("Instances of fabrikam:").unwrap();
        let (process, _) = instances.split_once("process ")?.1.split_once(',')?;
        let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.contains("GREETING=hello").then_some(())
    })
    .await;
    let text = up.say(&["app", "delete", "fabrikam"]).await;
    assert!(text.contains("Deleted fabrikam."), "{text}");
    assert!(!folder.join("apps/fabrikam").exists());
    assert!(marked(&folder).iter().all(|process| !process.contains("apps/fabrikam")));
    let status = up.get_from("fabrikam", "/").await.status();
    assert_eq!(status, 404);
    let found = conformance(&up, tutorial::APP, "").await;
    is_at_home(&found, tutorial::APP, tutorial::IDENTITY);

    // A new app of the same name has another identity and none of the old files.
    let created = up.say(&["app", "create", "fabrikam"]).await;
    assert!(created.contains("client id"), "{created}");
    let welcome = up.get_from("fabrikam", "/").await;
    assert!(welcome.text().await.unwrap().contains("waiting for your content"));
    let text = up.say(&["app", "startup", "fabrikam"]).await;
    assert_eq!(text.trim(), "exec sh ./start.sh");
}

/// `deploy --watch` deploys again after each change.
#[test]
fn a_watched_folder_is_deployed_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let package = home.path().join("package");
    fs::create_dir(&package).unwrap();
    let write = |text: &str| {
        let script =
            format!("#!/bin/sh\nmkdir w; echo {text} >w/index.html; cd w\nexec python3 -m http.server \"$PORT\"\n");
        fs::write(package.join("start.sh"), script).unwrap();
    };
    write("one");
    seeded(home.path(), |state| {
        state.edit(tutorial::APP, |app: &mut WebApp| {
            "exec sh ./start.sh".clone_into(&mut app.startup_command);
        });
    });
    let up = runtime.block_on(Up::start_with_package(home, package.clone(), &[]));
    let watch = ["deploy", tutorial::APP, package.to_str().unwrap(), "--watch"];
    let mut watching = Command::new(running::PROGRAM)
        .arg("--state")
        .arg(up.folder())
        .args(watch)
        .spawn()
        .unwrap();
    for text in ["two", "three"] {
        write(text);
        runtime.block_on(patiently("the change is deployed", async || {
            let answer = up.get("/").await;
            (answer.text().await.unwrap().trim() == text).then_some(())
        }));
    }
    watching.kill().unwrap();
    watching.wait().unwrap();
}
