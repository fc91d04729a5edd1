//! An App Service with one web app, `contoso`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use local_azure::Azure;
use local_azure::app_service::{AppService, InstanceState, Options, Package, logs};
use local_azure::state::{AssignedIdentities, WebApp};
use reqwest::{Certificate, Client, Response, redirect};
use serde_json::Value;
use tempfile::TempDir;

pub const APP: &str = "contoso";

/// The interpreter itself, which a wrapper would hide from signals.
pub static PYTHON: LazyLock<String> = LazyLock::new(|| {
    let mut python = Command::new("python3");
    let said = python
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
});

pub struct Cloud {
    pub service: AppService,
    pub azure: Azure,
    pub client: Client,
    pub folder: TempDir,
}

impl Cloud {
    pub fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, Options::default(), |_| {})
    }

    pub fn with(settings: &[(&str, &str)], options: Options, change: impl FnOnce(&mut WebApp)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(&folder.path().join("state")).unwrap();
        let mut app = web_app(APP, settings);
        change(&mut app);
        add(&azure, app);
        let service = AppService::start(&azure, "http://127.0.0.1:1/msi/token".to_owned(), options).unwrap();
        let client = client(&azure);
        Self {
            service,
            azure,
            client,
            folder,
        }
    }

    /// Deploys the app of the tests and waits until it is ready.
    pub async fn up(self) -> Self {
        self.deploy("1").await;
        self.service.wait_ready(APP).await.unwrap();
        self
    }

    /// Deploys the app of the tests with a file that says this version.
    pub async fn deploy(&self, version: &str) {
        let package = Package::Folder(self.source(version));
        self.service.deploy(APP, &package).await.unwrap();
    }

    /// The folder of the app of the tests.
    pub fn source(&self, version: &str) -> PathBuf {
        let source = self.folder.path().join(format!("source-{version}"));
        fs::create_dir_all(&source).unwrap();
        write(&source.join("start.sh"), "#!/bin/sh\nexec \"$PYTHON\" app.py\n", 0o755);
        write(&source.join("app.py"), include_str!("app.py"), 0o644);
        write(&source.join("version"), version, 0o644);
        source
    }

    pub fn change(&self, change: impl FnOnce(&mut WebApp)) {
        self.azure
            .change(|state| {
                change(&mut state.web_apps[0]);
                Ok(())
            })
            .unwrap();
    }

    /// Writes what the app looks at by its function `flag`.
    pub fn flag(&self, name: &str, text: &str) {
        fs::create_dir_all(self.home()).unwrap();
        write(&self.home().join(name), text, 0o644);
    }

    pub fn home(&self) -> PathBuf {
        self.azure.folder().join("apps").join(APP).join("home")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.url(APP))
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

    /// All that the logs have.
    pub fn log(&self) -> String {
        let lines = logs(self.azure.folder(), APP).lines();
        lines.iter().map(ToString::to_string).map(|line| line + "\n").collect()
    }

    pub fn states(&self) -> Vec<InstanceState> {
        let status = self.service.status(APP).unwrap();
        status.iter().map(|one| one.state).collect()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("The log of the app:\n{}", self.log());
        }
    }
}

pub fn web_app(name: &str, settings: &[(&str, &str)]) -> WebApp {
    let python = ("PYTHON", PYTHON.as_str());
    let settings = settings.iter().chain([&python]);
    WebApp {
        name: name.to_owned(),
        resource_group: "rg".to_owned(),
        location: "eastus".to_owned(),
        identity: AssignedIdentities::default(),
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        startup_command: "exec ./start.sh".to_owned(),
        instances: 1,
        health_check_path: None,
        https_only: false,
        client_affinity_enabled: true,
    }
}

pub fn add(azure: &Azure, app: WebApp) {
    azure
        .change(|state| {
            state.web_apps.push(app);
            Ok(())
        })
        .unwrap();
}

fn client(azure: &Azure) -> Client {
    let root = Certificate::from_pem(&fs::read(azure.authority().file()).unwrap()).unwrap();
    let mut client = Client::builder()
        .tls_certs_only([root])
        .redirect(redirect::Policy::none())
        .no_proxy();
    for name in ["contoso.localhost", "fabrikam.localhost", "contoso.azurewebsites.net"] {
        client = client.resolve(name, SocketAddr::from(([127, 0, 0, 1], 0)));
    }
    client.build().unwrap()
}

pub fn write(file: &Path, text: &str, mode: u32) {
    // A reader sees all of it or nothing.
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(new, file).unwrap();
}

/// Waits patiently.
pub async fn until(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within a minute: {what}");
}

/// Whether a process of that id is there and is no zombie.
pub fn runs(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).join("exe").exists()
}
