//! Microsoft's libraries for the control plane, the directory and the data in resources, which know only Azure's names.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use crate::running::Up;

/// What the scripts are given: the variable, and the resource of its token.
const TOKENS: [(&str, &str); 5] = [
    ("APP_SERVICE_TOKEN", "https://appservice.azure.com"),
    ("ARM_TOKEN", "arm"),
    ("GRAPH_TOKEN", "graph"),
    ("POSTGRES_TOKEN", "oss-rdbms"),
    ("STORAGE_TOKEN", "storage"),
];

/// The folder of the scripts.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

/// Runs a script in a shell, until it has found that everything is as in Azure.
async fn run(up: &Up, program: &Path, script: &str) {
    let mut arguments = vec!["shell".to_owned(), "--".to_owned(), "env".to_owned()];
    for (variable, resource) in TOKENS {
        let token = up.say(&["token", "--resource", resource]).await;
        arguments.push(format!("{variable}={}", token.trim()));
    }
    for path in [program, &folder().join(script)] {
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let said = up.say(&arguments).await;
    assert!(said.contains("everything is as in Azure"), "{script}: {said}");
}

/// Python with the libraries.
fn python() -> PathBuf {
    let python = folder().join(".venv/bin/python");
    assert!(
        python.exists() && folder().join("node_modules").exists(),
        "run ./test.sh, which installs the libraries"
    );
    python
}

/// Resources, roles, locks, users, groups and applications, by the libraries for Python and for Node.js. They count what
/// there is, so they run one after the other.
#[tokio::test]
async fn azures_libraries_find_what_they_expect() {
    let (python, up) = (python(), Up::start_empty().await);
    run(&up, &python, "control.py").await;
    run(&up, Path::new("node"), "control.mjs").await;
}

/// PostgreSQL servers, storage accounts and web apps, by the libraries that manage them and those that use them.
#[tokio::test]
async fn azures_libraries_manage_and_use_services() {
    let (python, up) = (python(), Up::start_empty().await);
    let scripts = ["postgres.py", "storage.py", "web.py"];
    join_all(scripts.map(|script| run(&up, &python, script))).await;
}
