//! App Service with one web app, `contoso`.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use local_azure::Azure;
use local_azure::app_service::{AppService, Deployment, InstanceState, Options, Origin, Package, logs};
use local_azure::state::{Plan, State, View as _, WebApp};
use local_azure::testing::Cloud;
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use tempfile::TempDir;

use super::{change, cloud, https};

pub const APP: &str = "contoso";

/// The path of the interpreter itself, because a wrapper would not forward signals.
pub static PYTHON: LazyLock<String> = LazyLock::new(|| {
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
});

/// Who deploys.
pub fn origin() -> Origin {
    Origin {
        deployer: "ZipDeploy",
        author: "ada".to_owned(),
    }
}

pub struct Site {
    cloud: Cloud,
    pub client: Client,
    /// The folder with the packages.
    pub folder: TempDir,
}

impl Deref for Site {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}

impl Site {
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, Options::default(), |_| {})
    }

    pub fn with(settings: &[(&str, &str)], options: Options, change: impl FnOnce(&mut WebApp)) -> Self {
        let cloud = cloud(|state| {
            state.clear::<WebApp>();
            let mut app = web_app(state, APP, settings);
            change(&mut app);
            state.put(&app);
        });
        cloud.app_service_with(options);
        let client = client(cloud.azure());
        Self {
            cloud,
            client,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn service(&self) -> &AppService {
        self.app_service()
    }

    /// Deploys the test app and waits until it is ready.
    pub async fn up(self) -> Self {
        let package = Package::Folder(self.source("1"));
        self.service().deploy(APP, &package, origin()).await.unwrap();
        self
    }

    /// Deploys the test app with a file that contains this version. Returns the deployment when its instances start.
    pub async fn deploy(&self, version: &str) -> Deployment {
        self.begin(Package::Folder(self.source(version))).await
    }

    /// Deploys a package. Returns the deployment when its instances start.
    pub async fn begin(&self, package: Package) -> Deployment {
        let id = self.service().begin_deployment(APP, package, origin()).unwrap().id;
        let has_started = |one: &Deployment| one.is_built || one.is_complete();
        self.service().deployment_when(APP, &id, has_started).await.unwrap()
    }

    /// Creates a folder with the test app.
    pub fn source(&self, version: &str) -> PathBuf {
        let source = self.folder.path().join(format!("source-{version}"));
        fs::create_dir_all(&source).unwrap();
        write(&source.join("start.sh"), "#!/bin/sh\nexec \"$PYTHON\" app.py\n", 0o755);
        write(&source.join("app.py"), include_str!("app.py"), 0o644);
        write(&source.join("version"), version, 0o644);
        source
    }

    /// Sets the number of instances of the app in the state.
    pub fn set_instances(&self, count: u32) {
        let plan = format!("{APP}-plan");
        change(self.azure(), |state| {
            state.edit(&plan, |plan: &mut Plan| plan.instances = count).unwrap();
        });
    }

    pub fn change(&self, what: impl FnOnce(&mut WebApp)) {
        change(self.azure(), |state| state.edit(APP, what).unwrap());
    }

    /// Writes a file that the app reads with its function `flag`.
    pub fn flag(&self, name: &str, text: &str) {
        fs::create_dir_all(self.home()).unwrap();
        write(&self.home().join(name), text, 0o644);
    }

    pub fn home(&self) -> PathBuf {
        self.azure().folder().join("apps").join(APP).join("home")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service().url(APP))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// All lines of the log.
    pub fn log(&self) -> String {
        let lines = logs(self.azure().folder(), APP).lines();
        lines.iter().map(ToString::to_string).map(|line| line + "\n").collect()
    }

    pub fn states(&self) -> Vec<InstanceState> {
        let status = self.service().status(APP).unwrap();
        status.iter().map(|one| one.state).collect()
    }
}

/// An app in a plan of its own with one instance.
fn web_app(state: &mut State, name: &str, settings: &[(&str, &str)]) -> WebApp {
    let plan = state.resource_id("rg", Plan::KIND, &format!("{name}-plan"));
    let plan = state.at(&plan).unwrap_or_else(|| Plan::new(plan, "eastus"));
    state.put(&plan);
    let mut app = WebApp::new(state.resource_id("rg", WebApp::KIND, name), &plan);
    app.settings = settings
        .iter()
        .chain([&("PYTHON", PYTHON.as_str())])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    "exec sh ./start.sh".clone_into(&mut app.startup_command);
    app
}

pub fn add(azure: &Azure, name: &str, change_app: impl FnOnce(&mut WebApp)) {
    change(azure, |state| {
        let mut app = web_app(state, name, &[]);
        change_app(&mut app);
        state.put(&app);
    });
}

fn client(azure: &Azure) -> Client {
    let mut client = https(azure).redirect(redirect::Policy::none());
    for name in ["contoso.localhost", "fabrikam.localhost", "contoso.azurewebsites.net"] {
        client = client.resolve(name, SocketAddr::from(([127, 0, 0, 1], 0)));
    }
    client.build().unwrap()
}

pub fn write(file: &Path, text: &str, mode: u32) {
    // A reader sees either nothing or the whole file.
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(new, file).unwrap();
}
