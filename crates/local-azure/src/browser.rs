//! A browser for programs in `local-azure shell`, such as `az login`.
//!
//! A browser of this machine knows nothing of the shell's network: there, `login.microsoftonline.com` is Microsoft's, and
//! `localhost` is the machine itself. So `BROWSER` in a shell is a program that asks `local-azure shell`, which runs
//! outside, to open the page under its address on this machine. If the page leads back to a port of the shell, that port
//! of the machine is connected to it for a while.

use std::fs::{self, Permissions};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::command::Command as Sent;
use crate::control;
use crate::error::{Error, Result};
use crate::files::write_private;
use crate::network::NetworkFiles;
use crate::network::forwarder::APP_SOCKET;
use crate::open_folder::OpenFolder;
use crate::process::on_path;
use crate::shell_quote::quote_for_shell;

const PART: &str = "the browser of the shell";
/// The socket in the shell's own folder at which pages are asked for.
const SOCKET: &str = "browser.sock";
/// How long an address may be, in bytes.
const LONGEST_URL: u64 = 64 << 10;
/// How long a program may take to send it.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How long a port of this machine leads into the shell: as long as a sign-in may reasonably take.
const RETURN_LIMIT: Duration = Duration::from_mins(10);
/// How many ports may do so at a time.
const MOST_PORTS: usize = 16;

/// The options of `local-azure browse`, which only the shell's `BROWSER` runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The shell's own folder
    #[arg(long)]
    own: PathBuf,
    /// The page
    url: String,
}

/// Asks the terminal outside to open a page, and says where it is.
pub async fn browse(options: &Options) -> Result<()> {
    let failed = |error| Error::failed(PART, error);
    let own = OpenFolder::open(&options.own).map_err(Error::file(&options.own))?;
    let mut outside = UnixStream::connect(own.path(SOCKET)).await.map_err(failed)?;
    outside.write_all(options.url.as_bytes()).await.map_err(failed)?;
    outside.shutdown().await.map_err(failed)?;
    let mut answer = String::new();
    outside.read_to_string(&mut answer).await.map_err(failed)?;
    match answer.strip_prefix("ok ") {
        Some(text) => {
            eprintln!("{text}");
            Ok(())
        }
        None => Err(Error::Refused(answer)),
    }
}

/// Opens pages for the programs in a shell until it is dropped.
pub struct Browser {
    program: PathBuf,
    _task: AbortOnDropHandle<()>,
}

impl Browser {
    /// Listens in the shell's own folder.
    pub fn start(state: &Path, files: &NetworkFiles, own: &Path) -> Result<Self> {
        let program = own.join("browser");
        let script = format!(
            "#!/bin/sh\nexec {} browse --own {} -- \"$1\"\n",
            quote_for_shell(&files.program().to_string_lossy()),
            quote_for_shell(&own.to_string_lossy())
        );
        write_private(&program, script.as_bytes())?;
        fs::set_permissions(&program, Permissions::from_mode(0o700)).map_err(Error::file(&program))?;
        let folder = OpenFolder::open(own).map_err(Error::file(own))?;
        let listener = UnixListener::bind(folder.path(SOCKET)).map_err(Error::file(own.join(SOCKET)))?;
        let task = tokio::spawn(serve(listener, state.to_owned(), folder));
        Ok(Self {
            program,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The value of `BROWSER` in the shell.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Answers one program after the other.
async fn serve(listener: UnixListener, state: PathBuf, own: OpenFolder) {
    let mut ports = JoinSet::new();
    loop {
        let Ok((mut program, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let mut url = String::new();
        let mut request = (&mut program).take(LONGEST_URL);
        let answer = match timeout(REQUEST_LIMIT, request.read_to_string(&mut url)).await {
            Ok(Ok(_)) => match open(&state, &own, &mut ports, &url).await {
                Ok(text) => format!("ok {text}"),
                Err(error) => error.to_string(),
            },
            _ => "the address of the page did not arrive".to_owned(),
        };
        let _ = timeout(REQUEST_LIMIT, program.write_all(answer.as_bytes())).await;
    }
}

/// Opens a page. Returns what to tell the person.
async fn open(state: &Path, own: &OpenFolder, ports: &mut JoinSet<()>, url: &str) -> Result<String> {
    let outside = control::send(state, &Sent::Outside { url: url.to_owned() }).await?;
    if let Some(port) = return_port(&outside) {
        while ports.try_join_next().is_some() {}
        if ports.len() >= MOST_PORTS {
            return Err(Error::Refused(
                "too many sign-ins are waiting: try again later".to_owned(),
            ));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Error::Refused(format!(
                "the sign-in would return to port {port} of this machine, which cannot be used ({error}): try again, or \
                 sign in with a device code"
            ))
        })?;
        let own = own.clone();
        ports.spawn(async move {
            let _ = timeout(RETURN_LIMIT, lead_inside(listener, port, own)).await;
        });
    }
    let is_open = launch(&outside);
    let verb = if is_open {
        "The page was opened in a browser. Its address is"
    } else {
        "To sign in, open this page in a browser on this machine:"
    };
    Ok(format!("{verb} {outside}"))
}

/// The port of this machine to which a sign-in page leads, if it leads to one.
fn return_port(page: &str) -> Option<u16> {
    let page = Url::parse(page).ok()?;
    let (_, uri) = page.query_pairs().find(|(name, _)| name == "redirect_uri")?;
    let uri = Url::parse(&uri).ok()?;
    let is_local = uri.scheme() == "http" && matches!(uri.host_str(), Some("localhost" | "127.0.0.1"));
    is_local.then(|| uri.port_or_known_default()).flatten()
}

/// Connects a port of this machine to the same port of the shell.
async fn lead_inside(listener: TcpListener, port: u16, own: OpenFolder) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((mut outside, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let own = own.clone();
        connections.spawn(async move {
            let mut inside = UnixStream::connect(own.path(APP_SOCKET)).await?;
            inside.write_u16(port).await?;
            copy_bidirectional(&mut outside, &mut inside).await?;
            Ok::<_, io::Error>(())
        });
    }
}

/// Opens a page in the browser of this machine. Returns whether there is one.
fn launch(page: &str) -> bool {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let own = std::env::var("BROWSER").ok();
    let own = own
        .as_deref()
        .and_then(|list| list.split(':').find(|one| !one.is_empty()));
    let program = match own {
        Some(program) => PathBuf::from(program),
        None if has_screen => PathBuf::from("xdg-open"),
        None => return false,
    };
    if on_path(&program).is_none() {
        return false;
    }
    let started = Command::new(program)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut browser) = started else {
        return false;
    };
    tokio::spawn(async move { browser.wait().await });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_of_this_machine_leads_into_the_shell() {
        let page = |uri: &str| {
            let mut page = Url::parse("https://localhost:7444/common/oauth2/v2.0/authorize").unwrap();
            page.query_pairs_mut()
                .append_pair("client_id", "x")
                .append_pair("redirect_uri", uri);
            return_port(page.as_str())
        };
        assert_eq!(page("http://localhost:8400"), Some(8400));
        assert_eq!(page("http://127.0.0.1:1/a"), Some(1));
        for other in [
            "https://localhost:8400",
            "https://contoso.azurewebsites.net/callback",
            "http://localhost.evil.example:1",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            assert_eq!(page(other), None, "{other}");
        }
        assert_eq!(return_port("https://localhost:7444/device"), None);
    }
}
