//! The site in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use reqwest::{Client, Response};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The built command, with only these environment variables.
pub fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restaurant-review"));
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .kill_on_drop(true);
    // This folder has no .env file.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Whether the command succeeded, and its output.
pub async fn output(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let Output { status, stdout, stderr } = command(arguments, environment).output().await.unwrap();
    (
        status.success(),
        String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr),
    )
}

/// A site that runs in its own process.
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub base: String,
    /// The output up to the line that says where it listens.
    pub announced: String,
}

impl Process {
    /// Starts the site on a free port and waits until it listens.
    pub async fn serve(environment: &[(&str, &str)]) -> Self {
        Self::from(command(&[], environment)).await
    }

    pub async fn from(mut command: Command) -> Self {
        // For the HTTP clients of the tests.
        restaurant_review::tls::choose_provider();
        let mut child = command.env("PORT", "0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut announced = String::new();
        let base = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .unwrap_or_else(|| panic!("it ended:\n{announced}"));
            announced = announced + &line + "\n";
            if let Some((_, url)) = line.split_once("listening on ") {
                break url
                    .trim_end_matches(|c: char| !c.is_ascii_digit())
                    .replace("localhost", "127.0.0.1");
            }
        };
        Self {
            child,
            lines,
            base,
            announced,
        }
    }

    /// Adds the restaurant "A".
    pub async fn add_restaurant(&self, client: &Client) -> Response {
        let form = [("restaurant_name", "A"), ("description", "d")];
        let added = client.post(format!("{}/add", self.base)).form(&form).send().await;
        added.unwrap()
    }

    /// The memory that the process uses now.
    pub fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that the process has used.
    pub fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let file = format!("/proc/{}/status", self.child.id().unwrap());
        let status = std::fs::read_to_string(file).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A path as the process sees it, which may have mounts of its own.
    pub fn path(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id().unwrap()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// kill -TERM, or another signal.
    pub fn signal(&self, name: &str) {
        assert!(signal(self.child.id().unwrap(), name));
    }

    /// The next line of its output.
    pub async fn next_line(&mut self) -> String {
        let line = self.lines.next_line().await.unwrap();
        line.expect("the process runs on")
    }

    /// Waits until the process exits, without reading its output. Returns whether it succeeded.
    pub async fn exited(&mut self) -> bool {
        self.child.wait().await.unwrap().success()
    }

    /// Waits until the process exits. Returns whether it succeeded, and its output since it listened.
    pub async fn ended(mut self) -> (bool, String) {
        let mut rest = String::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest = rest + &line + "\n";
        }
        (self.child.wait().await.unwrap().success(), rest)
    }
}

/// Sends a signal, such as `-TERM`. Returns whether there is such a process.
pub fn signal(process: u32, name: &str) -> bool {
    let id = process.to_string();
    let status = std::process::Command::new("kill").args([name, &id]).status();
    status.unwrap().success()
}
