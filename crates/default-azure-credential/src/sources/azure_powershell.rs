//! A developer's login in Azure PowerShell (`Connect-AzAccount`), for which `azure_identity` has no credential.
//!
//! Like the official credentials of `az` and `azd`, it runs the tool at every call and does not cache tokens.

use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::process::Output;
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::json::from_json;
use azure_core::time::OffsetDateTime;
use azure_core::{Value, base64};
use azure_identity::{Executor, new_executor};

/// PowerShell 7 and, on Windows, the PowerShell that is a part of it.
const PROGRAMS: &[&str] = if cfg!(windows) {
    &["pwsh", "powershell"]
} else {
    &["pwsh"]
};

#[derive(Debug)]
pub(crate) struct AzurePowerShellCredential {
    executor: Arc<dyn Executor>,
    tenant_id: Option<String>,
}

impl AzurePowerShellCredential {
    pub fn new(executor: Option<Arc<dyn Executor>>, tenant_id: Option<String>) -> azure_core::Result<Arc<Self>> {
        if let Some(id) = tenant_id.as_ref().filter(|id| !is_plain(id)) {
            return Err(error(format!("invalid tenant ID {id}")));
        }
        Ok(Arc::new(Self {
            executor: executor.unwrap_or_else(new_executor),
            tenant_id,
        }))
    }
}

#[async_trait::async_trait]
impl TokenCredential for AzurePowerShellCredential {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let &[scope] = scopes else {
            return Err(error("exactly one scope required"));
        };
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        if !is_plain(resource) {
            return Err(error(format!("invalid scope {scope}")));
        }
        let script = encode(&script(resource, self.tenant_id.as_deref().unwrap_or_default()));
        let arguments = format!("-NoProfile -NonInteractive -OutputFormat Text -EncodedCommand {script}");
        let output = run_first(&*self.executor, PROGRAMS, &arguments).await?;
        if output.status.success() {
            parse_token(&String::from_utf8_lossy(&output.stdout))
        } else {
            Err(error(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> Error {
    Error::with_message(ErrorKind::Credential, message)
}

/// Whether a tenant or a resource can be a part of the script: it holds nothing that ends a string there.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/');
    !text.is_empty() && text.chars().all(allowed)
}

/// A script that prints the token for `resource` in the tenant `tenant_id`. If this is empty, it is PowerShell's own.
///
/// Some versions of `Get-AzAccessToken` return a `SecureString`, others a plain one. Az.Accounts 2.2 is the first with
/// that command.
fn script(resource: &str, tenant_id: &str) -> String {
    format!(
        "$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {{
  Import-Module Az.Accounts -MinimumVersion 2.2.0
  $options = @{{ ResourceUrl = '{resource}'; WarningAction = 'Ignore' }}
  if ('{tenant_id}') {{ $options.TenantId = '{tenant_id}' }}
  $answer = Get-AzAccessToken @options
  $token = $answer.Token
  if ($token -is [securestring]) {{ $token = [Net.NetworkCredential]::new('', $token).Password }}
  ConvertTo-Json -Compress @{{ token = $token; expiresOn = $answer.ExpiresOn.ToUnixTimeSeconds() }}
}} catch {{
  [Console]::Error.WriteLine($_.Exception.Message)
  exit 1
}}"
    )
}

/// The form that `-EncodedCommand` expects, in which no shell finds anything to interpret.
fn encode(script: &str) -> String {
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    base64::encode(bytes)
}

/// Runs the first of these programs that is installed.
async fn run_first(executor: &dyn Executor, programs: &[&str], arguments: &str) -> azure_core::Result<Output> {
    for program in programs {
        let output = run_in_shell(executor, &format!("{program} {arguments}")).await?;
        // What sh and cmd say about a program that they do not find.
        let is_missing = output.status.code() == Some(127)
            || String::from_utf8_lossy(&output.stderr).contains(&format!("'{program}' is not recognized"));
        if !is_missing {
            return Ok(output);
        }
    }
    Err(error(format!("{} not found on PATH", programs.join(" and "))))
}

/// Runs a command as the official credentials do: in a folder that only administrators can write to, because a shell
/// may look for programs in its own folder.
async fn run_in_shell(executor: &dyn Executor, command: &str) -> io::Result<Output> {
    let (folder, shell, switch) = if cfg!(windows) {
        (env::var("SYSTEMROOT").map_err(io::Error::other)?, "cmd", "/C")
    } else {
        ("/bin".to_owned(), "/bin/sh", "-c")
    };
    let line = format!("cd {folder} && {command}");
    executor
        .run(OsStr::new(shell), &[OsStr::new(switch), OsStr::new(&line)])
        .await
}

/// Reads the last line of the output. A module may print something before it.
fn parse_token(stdout: &str) -> azure_core::Result<AccessToken> {
    let line = stdout.trim_end().lines().last().unwrap_or_default();
    let answer: Value = from_json(line)?;
    let expires_on = answer["expiresOn"].as_i64();
    let expires_on = expires_on.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    match (answer["token"].as_str(), expires_on) {
        (Some(token), Some(expires_on)) if !token.is_empty() => Ok(AccessToken::new(token.to_owned(), expires_on)),
        _ => Err(Error::with_message(
            ErrorKind::DataConversion,
            "expected a token and the time at which it expires",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_encoded_as_utf_16_and_fits_into_a_command_of_windows() {
        assert_eq!(encode("dir"), "ZABpAHIA");
        let longest = encode(&script(&"r".repeat(200), &"t".repeat(200)));
        assert!(longest.len() < 8000, "{}", longest.len());
    }

    #[cfg(unix)]
    #[test]
    fn the_next_program_runs_if_one_is_not_installed() {
        use std::os::unix::process::ExitStatusExt as _;
        use std::process::ExitStatus;

        use futures_util::FutureExt as _;

        /// Has only the program `powershell`. Says so as cmd does.
        #[derive(Debug)]
        struct Windows;

        #[async_trait::async_trait]
        impl Executor for Windows {
            async fn run(&self, _: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
                let command = args[1]
                    .to_str()
                    .and_then(|line| line.strip_prefix("cd /bin && "))
                    .unwrap();
                let (program, arguments) = command.split_once(' ').unwrap();
                let found = program == "powershell";
                let message = format!("'{program}' is not recognized as an internal or external command");
                Ok(Output {
                    status: ExitStatus::from_raw(if found { 0 } else { 1 << 8 }),
                    stdout: arguments.into(),
                    stderr: if found { Vec::new() } else { message.into() },
                })
            }
        }

        let run = |programs| run_first(&Windows, programs, "-NoProfile").now_or_never().unwrap();
        assert_eq!(run(&["pwsh", "powershell"]).unwrap().stdout, b"-NoProfile");
        assert_eq!(
            run(&["pwsh", "pwsh-preview"]).unwrap_err().to_string(),
            "pwsh and pwsh-preview not found on PATH"
        );
    }

    #[test]
    fn text_that_could_end_a_string_in_the_script_is_rejected() {
        assert!(is_plain("https://vault.azure.net") && is_plain("contoso.onmicrosoft.com"));
        for text in ["", "'", "a'b", "\u{2019}", "$x", "a b", "a\nb", "`", "\""] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}
