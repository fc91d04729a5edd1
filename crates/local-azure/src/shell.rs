//! `local-azure shell`: runs a shell or a command in a network with Azure's names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::azure_cli::{self, SignIn};
use crate::browser::Browser;
use crate::command::Command as Sent;
use crate::control;
use crate::error::{Error, Result};
use crate::network::{self, Inside, NetworkFiles, View};

/// What bash reads when it starts: the user's own file, and then a mark in the prompt.
const BASH_START: &str = "[ ! -f ~/.bashrc ] || . ~/.bashrc\nPS1=\"(local-azure) $PS1\"\n";

/// Variables that send clients to a proxy, which cannot be reached inside, or to certificates without Local Azure's.
const FOREIGN_VARIABLES: [&str; 10] = [
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "PGSSLROOTCERT",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

/// Settings of the Azure CLI: no questions, so that guides can be pasted, and nothing is sent to Microsoft.
const AZURE_CLI_SETTINGS: [(&str, &str); 4] = [
    ("AZURE_CORE_COLLECT_TELEMETRY", "no"),
    ("AZURE_CORE_DISABLE_CONFIRM_PROMPT", "yes"),
    ("AZURE_CORE_LOGIN_EXPERIENCE_V2", "off"),
    ("AZURE_CORE_SURVEY_MESSAGE", "no"),
];

/// What `local-azure shell` runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Acts as this web app: with its environment and its identity
    #[arg(long = "as", value_name = "APP")]
    app: Option<String>,
    /// The command to run. Defaults to your shell
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs the command in a network of its own, as the present user and in the present folder. Returns its exit code.
pub async fn run(state: &Path, options: &Options) -> Result<u8> {
    network::check()?;
    let environment = if let Some(app) = options.app.clone() {
        let text = control::send(state, &Sent::Environment { app }).await?;
        serde_json::from_str(&text).map_err(|error| Error::failed("the environment of the app", error))?
    } else {
        control::send(state, &Sent::Status).await?;
        BTreeMap::<String, String>::new()
    };
    let cli = state.join("azure-cli");
    if !azure_cli::is_signed_in(&cli) {
        let text = control::send(state, &Sent::SignIn).await?;
        let sign_in: SignIn =
            serde_json::from_str(&text).map_err(|error| Error::failed("the sign-in of the Azure CLI", error))?;
        sign_in.write(&cli)?;
    }
    let state = state.canonicalize().map_err(Error::file(state))?;
    let files = NetworkFiles::of_running(&state)?;
    let own = tempfile::Builder::new().prefix("shell-").tempdir_in(files.folder());
    let own = own.map_err(Error::file(files.folder()))?;
    let inside = Inside {
        files: &files,
        own: own.path(),
        port: 0,
        view: View::Own,
    };
    let (program, arguments) = inside.command(command(options, own.path())?);
    let browser = Browser::start(&state, &files, own.path())?;
    // Ctrl-C is for the command.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| Error::failed("signals", error))?;
    let mut command = Command::new(&program);
    for name in FOREIGN_VARIABLES {
        command.env_remove(name);
    }
    // A folder of extensions that the user has chosen stays what it is.
    let extensions = match std::env::var_os("AZURE_EXTENSION_DIR") {
        None => "AZURE_EXTENSION_DIR",
        Some(_) => "AZURE_EXTENSION_SYS_DIR",
    };
    let mut child = command
        .args(arguments)
        .env("AZURE_CONFIG_DIR", state.join("azure-cli"))
        .envs(AZURE_CLI_SETTINGS)
        .env(extensions, files.azure_cli_extensions())
        .env("PATH", path(&files))
        .env("LOCAL_AZURE_WORDS", files.words())
        .env("LOCAL_AZURE_SHELL", "1")
        .env("BROWSER", browser.program())
        .envs(files.trust())
        // The folder /home is that of this machine.
        .envs(environment.iter().filter(|(name, _)| *name != "HOME"))
        .spawn()
        .map_err(|error| Error::failed("unshare", error))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(|error| Error::failed("the command", error))?,
            _ = interrupts.recv() => {}
        }
    };
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// The user's PATH, before which there are the words of guides that do not exist elsewhere.
fn path(files: &NetworkFiles) -> OsString {
    let mut path = files.words().into_os_string();
    if let Some(own) = std::env::var_os("PATH") {
        path.push(":");
        path.push(own);
    }
    path
}

/// The command of the options, or the user's shell with a mark in its prompt.
fn command(options: &Options, own: &Path) -> Result<Vec<OsString>> {
    if !options.command.is_empty() {
        return Ok(options.command.clone());
    }
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
    if Path::new(&shell).file_name() != Some(OsStr::new("bash")) {
        return Ok(vec![shell]);
    }
    let start = own.join("bashrc");
    std::fs::write(&start, BASH_START).map_err(Error::file(&start))?;
    Ok(vec![shell, "--rcfile".into(), start.into()])
}
