//! The command `restaurant-review`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use restaurant_review::config::Config;
use restaurant_review::{backup, check, dotenv, healthcheck, logging, seed, server, telemetry, tls};

/// A restaurant review site for Azure App Service.
///
/// Environment variables configure it, or a .env file in the current folder. README.md lists them.
#[derive(Parser)]
#[command(version, after_help = SETTINGS)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The settings that most people need.
const SETTINGS: &str = "\
The settings that most people need:
  PORT                  The port to listen on [default: 8000]
  DATA_DIR              The folder for the SQLite file and the photos [default: ./data]
  DBHOST                A PostgreSQL server, in place of SQLite; with DBNAME and DBUSER
  STORAGE_ACCOUNT_NAME  A storage account for the photos, in place of a folder
  AZURE_CLIENT_ID       The managed identity that signs in to both";

#[derive(Subcommand)]
enum Command {
    /// Serve the site (the default).
    Serve,
    /// Check the configuration, and whether the site may do everything it needs.
    Check,
    /// Check that the site on this machine is up, for the health check of a container.
    Healthcheck,
    /// Copy the SQLite file, also while the site is running.
    Backup(backup::Options),
    /// Fill the store with demo data.
    Seed(seed::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tls::choose_provider();
    let config = match read_settings() {
        Ok(config) => config,
        Err(message) => return failed(&message),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads can be started");
    let result = runtime.block_on(run(arguments.command.unwrap_or(Command::Serve), config));
    // The process ends even if some work did not finish within the grace period.
    runtime.shutdown_background();
    result
}

fn read_settings() -> Result<Config, String> {
    for warning in dotenv::load(Path::new(".env"))? {
        eprintln!("{warning}");
    }
    Config::from_env().map_err(|error| error.to_string())
}

async fn run(command: Command, config: Config) -> ExitCode {
    let result = match command {
        Command::Serve => {
            let problems = telemetry::start(&config.telemetry);
            let flush_limit = telemetry::flush_limit(config.shutdown_grace);
            let log = logging::init(&config);
            for problem in &problems {
                tracing::warn!("{problem}");
            }
            let result = server::serve(config).await;
            telemetry::stop(flush_limit).await;
            log.finish().await;
            result
        }
        Command::Check => check::run(&config).await,
        Command::Healthcheck => healthcheck::run(&config).await,
        Command::Backup(options) => backup::run(&config, &options).await,
        Command::Seed(options) => seed::run(config, &options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}

fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
