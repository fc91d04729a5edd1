//! `local-azure up`: everything, in the foreground.

mod commands;
mod database;
mod parts;
mod screen;
mod site;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::commands::Commands;
use self::parts::Parts;
use crate::faults::Fault;
use crate::state::Azure;
use crate::{Error, Result, control, process, world};

/// What `up` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The web app by HTTPS
    #[arg(long, default_value_t = 7443)]
    pub https_port: u16,
    /// The web app by HTTP
    #[arg(long, default_value_t = 7080)]
    pub http_port: u16,
    /// Entra: discovery, keys and tokens, by HTTPS
    #[arg(long, default_value_t = 7444)]
    pub entra_port: u16,
    /// The managed identity endpoints (App Service and IMDS), by HTTP
    #[arg(long, default_value_t = 7445)]
    pub identity_port: u16,
    /// Blob Storage, by HTTPS
    #[arg(long, default_value_t = 7446)]
    pub blob_port: u16,
    /// PostgreSQL
    #[arg(long, default_value_t = 7432)]
    pub postgres_port: u16,
    /// What to deploy: a zip, or a folder with start.sh in it. Without it, the site of this checkout is built
    #[arg(long)]
    pub package: Option<PathBuf>,
    /// What fails on purpose, with commas between: see `local-azure faults --help`
    #[arg(long, value_delimiter = ',')]
    pub faults: Vec<Fault>,
}

/// Starts everything and keeps it running until Ctrl-C, SIGTERM or `local-azure down`.
pub async fn up(state: &Path, options: Options) -> Result<()> {
    start_log();
    // From here on Ctrl-C ends what was started, in order.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| Error::failed("signals", error))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| Error::failed("signals", error))?;
    let azure = Azure::open(state)?;
    let left = process::clean_up(azure.folder());
    if left > 0 {
        screen::progress(&format!("ended {left} processes that an earlier run left behind"));
    }
    world::provision(&azure)?;
    let (commands, mut down) = Commands::new(azure.clone());
    let running = async {
        let parts = Parts::start(&azure, &options).await?;
        let fault = commands.take_over(parts, &options.faults).await;
        println!("{}", commands.screen().await);
        fault?;
        tokio::select! {
            ended = control::serve(azure.folder(), commands.clone()) => ended,
            never = commands.watch() => match never {},
        }
    };
    let ended = tokio::select! {
        ended = running => ended,
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        _ = down.recv() => Ok(()),
    };
    screen::progress("stopping");
    commands.stop().await;
    ended
}

/// Warnings go to the terminal; `RUST_LOG` asks for more, such as `local_azure=debug`.
fn start_log() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = Targets::from_str(&wanted)
        .ok()
        .filter(|_| !wanted.is_empty())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
}
