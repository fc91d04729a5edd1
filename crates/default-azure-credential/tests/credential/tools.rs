//! Stand-ins for `az`, `pwsh` and `azd`.

use std::ffi::OsStr;
use std::io;
#[cfg(unix)]
use std::os::unix::process::ExitStatusExt;
#[cfg(windows)]
use std::os::windows::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_identity::Executor;

/// The result of a run of a tool.
#[derive(Clone, Debug)]
pub struct Run {
    code: i32,
    stdout: String,
    stderr: String,
    delay: Duration,
}

impl Run {
    /// A token, as `az account get-access-token` prints it.
    pub fn az_token(token: &str) -> Self {
        Self::printing(format!(
            r#"{{"accessToken":"{token}","expires_on":4102444800,"tokenType":"Bearer"}}"#
        ))
    }

    /// A token, as `azd auth token` prints it.
    pub fn azd_token(token: &str) -> Self {
        Self::printing(format!(r#"{{"token":"{token}","expiresOn":"2100-01-01T00:00:00Z"}}"#))
    }

    /// A token, as the script for PowerShell prints it.
    pub fn pwsh_token(token: &str) -> Self {
        Self::printing(format!(r#"{{"token":"{token}","expiresOn":4102444800}}"#))
    }

    pub fn printing(stdout: impl Into<String>) -> Self {
        Self {
            code: 0,
            stdout: stdout.into(),
            stderr: String::new(),
            delay: Duration::ZERO,
        }
    }

    pub fn failing(code: i32, stderr: &str) -> Self {
        Self {
            code,
            stderr: stderr.to_owned(),
            ..Self::printing("")
        }
    }

    /// The result of a shell when the command does not exist.
    pub fn not_installed() -> Self {
        Self::failing(127, "sh: 1: not found")
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// The tools, and the arguments of their runs.
#[derive(Debug)]
pub struct Tools {
    az: Mutex<Run>,
    pwsh: Mutex<Run>,
    azd: Mutex<Run>,
    runs: Mutex<Vec<String>>,
}

impl Tools {
    /// A machine without PowerShell.
    pub fn new(az: Run, azd: Run) -> Arc<Self> {
        Arc::new(Self {
            az: Mutex::new(az),
            pwsh: Mutex::new(Run::not_installed()),
            azd: Mutex::new(azd),
            runs: Mutex::default(),
        })
    }

    /// A machine without the tools.
    pub fn none() -> Arc<Self> {
        Self::new(Run::not_installed(), Run::not_installed())
    }

    /// The machine of a developer who is signed in.
    pub fn logged_in() -> Arc<Self> {
        Self::new(Run::az_token("token of az"), Run::azd_token("token of azd"))
    }

    pub fn set_az(&self, run: Run) {
        *self.az.lock().unwrap() = run;
    }

    pub fn set_pwsh(&self, run: Run) {
        *self.pwsh.lock().unwrap() = run;
    }

    pub fn set_azd(&self, run: Run) {
        *self.azd.lock().unwrap() = run;
    }

    /// The commands that ran.
    pub fn commands(&self) -> Vec<String> {
        self.runs.lock().unwrap().clone()
    }

    /// The first words of the commands that ran.
    pub fn runs(&self) -> Vec<String> {
        let first_word = |command: &String| command.split(' ').next().unwrap_or_default().to_owned();
        self.commands().iter().map(first_word).collect()
    }

    /// The last command.
    pub fn last(&self) -> String {
        self.commands().pop().unwrap()
    }
}

#[async_trait::async_trait]
impl Executor for Tools {
    async fn run(&self, _shell: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let line = args.last().unwrap().to_str().unwrap();
        let command = line.rsplit("&& ").next().unwrap();
        self.runs.lock().unwrap().push(command.to_owned());
        let run = match command.split(' ').next().unwrap() {
            "azd" => &self.azd,
            "pwsh" => &self.pwsh,
            _ => &self.az,
        };
        let run = run.lock().unwrap().clone();
        tokio::time::sleep(run.delay).await;
        // On Unix, the low byte is the signal.
        #[cfg(unix)]
        let status = ExitStatus::from_raw(run.code << 8);
        #[cfg(windows)]
        let status = ExitStatus::from_raw(run.code.cast_unsigned());
        Ok(Output {
            status,
            stdout: run.stdout.into_bytes(),
            stderr: run.stderr.into_bytes(),
        })
    }
}
