//! The command `restaurant-review`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use restaurant_review::config::Config;
use restaurant_review::{check, healthcheck, logging, seed, server, tls};

/// A restaurant review site for Azure App Service.
///
/// Set up by environment variables (or a .env file in the current folder); README.md lists them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the site (the default).
    Serve,
    /// Check the configuration and whether everything the site needs can be reached.
    Check,
    /// Ask the site that runs here whether it is up; for the health check of a container.
    Healthcheck,
    /// Fill the store with demo data.
    Seed(seed::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tls::choose_provider();
    if let Err(message) = read_dotenv() {
        eprintln!("{message}");
        return ExitCode::FAILURE;
    }
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads can be started");
    let result = runtime.block_on(run(arguments.command.unwrap_or(Command::Serve), config));
    // What did not end within the grace period does not hold the process.
    runtime.shutdown_background();
    result
}

async fn run(command: Command, config: Config) -> ExitCode {
    let done = match command {
        Command::Serve => {
            logging::init(&config);
            server::serve(config).await
        }
        Command::Check => {
            return if check::run(&config).await {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        Command::Healthcheck => {
            return match healthcheck::run(&config).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("not up: {why}");
                    ExitCode::FAILURE
                }
            };
        }
        Command::Seed(options) => seed::run(config, &options).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts the settings of a `.env` file into the environment, where one is in the current folder; what the
/// environment has already stays. Done before any thread starts.
fn read_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(_, _)) => {
            // The line itself may hold a secret, so it is not repeated.
            Err(".env has a line that cannot be read. Each line wants NAME=value; quote a value with blanks.".into())
        }
        Err(error) => Err(format!(".env cannot be read: {error}.")),
    }
}
