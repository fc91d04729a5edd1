//! Builds an app during its deployment, as Oryx does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use tokio::time::sleep;

use super::settings::variable;
use crate::error::{Error, Result};
use crate::process::{Process, Program};
use crate::state::WebApp;

/// How long a build may take.
const LIMIT: Duration = Duration::from_mins(30);
/// How long a build that has exceeded its limit may take to stop, in seconds.
const STOP_LIMIT: u64 = 5;

/// A build.
pub(super) struct Build<'a> {
    pub(super) app: &'a WebApp,
    /// The folder that is built.
    pub(super) folder: &'a Path,
    /// The folder of the deployed version.
    pub(super) previous: Option<PathBuf>,
    /// The file to which its output is appended.
    pub(super) log: PathBuf,
}

/// Whether a deployment of the app is built. Azure's default is not to.
pub(super) fn is_wanted(app: &WebApp) -> bool {
    let setting = app.settings.get("SCM_DO_BUILD_DURING_DEPLOYMENT");
    setting.is_some_and(|value| matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "true"))
}

/// The variables of this machine that a build gets: those by which pip and npm find their registries. Others may be secret.
fn machine() -> impl Iterator<Item = (OsString, OsString)> {
    const NAMES: [&str; 8] = [
        "HOME",
        "LANG",
        "NODE_EXTRA_CA_CERTS",
        "PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
    ];
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        let is_setting = name.starts_with("PIP_") || name.starts_with("NPM_CONFIG_") || name.ends_with("_PROXY");
        is_setting || NAMES.contains(&name.as_str())
    })
}

impl Build<'_> {
    /// Runs the build, unless it is cancelled. It can be found by the state folder, should this process be killed.
    pub(super) async fn run(&self, state: &Path, cancelled: impl Future<Output = ()>) -> Result<()> {
        let (program, state) = (self.program(), state.to_owned());
        let started = tokio::task::spawn_blocking(move || Process::start(&program, &state));
        let process = started.await.map_err(|error| Error::failed("the build", error))??;
        let outcome = tokio::select! {
            status = process.wait() => status.success().then_some(()).ok_or_else(|| "The build failed.".to_owned()),
            () = cancelled => Err("The web app was deleted.".to_owned()),
            () = sleep(LIMIT) => Err(format!("The build took longer than {} minutes.", LIMIT.as_secs() / 60)),
        };
        // Ends what is left of the build.
        let _ = tokio::task::spawn_blocking(move || drop(process)).await;
        outcome.map_err(Error::Refused)
    }

    fn program(&self) -> Program {
        let mut arguments: Vec<OsString> = Vec::new();
        if !geteuid().is_root() {
            arguments.extend(["--user", "--map-root-user"].map(Into::into));
        }
        arguments.extend(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"].map(Into::into));
        arguments.extend(["/bin/sh", "-c", include_str!("build.sh"), "build.sh"].map(Into::into));
        arguments.push(self.folder.into());
        arguments.push(self.previous.clone().map(Into::into).unwrap_or_default());
        let settings = self.app.settings.iter();
        let settings = settings.filter_map(|(name, value)| Some((variable(name)?.into(), value.into())));
        // Without these, the build would not find its tools.
        let settings = settings.filter(|(name, _): &(OsString, OsString)| name != "HOME" && name != "PATH");
        let defaults = [
            ("CI", "true"),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_PROGRESS_BAR", "off"),
            ("PIP_ROOT_USER_ACTION", "ignore"),
            ("PYTHONUNBUFFERED", "1"),
        ];
        let defaults = defaults.map(|(name, value)| (name.into(), value.into()));
        Program {
            program: "unshare".into(),
            arguments,
            environment: machine().chain(defaults).chain(settings).collect(),
            folder: self.folder.to_owned(),
            log: self.log.clone(),
            stop_signal: "TERM",
            stop_limit: STOP_LIMIT,
            prints_times: false,
            in_namespace: true,
        }
    }
}
