//! The commands that a running Local Azure carries out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::faults::InjectedFault;
use crate::tutorial;

/// A command for the running Local Azure. clap parses it from the command line, and [`crate::control`] sends it as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Subcommand)]
pub enum Command {
    /// Stops the running Local Azure
    Down,
    /// Shows what is running, and where
    Status,
    /// Restarts the web app
    Restart {
        /// The web app. Defaults to the tutorial's
        app: Option<String>,
    },
    /// Changes the number of instances of the web app
    Scale {
        /// The number of instances, 1 to 30
        #[arg(value_parser = clap::value_parser!(u32).range(1..=30))]
        instances: u32,
        /// The web app. Defaults to the tutorial's
        app: Option<String>,
    },
    /// Shows or injects faults: token-lifetime=SECONDS, identity=slow|hangs|away|STATUS,
    /// database=restart|away, storage=away|STATUS, role=removed. For one resource: database:SERVER=away
    Faults {
        /// The faults to inject. Without any, the active ones are shown
        faults: Vec<InjectedFault>,
        /// Clears all faults first
        #[arg(long)]
        clear: bool,
    },
    /// Shows or changes role assignments
    #[command(subcommand)]
    Role(RoleCommand),
    /// Prints a token, such as the administrator's for PGPASSWORD
    Token {
        /// The principal: a display name, a client id or an object id
        #[arg(long = "as", default_value = tutorial::ADMINISTRATOR)]
        principal: String,
        /// The resource: oss-rdbms, storage, arm, graph, or its URL
        #[arg(long, default_value = "oss-rdbms")]
        resource: String,
    },
    /// Prints what to export so that a program on this machine, such as one in a debugger, signs in at Local Azure:
    /// eval "$(local-azure env --as APP)"
    Env {
        /// Acts as this web app: with its identity and its settings. By default, the program gets the identities of the
        /// virtual machine that stands for this machine
        #[arg(long = "as", value_name = "APP")]
        app: Option<String>,
    },
    /// Makes the next key the signing key
    RotateKeys,
    /// Prints a token of this machine's workload issuer, for the file that `AZURE_FEDERATED_TOKEN_FILE` names
    WorkloadToken {
        /// The token's subject, such as system:serviceaccount:default:site
        subject: String,
    },
    /// Deploys a zip or a folder to a web app. The old version serves requests until the new one is ready
    Deploy {
        /// The web app
        app: String,
        /// The zip or the folder
        path: PathBuf,
        /// Deploys it again whenever a file in it changes
        #[arg(long)]
        #[serde(default)]
        watch: bool,
    },
    /// Creates, shows and changes web apps
    #[command(subcommand)]
    App(AppCommand),
    /// Prints the environment of a web app as JSON, with an identity header of its own
    #[command(hide = true)]
    Environment {
        /// The web app
        app: String,
    },
    /// Prints where a browser on this machine finds a page of Azure
    #[command(hide = true)]
    Outside {
        /// The page's address in Azure
        url: String,
    },
    /// Prints what the Azure CLI needs to be signed in as the developer, as JSON
    #[command(hide = true)]
    SignIn,
}

impl Command {
    /// The same command, with a path that does not depend on the current folder.
    ///
    /// # Errors
    ///
    /// There is nothing at the path.
    pub fn with_absolute_path(self) -> Result<Self> {
        match self {
            Self::Deploy { app, path, watch } => {
                let path = path.canonicalize().map_err(Error::file(path))?;
                Ok(Self::Deploy { app, path, watch })
            }
            other => Ok(other),
        }
    }

    /// Whether its output is a secret that a program reads, such as a token.
    #[must_use]
    pub fn prints_secret(&self) -> bool {
        matches!(self, Self::Token { .. } | Self::WorkloadToken { .. } | Self::SignIn)
    }
}

/// A command about web apps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Subcommand)]
pub enum AppCommand {
    /// Creates a web app with an identity of its own
    Create {
        /// Its name
        app: String,
        /// Gives it this user-assigned identity, which is created if it does not exist, instead of a system-assigned one
        #[arg(long)]
        identity: Option<String>,
        /// Creates a PostgreSQL server with this database, where the identity has a role, and the settings
        /// `PGHOST`, `PGDATABASE` and `PGUSER`
        #[arg(long)]
        #[serde(default)]
        database: Option<String>,
        /// Creates a storage account with this blob container, which the identity may read and write, and the setting
        /// `STORAGE_URL`
        #[arg(long)]
        #[serde(default)]
        container: Option<String>,
    },
    /// Shows the app settings, or changes them, which restarts the app
    Settings {
        /// The web app
        app: String,
        /// The settings to set
        #[arg(value_name = "NAME=VALUE")]
        settings: Vec<String>,
        /// The settings to delete
        #[arg(long, value_name = "NAME", num_args = 1..)]
        delete: Vec<String>,
    },
    /// Shows the startup command, or changes it, which restarts the app
    Startup {
        /// The web app
        app: String,
        /// The new command
        command: Option<String>,
    },
    /// Deletes a web app with its files
    Delete {
        /// The web app
        app: String,
    },
}

/// A command about role assignments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Subcommand)]
pub enum RoleCommand {
    /// Lists all role assignments
    List,
    /// Creates a role assignment
    Create(RoleArguments),
    /// Deletes a role assignment
    Delete(RoleArguments),
}

/// The options of a role assignment, named as in `az role assignment`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct RoleArguments {
    /// The assignee: a display name, a client id or an object id. Defaults to the web app's identity
    #[arg(long)]
    pub assignee: Option<String>,
    /// The role's name or id
    #[arg(long, default_value = "Storage Blob Data Contributor")]
    pub role: String,
    /// The id of a subscription, resource group or resource. Defaults to the storage account
    #[arg(long)]
    pub scope: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn a_parsed_command_survives_a_json_round_trip() {
        for line in [
            "down",
            "status",
            "restart",
            "restart contoso",
            "scale 2",
            "scale 30 contoso",
            "faults",
            "faults --clear identity=429 token-lifetime=60",
            "role list",
            "role create --assignee ci --role Reader --scope /subscriptions/s",
            "role delete",
            "token --as ci --resource storage",
            "rotate-keys",
            "workload-token repo:a",
            "deploy contoso /package.zip",
            "deploy contoso /package.zip --watch",
            "app create contoso --identity site",
            "app create contoso --database reviews --container photos",
            "app settings contoso",
            "app settings contoso A=1 B=2 --delete C D",
            "app startup contoso ./run.sh",
            "app delete contoso",
            "environment contoso",
            "outside https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        ] {
            let words = std::iter::once("local-azure").chain(line.split(' '));
            let typed = Line::try_parse_from(words).unwrap().command;
            let sent = serde_json::to_string(&typed).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&sent).unwrap(), typed, "{line}");
        }
        for line in ["scale 0", "scale 31", "faults disk=full", "role", "token --as"] {
            let words = std::iter::once("local-azure").chain(line.split(' '));
            assert!(Line::try_parse_from(words).is_err(), "{line}");
        }
    }
}
