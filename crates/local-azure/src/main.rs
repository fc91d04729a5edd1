//! The command `local-azure`.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_azure::command::Command;
use local_azure::network::forwarder;
use local_azure::up::{self, Options};
use local_azure::{Result, browser, control, logs, reset, shell, storage};

/// Azure on this machine: managed identities, PostgreSQL, Blob Storage and App Service. It issues signed tokens and
/// validates them.
#[derive(Parser)]
#[command(name = "local-azure", version)]
struct Arguments {
    /// The folder that contains everything
    #[arg(long, global = true, default_value = ".local-azure")]
    state: PathBuf,
    #[command(subcommand)]
    command: CommandLine,
}

#[derive(Subcommand)]
enum CommandLine {
    /// Runs everything in the foreground. A new state has the tutorial's resources if something is deployed: a package, or the
    /// site of the current checkout. Otherwise it is empty
    Up(Options),
    #[command(flatten)]
    Sent(Command),
    /// Installs Azurite into the cache folder now, so that the first `up` needs no network
    Fetch,
    /// Deletes all data, after asking for confirmation
    Reset {
        /// Deletes without asking
        #[arg(long)]
        yes: bool,
    },
    /// Prints the log of the web app or of another part
    Logs(logs::Options),
    /// Opens a shell, or runs the command after `--`, in a network with Azure's own names
    Shell(shell::Options),
    /// Asks the terminal outside of a shell to open a page in a browser
    #[command(hide = true)]
    Browse(browser::Options),
    /// Connects the addresses inside a network to Local Azure
    #[command(hide = true)]
    Forward(forwarder::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    local_azure::tls::choose_provider();
    match run(&arguments.state, arguments.command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("local-azure: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(state: &Path, command: CommandLine) -> Result<ExitCode> {
    let done = match command {
        CommandLine::Up(options) => up::up(state, options).await,
        CommandLine::Fetch => storage::fetch().map(|folder| println!("Azurite is in {}", folder.display())),
        CommandLine::Reset { yes } => reset::reset(state, yes),
        CommandLine::Logs(options) => logs::print(state, &options).await,
        CommandLine::Shell(options) => return Ok(shell::run(state, &options).await?.into()),
        CommandLine::Browse(options) => browser::browse(&options).await,
        CommandLine::Forward(options) => forwarder::run(&options).await,
        CommandLine::Sent(command) => {
            let command = command.with_absolute_path()?;
            if let Command::Deploy { path, watch: true, .. } = &command {
                return watch(state, &command, path).await;
            }
            send(state, &command).await
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Sends a command to the running Local Azure, and prints its message.
async fn send(state: &Path, command: &Command) -> Result<()> {
    let text = control::send(state, command).await?;
    let mut output = std::io::stdout();
    // What another program reads must not have a newline at its end.
    let end = if command.prints_secret() && !output.is_terminal() {
        ""
    } else {
        "\n"
    };
    // Fails if the reader, such as `head`, has exited.
    let _ = write!(output, "{text}{end}");
    if matches!(command, Command::Down) {
        control::wait_until_ended(state).await;
        let _ = writeln!(output, "Local Azure has stopped.");
    }
    Ok(())
}

/// Deploys now, and again after each change. A version that does not start is reported, and the one before keeps running.
async fn watch(state: &Path, deploy: &Command, path: &Path) -> Result<ExitCode> {
    let own = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    loop {
        // A change during the deployment is a change, too.
        let before = local_azure::watch::stamp(path, &own);
        if let Err(error) = send(state, deploy).await {
            eprintln!("local-azure: {error}");
        }
        println!("Waiting for changes to {}. Ctrl-C ends this.", path.display());
        local_azure::watch::changed(path, &own, before).await;
    }
}
