//! Runs the credential in a separate process, for settings that come from the process's environment.
//!
//! The test program runs itself again with one test that is otherwise ignored.

use std::env;
use std::ffi::OsString;
#[cfg(unix)]
use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::process::Stdio;

use azure_core::credentials::TokenCredential;
use azure_core::http::ClientOptions;
use azure_core::time::Duration;
use default_azure_credential::{
    DefaultAzureCredential, DefaultAzureCredentialError, DefaultAzureCredentialOptions, UserAssignedId,
};
use tokio::process::Command;

use crate::harness::{SCOPE, quick_retries};
use crate::server::choose_tls_provider;

/// Sets the limit for one token in the child, in milliseconds.
pub const TOKEN_TIMEOUT: &str = "TEST_TOKEN_TIMEOUT";

/// Sets the resource id of the managed identity in the child.
pub const RESOURCE_ID: &str = "TEST_RESOURCE_ID";

/// The result of the child.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub token: String,
    pub expires_on: String,
    /// The text of the error.
    pub error: String,
    /// The credential that refused, and its HTTP status.
    pub refused: String,
    pub status: String,
    /// The whole output of the child, including the `Debug` form of the error.
    pub output: String,
}

/// Runs the credential with only these variables.
pub async fn run(variables: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child::child", "--ignored", "--nocapture", "--quiet"])
        .env_clear()
        // Windows needs it to open a socket.
        .envs(env::var_os("SYSTEMROOT").map(|root| (OsString::from("SYSTEMROOT"), root)))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let line = |name: &str| {
        let found = stdout
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    Outcome {
        token: line("token"),
        expires_on: line("expires_on"),
        error: line("error"),
        refused: line("refused"),
        status: line("status"),
        output: format!("{stdout}{stderr}"),
    }
}

/// Writes a program for the PATH.
#[cfg(unix)]
pub fn write_program(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
#[ignore = "a part of other tests, which run it in a separate process"]
async fn child() {
    choose_tls_provider();
    let limit = env::var(TOKEN_TIMEOUT).map_or(60_000, |limit| limit.parse().unwrap());
    let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        client_options: ClientOptions {
            retry: quick_retries(),
            ..Default::default()
        },
        token_timeout: Duration::milliseconds(limit),
        managed_identity_id: env::var(RESOURCE_ID).ok().map(UserAssignedId::ResourceId),
        ..Default::default()
    }))
    .unwrap();
    println!("\ncredential={credential:?}");
    match credential.get_token(&[SCOPE], None).await {
        Ok(token) => {
            println!("token={}", token.token.secret());
            println!("expires_on={}", token.expires_on.unix_timestamp());
        }
        Err(error) => {
            let inner = error.downcast_ref::<DefaultAzureCredentialError>().unwrap();
            println!("error={}", error.to_string().replace('\n', " "));
            println!("debug={error:?}");
            if let Some(attempt) = inner.refused() {
                println!("refused={}", attempt.credential());
                println!("status={}", attempt.status().map_or(0, u16::from));
            }
        }
    }
}
