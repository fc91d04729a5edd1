//! `local-azure up`: runs everything in the foreground.

mod commands;
mod database;
mod options;
mod parts;
mod progress;
mod screen;
mod site;

use std::io::IsTerminal as _;
use std::path::Path;
use std::str::FromStr as _;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::options::Options;

use self::commands::Commands;
use self::parts::Parts;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::{control, process, tutorial};

/// Starts everything and keeps it running until Ctrl-C, SIGTERM or `local-azure down`.
pub async fn up(state: &Path, options: Options) -> Result<()> {
    start_log();
    // From here on, Ctrl-C stops everything in order.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| Error::failed("signals", error))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| Error::failed("signals", error))?;
    let azure = Azure::open(state)?;
    let ended = process::clean_up(azure.folder());
    if ended > 0 {
        progress::report(&format!("ended {ended} processes that an earlier run left behind"));
    }
    tutorial::provision(&azure)?;
    let (commands, mut down) = Commands::new(azure.clone());
    let running = async {
        let parts = Parts::start(&azure, &options).await?;
        let injected = commands.set_parts(parts, &options.faults).await;
        println!("{}", commands.status().await);
        injected?;
        tokio::select! {
            ended = control::serve(azure.folder(), commands.clone()) => ended,
            never = commands.keep_postgres_running() => match never {},
        }
    };
    let ended = tokio::select! {
        ended = running => ended,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        _ = down.recv() => Ok(()),
    };
    progress::report("stopping");
    commands.stop().await;
    ended
}

/// Logs warnings to the terminal, or what `RUST_LOG` selects, such as `local_azure=debug`.
fn start_log() {
    let directives = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = Targets::from_str(&directives)
        .ok()
        .filter(|_| !directives.is_empty())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
