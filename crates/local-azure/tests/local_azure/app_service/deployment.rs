//! What is deployed, and what an app finds there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use local_azure::app_service::Package;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::cloud::{APP, Cloud, PYTHON, until, write};

/// Packs the files of a folder; `mode` is what the zip says of each.
fn pack(folder: &Path, zip: &Path, mode: impl Fn(&str) -> u32) -> Package {
    let mut writer = ZipWriter::new(File::create(zip).unwrap());
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let options = SimpleFileOptions::default().unix_permissions(mode(&name));
        writer.start_file(&name, options).unwrap();
        writer.write_all(&fs::read(entry.path()).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    Package::Zip(zip.to_owned())
}

#[tokio::test]
async fn an_app_finds_the_variables_of_app_service_and_no_others() {
    let cloud = Cloud::new(&[("GREETING", "it's \"fine\""), ("not.a.name", "x")])
        .up()
        .await;
    let environment = cloud.json("/env").await;
    let get = |name: &str| environment[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(get("GREETING"), "it's \"fine\"");
    assert_eq!(get("HOST"), "127.0.0.1");
    assert_eq!(Path::new(&get("HOME")), cloud.home());
    let root = fs::canonicalize(cloud.home().join("site/wwwroot")).unwrap();
    assert_eq!(Path::new(&get("APP_PATH")), root);
    assert!(get("PATH").ends_with(&format!(":{}", root.display())));
    let host = format!("contoso.localhost:{}", cloud.service.https_port());
    assert_eq!(
        (get("WEBSITE_HOSTNAME"), get("WEBSITE_DEFAULT_HOSTNAME")),
        (host.clone(), host)
    );
    assert_eq!(get("WEBSITE_SITE_NAME"), "contoso");
    assert_eq!(get("WEBSITE_RESOURCE_GROUP"), "rg");
    assert_eq!(get("WEBSITE_AUTH_ENABLED"), "False");
    let status = cloud.service.status(APP).unwrap();
    assert_eq!(get("WEBSITE_INSTANCE_ID"), status[0].id);
    assert_eq!(get("PORT"), status[0].port.unwrap().to_string());
    let mut names: Vec<_> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    // What shells set by themselves, and the mark by which what runs here is found after a crash.
    names.retain(|name| !["LANG", "LC_CTYPE", "LOCAL_AZURE_STATE", "OLDPWD", "PWD", "SHLVL", "_"].contains(name));
    let expected = [
        "APP_PATH",
        "GREETING",
        "HOME",
        "HOST",
        "PATH",
        "PORT",
        "PYTHON",
        "REGION_NAME",
        "WEBSITE_AUTH_ENABLED",
        "WEBSITE_DEFAULT_HOSTNAME",
        "WEBSITE_HOSTNAME",
        "WEBSITE_INSTANCE_ID",
        "WEBSITE_OWNER_NAME",
        "WEBSITE_RESOURCE_GROUP",
        "WEBSITE_ROLE_INSTANCE_ID",
        "WEBSITE_SITE_NAME",
        "WEBSITE_SKU",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_new_version_takes_over_when_it_answers() {
    let cloud = Cloud::new(&[]).up().await;
    assert_eq!(cloud.text("/version").await, "1");
    let versions = cloud.home().with_file_name("versions");

    let broken = cloud.folder.path().join("broken.zip");
    fs::write(&broken, "no zip").unwrap();
    assert!(cloud.service.deploy(APP, &Package::Zip(broken)).await.is_err());
    assert_eq!(cloud.text("/version").await, "1");
    assert_eq!(fs::read_dir(&versions).unwrap().count(), 1);

    // The second is not ready before the test says so.
    cloud.change(|app| {
        app.settings
            .insert("WEBSITE_WARMUP_PATH".to_owned(), "/status".to_owned());
        app.settings
            .insert("WEBSITE_WARMUP_STATUSES".to_owned(), "200".to_owned());
    });
    cloud.flag("status", "503");
    let source = cloud.source("2");
    let package = pack(&source, &cloud.folder.path().join("app.zip"), |name| {
        if name == "start.sh" { 0o755 } else { 0o644 }
    });
    cloud.service.deploy(APP, &package).await.unwrap();
    until("the second runs", || cloud.log().matches("up\n").count() == 2).await;
    assert_eq!(cloud.text("/version").await, "1");
    cloud.flag("status", "200");
    cloud.service.wait_ready(APP).await.unwrap();
    assert_eq!(cloud.text("/version").await, "2");
    until("the first has gone", || cloud.states().len() == 1).await;
    until("its files have gone", || fs::read_dir(&versions).unwrap().count() == 1).await;
    assert!(cloud.log().contains("bye"));
}

#[tokio::test]
async fn what_was_deployed_can_be_started_later() {
    let cloud = Cloud::new(&[]);
    assert!(cloud.service.start_app("nobody").await.is_err());
    assert!(cloud.service.start_app(APP).await.is_err());
    assert_eq!(cloud.get("/").await.status(), 503);
    cloud.change(|app| app.startup_command.clear());
    let package = Package::Folder(cloud.source("1"));
    let error = cloud.service.deploy(APP, &package).await.unwrap_err();
    assert!(error.to_string().contains("startup command"), "{error}");
    assert_eq!(cloud.get("/").await.status(), 403);
    // A file of the app gets the right to run first.
    cloud.change(|app| app.startup_command = "run.sh".to_owned());
    let root = fs::canonicalize(cloud.home().join("site/wwwroot")).unwrap();
    write(&root.join("run.sh"), "#!/bin/sh\nexec start.sh\n", 0o644);
    cloud.service.start_app(APP).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    assert_eq!(cloud.text("/version").await, "1");
}

#[tokio::test]
async fn an_app_that_is_run_from_its_package_cannot_write_there() {
    let cloud = Cloud::new(&[]).up().await;
    assert_eq!(cloud.text("/write").await, "written");

    // The site's own startup file, with a site that has lost the right to run.
    let source = cloud.source("2");
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../start.sh");
    fs::copy(start, source.join("start.sh")).unwrap();
    let site = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nexec {} \"$APP_PATH/app.py\"\n",
        PYTHON.as_str()
    );
    write(&source.join("restaurant-review"), &site, 0o644);
    let package = pack(&source, &cloud.folder.path().join("app.zip"), |name| {
        if name == "start.sh" { 0o755 } else { 0o644 }
    });
    cloud.change(|app| {
        app.settings
            .insert("WEBSITE_RUN_FROM_PACKAGE".to_owned(), "1".to_owned());
    });
    cloud.service.deploy(APP, &package).await.unwrap();
    cloud.service.wait_ready(APP).await.unwrap();
    assert_eq!(cloud.text("/version").await, "2");
    let refused = cloud.text("/write").await;
    let enforced = !cloud.log().contains("by file modes alone");
    if enforced || !is_root() {
        assert!(
            refused.contains("Read-only") || refused.contains("Permission"),
            "{refused}"
        );
    }
    assert!(!cloud.home().join("site/wwwroot/new").exists() || !enforced);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
