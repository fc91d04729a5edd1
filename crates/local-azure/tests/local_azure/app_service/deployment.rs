//! Deployments, and the environment of an app.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use local_azure::app_service::{DeploymentStatus, Package};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::rig::{APP, PYTHON, Site, origin, until, write};

/// Packs the files of a folder. `mode` returns the mode of each file in the zip.
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
async fn an_app_has_only_the_variables_of_app_service() {
    let site = Site::new(&[("GREETING", "it's \"fine\""), ("not-a-name", "x")])
        .up()
        .await;
    let environment = site.json("/env").await;
    let get = |name: &str| environment[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(get("GREETING"), "it's \"fine\"");
    assert_eq!(get("HOST"), "127.0.0.1");
    assert_eq!(Path::new(&get("HOME")), site.home());
    let root = fs::canonicalize(site.home().join("site/wwwroot")).unwrap();
    assert_eq!(Path::new(&get("APP_PATH")), root);
    assert!(get("PATH").ends_with(&format!(":{}", root.display())));
    assert_eq!(get("WEBSITE_HOSTNAME"), "contoso.azurewebsites.net");
    assert_eq!(get("WEBSITE_DEFAULT_HOSTNAME"), "contoso.azurewebsites.net");
    assert_eq!(get("WEBSITE_SITE_NAME"), "contoso");
    assert_eq!(get("WEBSITE_RESOURCE_GROUP"), "rg");
    assert_eq!(get("WEBSITE_AUTH_ENABLED"), "False");
    let status = site.service().status(APP).unwrap();
    assert_eq!(get("WEBSITE_INSTANCE_ID"), status[0].id);
    assert_eq!(get("PORT"), status[0].port.unwrap().to_string());
    let mut names: Vec<_> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    // Variables that shells set, and the variable that Local Azure uses to find its processes after a crash.
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
async fn a_new_version_replaces_the_old_one_when_it_answers() {
    let site = Site::new(&[]).up().await;
    assert_eq!(site.text("/version").await, "1");
    let versions = site.home().with_file_name("versions");

    let broken = site.folder.path().join("broken.zip");
    fs::write(&broken, "no zip").unwrap();
    let refused = site.service().deploy(APP, &Package::Zip(broken), origin()).await;
    assert!(refused.is_err());
    let deployments = site.service().deployments(APP).unwrap();
    assert_eq!(
        [DeploymentStatus::Failed, DeploymentStatus::Successful],
        [0, 1].map(|at| deployments[at].status)
    );
    assert!(site.service().is_active(APP, &deployments[1]) && !site.service().is_active(APP, &deployments[0]));
    assert_eq!(site.text("/version").await, "1");
    assert_eq!(fs::read_dir(&versions).unwrap().count(), 1);

    // The second version becomes ready only when the test sets the flag.
    site.change(|app| {
        app.settings
            .insert("WEBSITE_WARMUP_PATH".to_owned(), "/status".to_owned());
        app.settings
            .insert("WEBSITE_WARMUP_STATUSES".to_owned(), "200".to_owned());
    });
    site.flag("status", "503");
    let source = site.source("2");
    let package = pack(&source, &site.folder.path().join("app.zip"), |name| {
        if name == "start.sh" { 0o755 } else { 0o644 }
    });
    let second = site.begin(package.clone()).await;
    let other = site.service().begin_deployment(APP, package, origin());
    assert!(other.unwrap_err().to_string().contains(&second.id));
    until("the second runs", || site.log().matches("up\n").count() == 2).await;
    assert_eq!(site.text("/version").await, "1");
    site.flag("status", "200");
    site.service().wait_ready(APP).await.unwrap();
    assert_eq!(site.text("/version").await, "2");
    until("the first has stopped", || site.states().len() == 1).await;
    until("its files are removed", || {
        fs::read_dir(&versions).unwrap().count() == 1
    })
    .await;
    assert!(site.log().contains("bye"));
}

/// Changes the folder of a package so that it fails.
type Spoil = Box<dyn Fn(&Path)>;

/// Each package fails in its own way, and the message names the cause.
#[tokio::test]
async fn a_version_that_does_not_start_is_not_kept() {
    let site = Site::new(&[("WEBSITES_CONTAINER_START_TIME_LIMIT", "10")]).up().await;
    let before = site.service().status(APP).unwrap()[0].clone();
    let start = |text: &'static str| move |folder: &Path| write(&folder.join("start.sh"), text, 0o755);
    let packages: [(&str, &str, Spoil); 5] = [
        (
            "exit",
            "no such table",
            Box::new(start("#!/bin/sh\necho no such table >&2\nexit 1\n")),
        ),
        (
            "silent",
            "does not listen on any port",
            Box::new(start("#!/bin/sh\nsleep 100\n")),
        ),
        (
            "windows",
            "CRLF",
            Box::new(start("#!/bin/sh\r\nexec \"$PYTHON\" app.py\r\n")),
        ),
        (
            "none",
            "has no start.sh",
            Box::new(|folder| fs::remove_file(folder.join("start.sh")).unwrap()),
        ),
        (
            "deep",
            "in the package's folder site,",
            Box::new(|folder| {
                let files = fs::read_dir(folder)
                    .unwrap()
                    .flatten()
                    .map(|entry| entry.path())
                    .collect::<Vec<_>>();
                fs::create_dir(folder.join("site")).unwrap();
                for file in files {
                    fs::rename(&file, folder.join("site").join(file.file_name().unwrap())).unwrap();
                }
            }),
        ),
    ];
    for (version, cause, spoil) in packages {
        let source = site.source(version);
        spoil(&source);
        let failed = site.service().deploy(APP, &Package::Folder(source), origin()).await;
        let why = failed.unwrap_err().to_string();
        assert!(why.contains(cause), "{version}: {why}");
        assert_eq!(site.text("/version").await, "1");
        let lines = site.service().deployments(APP).unwrap();
        let log = site.service().deployment_log(APP, &lines[0].id).unwrap();
        assert!(
            log.iter().any(|line| line.text.contains("goes on serving")),
            "{version}: {log:?}"
        );
    }
    // It is the same process, and its files are still there.
    until("the others have ended", || site.states().len() == 1).await;
    let after = site.service().status(APP).unwrap()[0].clone();
    assert_eq!((after.process, after.restarts), (before.process, 0));
    site.service().restart(APP).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    assert_eq!(site.text("/version").await, "1");
    let source = site.source("3");
    site.service()
        .deploy(APP, &Package::Folder(source), origin())
        .await
        .unwrap();
    assert_eq!(site.text("/version").await, "3");
}

#[tokio::test]
async fn a_deployed_app_can_be_started_later() {
    let site = Site::new(&[]);
    assert!(site.service().start_app("nobody").await.is_err());
    assert!(site.service().start_app(APP).await.is_err());
    let welcome = site.get("/").await;
    assert_eq!(welcome.status(), 200);
    assert!(welcome.text().await.unwrap().contains("waiting for your content"));
    site.change(|app| app.startup_command.clear());
    let package = Package::Folder(site.source("1"));
    let deployment = site.service().deploy(APP, &package, origin()).await.unwrap();
    assert!(!deployment.is_started && deployment.failure.is_none());
    assert!(site.text("/").await.contains("waiting for your content"));
    // The startup file is made executable first.
    site.change(|app| app.startup_command = "run.sh".to_owned());
    let root = fs::canonicalize(site.home().join("site/wwwroot")).unwrap();
    write(&root.join("run.sh"), "#!/bin/sh\nexec start.sh\n", 0o644);
    site.service().start_app(APP).await.unwrap();
    site.service().wait_ready(APP).await.unwrap();
    assert_eq!(site.text("/version").await, "1");
}

/// A zip made on Windows does not keep the execute permissions.
#[tokio::test]
async fn a_package_without_execute_permissions_starts_by_the_shell() {
    let site = Site::new(&[]);
    let source = site.source("1");
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../start.sh");
    fs::copy(start, source.join("start.sh")).unwrap();
    let program = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nexec {} app.py\n",
        PYTHON.as_str()
    );
    write(&source.join("restaurant-review"), &program, 0o755);
    let package = pack(&source, &site.folder.path().join("app.zip"), |_| 0o644);
    site.change(|app| app.startup_command = "exec ./start.sh".to_owned());
    site.service().deploy(APP, &package, origin()).await.unwrap_err();
    let log = site.log();
    assert!(
        log.contains("start.sh has no execute permission") && log.contains("exec sh ./start.sh"),
        "{log}"
    );
    site.change(|app| app.startup_command = "exec sh ./start.sh".to_owned());
    site.service().deploy(APP, &package, origin()).await.unwrap();
    assert_eq!(site.text("/version").await, "1");
    assert!(
        site.home()
            .join("site/wwwroot/restaurant-review")
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o100
            != 0
    );
}

/// Both the program that the startup command runs and one that the startup file runs are examined.
#[tokio::test]
async fn a_program_for_another_processor_is_named() {
    let site = Site::new(&[]).up().await;
    let (number, name) = if cfg!(target_arch = "aarch64") {
        (62, "x86_64")
    } else {
        (183, "aarch64")
    };
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut foreign = own[..4096].to_vec();
    foreign[18] = number;
    for (version, command, start) in [
        ("2", "exec ./hello", None),
        ("3", "exec sh ./start.sh", Some("#!/bin/sh\nexec ./hello\n")),
    ] {
        let source = site.source(version);
        fs::write(source.join("hello"), &foreign).unwrap();
        fs::set_permissions(source.join("hello"), fs::Permissions::from_mode(0o755)).unwrap();
        if let Some(start) = start {
            write(&source.join("start.sh"), start, 0o755);
        }
        site.change(|app| app.startup_command = command.to_owned());
        let failed = site.service().deploy(APP, &Package::Folder(source), origin()).await;
        let why = failed.unwrap_err().to_string();
        let expected = format!("hello is a program for Linux on {name}, not for this processor");
        assert!(why.contains(&expected), "{version}: {why}");
    }
}

#[tokio::test]
async fn an_app_that_runs_from_its_package_cannot_write_there() {
    let site = Site::new(&[]).up().await;
    assert_eq!(site.text("/write").await, "written");

    // The startup file of the site, with a program that is not executable.
    let source = site.source("2");
    let start = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../start.sh");
    fs::copy(start, source.join("start.sh")).unwrap();
    let program = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nexec {} \"$APP_PATH/app.py\"\n",
        PYTHON.as_str()
    );
    write(&source.join("restaurant-review"), &program, 0o644);
    let package = pack(&source, &site.folder.path().join("app.zip"), |name| {
        if name == "start.sh" { 0o755 } else { 0o644 }
    });
    site.change(|app| {
        app.settings
            .insert("WEBSITE_RUN_FROM_PACKAGE".to_owned(), "1".to_owned());
    });
    site.service().deploy(APP, &package, origin()).await.unwrap();
    assert_eq!(site.text("/version").await, "2");
    let refused = site.text("/write").await;
    let enforced = !site.log().contains("Only file modes make the package read-only");
    if !enforced && is_root() {
        eprintln!("root is not restricted by file modes, and this machine does not permit mounts");
    } else {
        assert!(
            refused.contains("Read-only") || refused.contains("Permission"),
            "{refused}"
        );
    }
    assert!(!site.home().join("site/wwwroot/new").exists() || !enforced);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
