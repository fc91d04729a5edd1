//! The program away from its checkout, as `cargo install` leaves it.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use local_azure::testing::patiently;
use tokio::process::{Child, Command};

use crate::running::{PROGRAM, checkout, nothing_is_left};

/// A copy of the program, and a home with an empty folder.
struct Outside(tempfile::TempDir);

impl Outside {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::copy(PROGRAM, home.path().join("local-azure")).unwrap();
        fs::create_dir(home.path().join("empty")).unwrap();
        Self(home)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("empty")
    }

    /// The program in the empty folder, where an empty folder hides the checkout, and without the variables that cargo sets.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !is_root {
            command.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        command
            .args(["--mount", "sh", "-c", "mount -t tmpfs none \"$0\" && exec \"$@\""])
            .arg(checkout())
            .arg(self.0.path().join("local-azure"))
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("HOME", self.0.path())
            // Azurite, which other tests have installed there.
            .env("XDG_CACHE_HOME", cache())
            .stdin(Stdio::null());
        command
    }

    /// Starts `up` on free ports. Its output is in the file `output`.
    fn up(&self) -> Child {
        let ports = ["https", "http", "entra", "identity", "blob", "postgres"].map(|port| format!("--{port}-port=0"));
        let arguments: Vec<_> = ["up"].into_iter().chain(ports.iter().map(String::as_str)).collect();
        let output = File::create(self.0.path().join("output")).unwrap();
        let mut command = self.command(&arguments);
        command.stdout(output.try_clone().unwrap()).stderr(output);
        command.kill_on_drop(true).spawn().unwrap()
    }

    fn output(&self) -> String {
        fs::read_to_string(self.0.path().join("output")).unwrap()
    }

    /// Writes to the database and to the container with tokens of the app's identity, and with its settings.
    async fn uses_both_stores(&self, app: &str) {
        let database = self.say(&["token", "--as", app]).await;
        let storage = self.say(&["token", "--as", app, "--resource", "storage"]).await;
        let script = format!(
            "PGPASSWORD={database} psql --no-psqlrc --command 'create table note ()' \
             'sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt'\n\
             curl --fail --silent --show-error --request PUT --data Hello --header 'Authorization: Bearer {storage}' \
             --header 'x-ms-version: 2025-01-05' --header 'x-ms-blob-type: BlockBlob' \"$STORAGE_URL/files/hello.txt\""
        );
        let said = self.say(&["shell", "--as", app, "--", "sh", "-ec", &script]).await;
        assert!(said.contains("CREATE TABLE"), "{said}");
    }

    /// The output of a command, which must succeed.
    async fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}\n{}", self.output());
        said
    }
}

fn cache() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache.unwrap_or_else(|| Path::new(&env::var_os("HOME").unwrap()).join(".cache"))
}

#[tokio::test]
async fn up_makes_an_empty_subscription_to_which_an_app_is_deployed() {
    local_azure::tls::choose_provider();
    let outside = Outside::new();
    let mut up = outside.up();
    patiently("it runs", async || {
        let ended = up.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", outside.output());
        outside.output().contains("Ctrl-C stops it.").then_some(())
    })
    .await;
    let said = outside.output();
    assert!(said.contains("a new subscription, which is empty"), "{said}");
    assert!(!said.contains("restaurant") && !said.contains("PostgreSQL "), "{said}");

    let create = ["app", "create", "hello", "--database", "notes", "--container", "files"];
    outside.say(&create).await;
    outside.uses_both_stores("hello").await;
    let app = outside.0.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::write(app.join("start.sh"), "exec python3 -m http.server 8000\n").unwrap();
    fs::write(app.join("hello.txt"), "Hello!").unwrap();
    outside.say(&["deploy", "hello", "../app"]).await;
    let status = outside.say(&["status"]).await;
    let mut words = status.split_whitespace();
    // The only app.
    let address = words.find(|word| word.starts_with("http://localhost:")).unwrap();
    let address = address.replace("localhost", "127.0.0.1");
    let answer = reqwest::get(format!("{address}/hello.txt")).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Hello!");

    outside.say(&["down"]).await;
    assert!(up.wait().await.unwrap().success(), "{}", outside.output());
    let state = outside.folder().canonicalize().unwrap().join(".local-azure");
    nothing_is_left(&state).await;
    let names = fs::read_dir(outside.folder()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".local-azure"]);
}
