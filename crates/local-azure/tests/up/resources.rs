//! Many resources, resources that cannot run, and resources that come and go.

use std::fs;
use std::time::Instant;

use local_azure::state::{
    Container, ManagedIdentity, Plan, PostgresServer, PublicAccess, StorageAccount, View as _, WebApp,
};
use local_azure::testing::patiently;
use local_azure::tutorial;

use crate::apps::{add_world, seeded};
use crate::running::{self, Up, command};

/// Three servers, twenty accounts, five apps and seventy identities. The time and the memory are printed, for
/// docs/local-azure.md.
#[tokio::test]
async fn many_resources_start() {
    let home = tempfile::tempdir().unwrap();
    let package = home.path().join("package");
    fs::create_dir(&package).unwrap();
    let script = "#!/bin/sh\nexec python3 -m http.server \"$PORT\"\n";
    fs::write(package.join("start.sh"), script).unwrap();
    let names: Vec<_> = (1..=4).map(|n| format!("app{n}")).collect();
    seeded(home.path(), |state| {
        for name in &names[..2] {
            add_world(state, name, &[]);
        }
        let plan = state.find::<WebApp>(tutorial::APP).unwrap().plan;
        let plan: Plan = state.at(&plan).unwrap();
        for name in &names[2..] {
            let app = WebApp::new(state.resource_id("others", WebApp::KIND, name), &plan);
            state.put(&app);
        }
        for n in 0..17 {
            let id = state.resource_id("others", StorageAccount::KIND, &format!("account{n}"));
            state.put(&StorageAccount::new(id, "westeurope"));
        }
        for n in 0..67 {
            let id = state.resource_id("others", ManagedIdentity::KIND, &format!("identity{n}"));
            state.put(&ManagedIdentity::new(id));
        }
        for name in names.iter().map(String::as_str).chain([tutorial::APP]) {
            state.edit(name, |app: &mut WebApp| {
                "exec sh ./start.sh".clone_into(&mut app.startup_command);
                // The first process of a container ignores SIGTERM unless it handles it.
                let limit = ("WEBSITES_CONTAINER_STOP_TIME_LIMIT".to_owned(), "0".to_owned());
                app.settings.extend([limit]);
            });
        }
        assert_eq!(state.names::<PostgresServer>().count(), 3);
        assert_eq!(state.names::<StorageAccount>().count(), 20);
        assert_eq!(state.names::<WebApp>().count(), 5);
        assert_eq!(state.identities().count(), 70);
    });
    let mut up = Up::start_with_package(home, package.clone(), &[]).await;
    for name in &names {
        up.say(&["deploy", name, package.to_str().unwrap()]).await;
    }
    up.say(&["down"]).await;
    let started = Instant::now();
    up = up.start_again().await;
    patiently("all apps run", async || {
        let status = up.say(&["status"]).await;
        (status.matches("0 ready, port 8000").count() == 5).then_some(())
    })
    .await;
    let seconds = started.elapsed().as_secs_f32();
    let folder = up.folder();
    let memory: u64 = running::memory(&folder) / 1024;
    println!("5 apps, 3 servers, 20 accounts and 70 identities: {seconds:.1} s, {memory} MB");
    let status = up.say(&["status"]).await;
    assert!(!status.contains("stopped"), "{status}");
    for name in ["app1", "app4"] {
        assert_eq!(up.get_from(name, "/").await.status(), 200);
    }
    let account = up
        .say(&["shell", "--", "curl", "-s", "https://account16.blob.core.windows.net/"])
        .await;
    assert!(account.contains("PublicAccessNotPermitted"), "{account}");
}

/// Resources that cannot run, because a person wrote them into the state, do not keep others from running.
#[tokio::test]
async fn a_resource_that_cannot_run_concerns_only_itself() {
    let home = tempfile::tempdir().unwrap();
    let package = home.path().join("package");
    fs::create_dir(&package).unwrap();
    fs::write(
        package.join("start.sh"),
        "#!/bin/sh\nexec python3 -m http.server \"$PORT\"\n",
    )
    .unwrap();
    seeded(home.path(), |state| {
        state.add_group("others", "westeurope");
        let plan: Plan = state.at(&state.find::<WebApp>(tutorial::APP).unwrap().plan).unwrap();
        for name in ["my_app", "another.app"] {
            let app = WebApp::new(state.resource_id("others", WebApp::KIND, name), &plan);
            state.put(&app);
        }
        for name in ["École", "x y"] {
            let id = state.resource_id("others", PostgresServer::KIND, name);
            state.put(&PostgresServer::new(id, "westeurope"));
        }
        state.edit(tutorial::ACCOUNT, |account: &mut StorageAccount| {
            account.containers.push(Container {
                name: "Bad_Name".to_owned(),
                public_access: PublicAccess::None,
            });
        });
        state.edit(tutorial::APP, |app: &mut WebApp| {
            "exec sh ./start.sh".clone_into(&mut app.startup_command);
            let limit = ("WEBSITES_CONTAINER_STOP_TIME_LIMIT".to_owned(), "1".to_owned());
            app.settings.extend([limit]);
        });
    });
    let up = Up::start_with_package(home, package.clone(), &[]).await;
    assert_eq!(up.get("/").await.status(), 200);
    let wrong = command(&up.folder(), &["deploy", "my_app", package.to_str().unwrap()]).await;
    let text = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && text.contains("not a valid web app name"),
        "{text}"
    );
    up.say(&["app", "delete", "my_app"]).await;
    up.say(&["down"]).await;
}

/// An app is deleted and created again while an instance, which ignores SIGTERM, is still stopping.
#[tokio::test]
async fn an_app_that_is_created_again_gets_nothing_of_the_old_one() {
    let home = tempfile::tempdir().unwrap();
    let folders = ["old", "new"].map(|name| {
        let folder = home.path().join(name);
        fs::create_dir(&folder).unwrap();
        let script = format!("#!/bin/sh\ntrap '' TERM\necho {name} >index.html\npython3 -m http.server \"$PORT\"\n");
        fs::write(folder.join("start.sh"), script).unwrap();
        folder
    });
    let [old, new] = folders.each_ref().map(|folder| folder.to_str().unwrap());
    seeded(home.path(), |state| {
        state.edit(tutorial::APP, |app: &mut WebApp| {
            "exec sh ./start.sh".clone_into(&mut app.startup_command);
            let limit = ("WEBSITES_CONTAINER_STOP_TIME_LIMIT".to_owned(), "1".to_owned());
            app.settings.extend([limit]);
        });
    });
    let up = Up::start_with_package(home, folders[0].clone(), &[]).await;
    let create = async || {
        up.say(&["app", "create", "fabrikam"]).await;
        up.say(&["app", "startup", "fabrikam", "sh ./start.sh"]).await;
        up.say(&["app", "settings", "fabrikam", "WEBSITES_CONTAINER_STOP_TIME_LIMIT=5"])
            .await;
    };
    create().await;
    up.say(&["deploy", "fabrikam", old]).await;
    let (state, arguments) = (up.folder(), ["app", "delete", "fabrikam"]);
    let deleting = tokio::spawn(async move { command(&state, &arguments).await });
    patiently("the app is deleted", async || {
        let answer = up.get_from("fabrikam", "/").await;
        (answer.status() == 404).then_some(())
    })
    .await;
    create().await;
    // Until the old instance has ended, the new app cannot be used, and says so.
    let early = command(&up.folder(), &["deploy", "fabrikam", new]).await;
    let text = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(early.status.success() || text.contains("is being deleted"), "{text}");
    assert!(deleting.await.unwrap().status.success());
    up.say(&["deploy", "fabrikam", new]).await;
    let served = up.get_from("fabrikam", "/").await.text().await.unwrap();
    assert_eq!(served.trim(), "new");
    // Settings that are changed at the same time are all kept.
    let edits = (0..10).map(|n| {
        let (state, setting) = (up.folder(), format!("N{n}=x"));
        async move { command(&state, &["app", "settings", "fabrikam", &setting]).await }
    });
    let changed = futures_util::future::join_all(edits).await;
    assert!(changed.iter().all(|output| output.status.success()));
    let settings = up.say(&["app", "settings", "fabrikam"]).await;
    assert_eq!(settings.matches("=x").count(), 10, "{settings}");
}
