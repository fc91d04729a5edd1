//! A running `local-azure up`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::future;
use std::iter;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use local_azure::testing::patiently;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::process::{Child, Command};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_local-azure");

/// Every name is this machine: many resolvers do not know the names below `localhost`, as browsers do.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let address: Addrs = Box::new(iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(future::ready(Ok(address)))
    }
}

/// `local-azure up` with the site, on free ports, with its state in a temporary folder.
pub struct Up {
    home: Arc<tempfile::TempDir>,
    how: Arc<How>,
    process: Child,
    client: Client,
    base: String,
    /// The site's address over plain HTTP.
    pub http: String,
}

/// How it is started.
struct How {
    package: Package,
    /// More options of `up`.
    options: Vec<String>,
    variables: Vec<(String, String)>,
}

impl How {
    fn with(package: Package, options: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            package,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            variables: Vec::new(),
        })
    }
}

/// The package that is deployed.
enum Package {
    /// A zip, or a folder that was created for the test.
    Given(PathBuf),
    /// The package that `up` builds in a checkout.
    Built,
    /// Nothing is deployed, and there are no resources.
    None,
}

impl Up {
    /// Starts it with the package at the absolute path in `LOCAL_AZURE_PACKAGE`, such as that of
    /// `dist/restaurant-review.zip`. Without the variable, the package contains the site that `cargo build` built.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with more options of `up`.
    pub async fn start_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        if let Some(package) = std::env::var_os("LOCAL_AZURE_PACKAGE") {
            return Self::run(Arc::new(home), How::with(Package::Given(package.into()), options)).await;
        }
        let package = home.path().join("package");
        fs::create_dir(&package).unwrap();
        let site = Path::new(PROGRAM).with_file_name("restaurant-review");
        assert!(
            site.exists(),
            "the site is not built: run ./test.sh, or cargo build --workspace"
        );
        fs::copy(site, package.join("restaurant-review")).unwrap();
        fs::copy(checkout().join("start.sh"), package.join("start.sh")).unwrap();
        Self::run(Arc::new(home), How::with(Package::Given(package), options)).await
    }

    /// Starts it without any resources.
    pub async fn start_empty() -> Self {
        Self::start_empty_with(&[]).await
    }

    /// Starts it without any resources, with more options of `up`.
    pub async fn start_empty_with(options: &[&str]) -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        Self::run(home, How::with(Package::None, options)).await
    }

    /// Starts it with a package of another app and with the state in `home`, with these variables.
    pub async fn start_with_package(home: tempfile::TempDir, package: PathBuf, variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let how = How {
            package: Package::Given(package),
            options: Vec::new(),
            variables: variables.collect(),
        };
        Self::run(Arc::new(home), Arc::new(how)).await
    }

    /// A folder with the site, whose start prints this word.
    pub fn package_with(&self, word: &str) -> PathBuf {
        let folder = self.home.path().join(word);
        fs::create_dir(&folder).unwrap();
        let site = Path::new(PROGRAM).with_file_name("restaurant-review");
        fs::copy(site, folder.join("restaurant-review")).unwrap();
        let script = fs::read_to_string(checkout().join("start.sh")).unwrap();
        let script = script.replacen("set -eu", &format!("set -eu\necho {word}"), 1);
        let file = folder.join("start.sh");
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    /// Starts it without a package, so that `up` builds the site of this checkout.
    pub async fn start_building() -> Self {
        // A clean build takes longer than any other test waits, so `up` repeats one that is done.
        let built = Command::new("cargo")
            .args(local_azure::up::BUILD)
            .current_dir(checkout())
            .status()
            .await;
        assert!(built.unwrap().success());
        let home = Arc::new(tempfile::tempdir().unwrap());
        Self::run(home, How::with(Package::Built, &[])).await
    }

    /// Starts it again with the same state.
    pub async fn start_again(mut self) -> Self {
        self.process.wait().await.unwrap();
        Self::run(self.home.clone(), self.how.clone()).await
    }

    async fn run(home: Arc<tempfile::TempDir>, how: Arc<How>) -> Self {
        local_azure::tls::choose_provider();
        let output = home.path().join("output");
        let written = File::create(&output).unwrap();
        // Whatever the umask, it grants nothing to other users.
        let mut command = Command::new("sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\"", PROGRAM]);
        command.arg("--state").arg(home.path().join("state")).arg("up");
        match &how.package {
            Package::Given(path) => command.arg("--package").arg(path).current_dir(home.path()),
            Package::Built => command.current_dir(checkout()),
            Package::None => command.arg("--empty").current_dir(home.path()),
        };
        for port in ["https", "http", "entra", "identity", "blob", "postgres"] {
            command.args([&format!("--{port}-port"), "0"]);
        }
        let process = command
            .args(&how.options)
            .envs(how.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut up = Self {
            client: Client::new(),
            base: String::new(),
            http: String::new(),
            home,
            how,
            process,
        };
        (up.base, up.http) = patiently("it prints the addresses of the web app", async || {
            let said = fs::read_to_string(&output).unwrap();
            if let Some(status) = up.process.try_wait().unwrap() {
                panic!("it ended ({status}): {said}");
            }
            // The app's log comes first, and may contain other addresses.
            let (_, summary) = said.split_once("Local Azure is running.")?;
            let address = |scheme: &str| summary.split_whitespace().find(|word| word.starts_with(scheme));
            let addresses = (address("https://localhost:")?, address("http://localhost:")?);
            said.contains("Ctrl-C")
                .then(|| (addresses.0.to_owned(), addresses.1.to_owned()))
        })
        .await;
        let root = fs::read(up.folder().join("ca.pem")).unwrap();
        up.client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&root).unwrap()])
            .dns_resolver(Loopback)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        up
    }

    pub fn folder(&self) -> PathBuf {
        self.home.path().join("state")
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.process.start_kill().unwrap();
    }

    /// Interrupts it, as Ctrl-C does.
    pub fn interrupt(&self) {
        let id = self.process.id().unwrap().to_string();
        let status = std::process::Command::new("kill").args(["-s", "INT", &id]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it has ended.
    pub async fn ended(&self) {
        patiently("it ends", async || self.has_ended().then_some(())).await;
    }

    /// Whether it no longer uses its state folder.
    pub fn has_ended(&self) -> bool {
        let lock = File::open(self.folder().join("lock")).unwrap();
        lock.try_lock().is_ok()
    }

    /// The output of another command, which must succeed.
    pub async fn say(&self, arguments: &[&str]) -> String {
        let output = command(&self.folder(), arguments).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}\n{}", self.log());
        said
    }

    /// The result that a command of the Azure CLI prints in `local-azure shell`.
    pub async fn az(&self, arguments: &[&str]) -> String {
        let path = path_with_azure_cli();
        let arguments = [&["shell", "--", "env", path.as_str(), "az"], arguments].concat();
        let output = command(&self.folder(), &arguments).await;
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {warnings}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its output and the logs of its services.
    pub fn log(&self) -> String {
        let mut text = fs::read_to_string(self.home.path().join("output")).unwrap_or_default();
        for folder in ["state/logs", "state/apps/restaurant-review/home/LogFiles"] {
            for entry in fs::read_dir(self.home.path().join(folder))
                .into_iter()
                .flatten()
                .flatten()
            {
                let _ = write!(text, "\n== {}\n", entry.path().display());
                text += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap_or_default());
            }
        }
        text
    }

    /// The app settings of the web app.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let state = fs::read(self.folder().join("state.json")).unwrap();
        let state: Value = serde_json::from_slice(&state).unwrap();
        let id = "/sites/restaurant-review/config/appsettings";
        let mut resources = state["resources"].as_array().unwrap().iter();
        let settings = resources.find(|resource| resource["id"].as_str().unwrap().ends_with(id));
        serde_json::from_value(settings.unwrap()["properties"].clone()).unwrap()
    }

    /// The settings with which a program outside reaches the web app's database.
    pub fn database_settings(&self) -> BTreeMap<String, String> {
        let said = fs::read_to_string(self.home.path().join("output")).unwrap();
        let (_, after) = said.split_once("PostgreSQL restaurant-review-db").unwrap();
        let (_, port) = after.lines().next().unwrap().rsplit_once(':').unwrap();
        let mut settings = self.settings();
        settings.retain(|name, _| ["DBNAME", "DBUSER"].contains(&name.as_str()));
        for (name, value) in [
            ("DBHOST", "127.0.0.1".to_owned()),
            ("DBPORT", port.to_owned()),
            ("PGSSLROOTCERT", self.folder().join("ca.pem").display().to_string()),
        ] {
            settings.insert(name.to_owned(), value);
        }
        settings
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.get_url(&self.url(path)).await
    }

    pub async fn get_url(&self, url: &str) -> Response {
        self.client.get(url).send().await.unwrap()
    }

    /// The address of a page of an app under its own name.
    pub fn url_of(&self, app: &str, path: &str) -> String {
        let base = self.base.replace("localhost", &format!("{app}.localhost"));
        format!("{base}{path}")
    }

    /// A page of an app under its own name.
    pub async fn get_from(&self, app: &str, path: &str) -> Response {
        self.get_url(&self.url_of(app, path)).await
    }

    /// A request to post a form as a browser does.
    pub fn post(&self, path: &str, cookie: &str) -> RequestBuilder {
        let request = self.client.post(self.url(path));
        request.header("Cookie", cookie).header("Origin", self.url(""))
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", self.log());
        answer.text().await.unwrap()
    }

    /// The bytes of the first photo of a page.
    pub async fn photo(&self, page: &str) -> Vec<u8> {
        let path = page.split_once("\"/photos/").unwrap().1.split('"').next().unwrap();
        let answer = self.get(&format!("/photos/{path}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.bytes().await.unwrap().to_vec()
    }

    pub async fn add_restaurant(&self, name: &str) -> String {
        let form = [("restaurant_name", name), ("description", "Coffee")];
        let answer = self
            .client
            .post(format!("{}/add", self.base))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", self.log());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    pub async fn review(&self, restaurant: &str, form: Form) -> Response {
        let url = format!("{}/review/{}", self.base, restaurant.trim_matches('/'));
        self.client.post(url).multipart(form).send().await.unwrap()
    }

    /// Adds a review with a photo, and retries until it succeeds.
    pub async fn eventually_reviews(&self, restaurant: &str, text: &str) {
        patiently(&format!("{text:?} is saved"), async || {
            let answer = self.review(restaurant, with_photo(review(text))).await;
            (answer.status() == StatusCode::SEE_OTHER).then_some(())
        })
        .await;
        assert!(self.page(restaurant).await.contains(text));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        // Sends SIGTERM first, so that its processes end before its folder is removed.
        if let Some(id) = self.process.id() {
            let _ = std::process::Command::new("kill").arg(id.to_string()).status();
            for _ in 0..1500 {
                if self.process.try_wait().is_ok_and(|status| status.is_some()) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// The variable `PATH` with the Azure CLI, which the checks of the deployment use too.
pub fn path_with_azure_cli() -> String {
    let folder = checkout().join("tests/deploy/.venv/bin");
    assert!(
        folder.join("az").exists(),
        "run ./test.sh, which installs the Azure CLI"
    );
    format!("PATH={}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// The folder with the site's source.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Runs another command with that state.
pub async fn command(state: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("--state")
        .arg(state)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

/// The command lines of the processes that belong to that state folder.
pub fn marked(state: &Path) -> Vec<String> {
    let command = |process: &PathBuf| fs::read(process.join("cmdline")).unwrap_or_default();
    let lines = processes(state).iter().map(command).collect::<Vec<_>>();
    lines
        .iter()
        .map(|line| String::from_utf8_lossy(line).replace('\0', " "))
        .collect()
}

/// The memory of the processes that belong to that state folder and of Local Azure itself, in KiB. What several processes
/// share is counted once.
pub fn memory(state: &Path) -> u64 {
    let share = |process: &PathBuf| {
        let text = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.unwrap_or_default()
    };
    processes(state).iter().map(share).sum()
}

/// The folders in /proc of the processes that belong to that state folder.
pub fn processes(state: &Path) -> Vec<PathBuf> {
    let mark = format!("LOCAL_AZURE_STATE={}", state.display());
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_ours = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let is_mark = |variable: &[u8]| variable == mark.as_bytes();
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let is_up = command.contains(&format!("--state {} up", state.display()));
        environment.split(|byte| *byte == 0).any(is_mark) || is_up
    };
    all.filter(is_ours).collect()
}

/// A small picture.
pub const PNG: &[u8] = include_bytes!("orange.png");

pub fn review(text: &str) -> Form {
    Form::new()
        .text("user_name", "Ada")
        .text("rating", "5")
        .text("review_text", text.to_owned())
}

pub fn with_photo(form: Form) -> Form {
    let photo = Part::bytes(PNG).file_name("orange.png").mime_str("image/png").unwrap();
    form.part("reviewImage", photo)
}

pub async fn nothing_is_left(folder: &Path) {
    // The `sleep 0.1` of a supervisor may outlive it for a moment.
    patiently("no process is left", async || marked(folder).is_empty().then_some(())).await;
}

/// The process id of the first instance's first process.
pub fn first_process(status: &str) -> u32 {
    let (_, rest) = status.split_once("process ").unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}
