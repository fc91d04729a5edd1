//! The command `local-azure`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_azure::control::{self, Command, RoleArguments};
use local_azure::faults::Fault;
use local_azure::up::{self, Options};
use local_azure::{Result, logs, reset};

/// Azure on this machine: managed identities, PostgreSQL, Blob Storage and App Service, with tokens that are really
/// issued and really checked.
#[derive(Parser)]
#[command(name = "local-azure", version)]
struct Arguments {
    /// The folder that everything is kept in
    #[arg(long, global = true, default_value = ".local-azure")]
    state: PathBuf,
    #[command(subcommand)]
    command: Doing,
}

#[derive(Subcommand)]
enum Doing {
    /// Runs it all in the foreground: the tutorial's resources, with the site deployed
    Up(Options),
    /// Ends the one that runs
    Down,
    /// Says what runs, and where
    Status,
    /// Deletes everything that is kept, after asking
    Reset {
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
    /// Prints the log of the web app, or of a part
    Logs {
        /// Goes on until Ctrl-C
        #[arg(short, long)]
        follow: bool,
        /// Of what: a web app (the only one by default), `postgres` or `azurite`
        part: Option<String>,
    },
    /// Starts the web app anew
    Restart {
        /// Which web app; the only one by default
        app: Option<String>,
    },
    /// Changes how many instances of the web app run
    Scale {
        /// How many, 1 to 30
        #[arg(value_parser = clap::value_parser!(u32).range(1..=30))]
        instances: u32,
        /// Which web app; the only one by default
        app: Option<String>,
    },
    /// Shows or changes what fails on purpose: token-lifetime=SECONDS, identity=slow|hangs|away|429|500,
    /// database=restart|away, storage=away, role=removed
    Faults {
        /// What is to fail from now on
        faults: Vec<Fault>,
        /// Ends all other faults
        #[arg(long)]
        clear: bool,
    },
    /// Shows or changes who may do what where
    #[command(subcommand)]
    Role(Role),
    /// Prints a token, such as the administrator's for PGPASSWORD
    Token {
        /// Whose: a display name, a client id or an object id
        #[arg(long = "as", default_value = local_azure::world::ADMINISTRATOR)]
        principal: String,
        /// For which resource: oss-rdbms, storage, arm, or its URL
        #[arg(long, default_value = "oss-rdbms")]
        resource: String,
    },
    /// Lets another key sign tokens from now on
    RotateKeys,
    /// Registers an application, and prints its client secret once
    ApplicationCreate {
        /// Its display name
        name: String,
        /// Lets it sign in with tokens of this machine's workload issuer for that subject, in place of a secret
        #[arg(long, value_name = "SUBJECT")]
        federated_subject: Option<String>,
    },
    /// Prints a token of this machine's workload issuer, for the file that `AZURE_FEDERATED_TOKEN_FILE` names
    WorkloadToken {
        /// Whom it is about, such as system:serviceaccount:default:site
        subject: String,
    },
    /// Gives the database server's administrator `demoadmin` a new password, and prints it once
    AdminPassword,
}

#[derive(Subcommand)]
enum Role {
    /// Every role assignment
    List,
    /// Gives a role
    Create(RoleArguments),
    /// Takes a role back
    Delete(RoleArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    local_azure::tls::choose_provider();
    match run(&arguments.state, arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-azure: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(state: &Path, doing: Doing) -> Result<()> {
    let command = match doing {
        Doing::Up(options) => return up::up(state, options).await,
        Doing::Reset { yes } => return reset::reset(state, yes),
        Doing::Logs { follow, part } => return logs::print(state, part.as_deref(), follow).await,
        Doing::Down => Command::Down,
        Doing::Status => Command::Status,
        Doing::Restart { app } => Command::Restart { app },
        Doing::Scale { instances, app } => Command::Scale { app, instances },
        Doing::Faults { faults, clear } => Command::Faults { faults, clear },
        Doing::Role(Role::List) => Command::RoleList,
        Doing::Role(Role::Create(role)) => Command::RoleCreate(role),
        Doing::Role(Role::Delete(role)) => Command::RoleDelete(role),
        Doing::Token { principal, resource } => Command::Token { principal, resource },
        Doing::RotateKeys => Command::RotateKeys,
        Doing::ApplicationCreate {
            name,
            federated_subject,
        } => Command::ApplicationCreate {
            name,
            federated_subject,
        },
        Doing::WorkloadToken { subject } => Command::WorkloadToken { subject },
        Doing::AdminPassword => Command::AdministratorPassword,
    };
    let text = control::send(state, &command).await?;
    // A reader such as `head` may have gone.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}
