//! `local-azure up`: runs everything in the foreground.

mod app_resources;
mod apps;
mod commands;
mod control_plane;
mod database;
mod environment;
mod group;
mod options;
mod parts;
mod progress;
mod roles;
mod screen;
mod site;

use std::fs::File;
use std::future::pending;
use std::io::IsTerminal as _;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Mutex;

use rustix::fs::Mode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::options::Options;
pub use self::site::BUILD;

use self::commands::Commands;
use self::progress::Progress;
use self::site::Source;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::state::{PostgresServer, WebApp};
use crate::state_folder::remove_orphans;
use crate::{control, process, tutorial};

/// Starts everything and keeps it running until Ctrl-C, SIGTERM or `local-azure down`.
pub async fn up(folder: &Path, options: Options) -> Result<()> {
    // From here on, Ctrl-C stops everything in order.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| Error::failed("signals", error))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| Error::failed("signals", error))?;
    // Everything that this process creates is for its user only.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let progress = Progress::default();
    // A missing package is reported before anything is created or started.
    let source = Source::find(&options)?;
    let azure = Azure::open(folder)?;
    start_log(&azure)?;
    // The folder stays locked until this process has ended: `local-azure down` waits for that.
    std::mem::forget(azure.clone());
    let ended = process::clean_up(azure.folder());
    if ended > 0 {
        progress.report(&format!("stopped processes that an earlier run left behind: {ended}"));
    }
    let source = provision(&azure, &options, source, &progress)?;
    let state = azure.state();
    remove_orphans(&azure.subfolder("postgres")?, state.names::<PostgresServer>())?;
    remove_orphans(&azure.subfolder("apps")?, state.names::<WebApp>())?;
    let (commands, mut down) = Commands::new(azure.clone(), progress.clone());
    let running = async {
        commands.start(&options, source.as_ref()).await?;
        println!("{}", commands.status().await);
        println!("  Ctrl-C stops it. The next `up` continues with the same state.");
        pending().await
    };
    let ended = tokio::select! {
        ended = running => ended,
        // Commands are answered from the first moment.
        ended = control::serve(azure.folder(), commands.clone()) => ended,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        _ = down.recv() => Ok(()),
    };
    progress.report("stopping");
    commands.stop().await;
    ended
}

/// Creates what a new state needs, and returns what is deployed. A new state is empty if nothing is deployed. In an
/// existing state, only a missing developer is created.
fn provision(azure: &Azure, options: &Options, source: Option<Source>, progress: &Progress) -> Result<Option<Source>> {
    let is_new = azure.read(|state| state.directory.users.is_empty());
    if is_new && let Some(source) = &source {
        tutorial::provision(azure, source.is_site())?;
    } else {
        tutorial::provision_developer(azure)?;
    }
    if is_new && source.is_none() {
        // Without namespaces there is no shell for `az`.
        let or_az = if options.addresses {
            ""
        } else {
            ", and `az` in `local-azure shell` everything else"
        };
        progress.report(&format!(
            "a new subscription, which is empty: `local-azure app create` creates a web app{or_az}"
        ));
    }
    let has_app = azure.read(|state| state.find::<WebApp>(tutorial::APP).is_some());
    if options.package.is_some() && !has_app {
        return Err(Error::Refused(format!(
            "--package is for the web app {}, which this state does not have: deploy to another app with `local-azure deploy \
             APP PATH`",
            tutorial::APP
        )));
    }
    // Without a source, the app goes on with what was deployed last.
    Ok(source.filter(|_| has_app))
}

/// Logs warnings to the terminal, or what `RUST_LOG` selects, such as `local_azure=debug`. Requests to the control plane
/// are logged to a file.
fn start_log(azure: &Azure) -> Result<()> {
    let directives = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = Targets::from_str(&directives)
        .ok()
        .filter(|_| !directives.is_empty())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let terminal = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let file = azure.subfolder("logs")?.join("control.log");
    let open = File::options().create(true).append(true).open(&file);
    let requests = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .with_writer(Mutex::new(open.map_err(Error::file(file))?))
        .with_filter(Targets::new().with_target("local_azure::control", LevelFilter::INFO));
    tracing_subscriber::registry().with(terminal).with(requests).init();
    Ok(())
}
