//! How the other commands talk to `up`: a socket in the state folder, which its owner alone can use.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

use crate::faults::Fault;
use crate::{Error, Result};

/// What the running Local Azure is asked to do. The answer is a text for the terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// What runs, and where.
    Status,
    /// End.
    Down,
    /// Start the web app anew.
    Restart {
        /// Its name; the only one by default.
        app: Option<String>,
    },
    /// Run so many instances of the web app.
    Scale {
        /// Its name; the only one by default.
        app: Option<String>,
        /// How many.
        instances: u32,
    },
    /// Which faults hold from now on; none to see those that do.
    Faults {
        /// What is to fail.
        faults: Vec<Fault>,
        /// Whether all others end.
        clear: bool,
    },
    /// Every role assignment.
    RoleList,
    /// Gives a role.
    RoleCreate(RoleArguments),
    /// Takes a role back.
    RoleDelete(RoleArguments),
    /// A token.
    Token {
        /// Whose: a display name, a client id or an object id.
        principal: String,
        /// For which resource.
        resource: String,
    },
    /// Lets the next key sign tokens.
    RotateKeys,
    /// Registers an application.
    ApplicationCreate {
        /// Its display name.
        name: String,
        /// The `sub` of tokens of this machine's workload issuer that it may sign in with, in place of a secret.
        federated_subject: Option<String>,
    },
    /// A token of this machine's workload issuer.
    WorkloadToken {
        /// Its `sub`.
        subject: String,
    },
    /// Gives the database server's administrator a new password.
    AdministratorPassword,
}

/// A role, for whom and where; as `az role assignment` names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct RoleArguments {
    /// Whose: a display name, a client id or an object id. The web app's identity by default
    #[arg(long)]
    pub assignee: Option<String>,
    /// The role's name or id
    #[arg(long, default_value = "Storage Blob Data Contributor")]
    pub role: String,
    /// The subscription, resource group or resource that it is for, by its id. The storage account by default
    #[arg(long)]
    pub scope: Option<String>,
}

/// Whoever carries commands out.
pub trait Obey: Clone + Send + Sync + 'static {
    /// Does it; the answer is for the terminal.
    fn obey(&self, command: Command) -> impl Future<Output = Result<String>> + Send;
}

fn socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// Takes commands at the socket of that state folder, until it is cancelled.
pub async fn serve<O: Obey>(state: &Path, obey: O) -> Result<()> {
    let socket = socket(state);
    // One that is left from a run that was killed. The lock of the folder says that there is no other.
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).map_err(Error::file(&socket))?;
    let routes = Router::new().route("/", post(answer::<O>)).with_state(obey);
    axum::serve(listener, routes)
        .await
        .map_err(|error| Error::failed("the control socket", error))
}

async fn answer<O: Obey>(Shared(obey): Shared<O>, Json(command): Json<Command>) -> (StatusCode, String) {
    match obey.obey(command).await {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

/// Has the Local Azure of that state folder carry out a command; what it answers.
pub async fn send(state: &Path, command: &Command) -> Result<String> {
    let away = || {
        Error::Refused(format!(
            "Local Azure does not run with the state of {}: start it with `local-azure up`",
            state.display()
        ))
    };
    let client = reqwest::Client::builder()
        .unix_socket(socket(state))
        .timeout(Duration::from_mins(10))
        .build()
        .map_err(|error| Error::failed("the control socket", error))?;
    let answer = client
        .post("http://local-azure/")
        .json(command)
        .send()
        .await
        .map_err(|error| {
            if error.is_connect() {
                away()
            } else {
                Error::failed("the control socket", error)
            }
        })?;
    let is_done = answer.status().is_success();
    let text = answer
        .text()
        .await
        .map_err(|error| Error::failed("the control socket", error))?;
    if is_done { Ok(text) } else { Err(Error::Refused(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Echo;

    impl Obey for Echo {
        async fn obey(&self, command: Command) -> Result<String> {
            match command {
                Command::Status => Ok("well".to_owned()),
                other => Err(Error::Refused(format!("{other:?}"))),
            }
        }
    }

    #[tokio::test]
    async fn commands_reach_the_one_that_runs() {
        let folder = tempfile::tempdir().unwrap();
        let error = send(folder.path(), &Command::Status).await.unwrap_err();
        assert!(error.to_string().contains("local-azure up"), "{error}");

        // One that nobody listens at any more.
        drop(std::os::unix::net::UnixListener::bind(socket(folder.path())).unwrap());
        let error = send(folder.path(), &Command::Status).await.unwrap_err();
        assert!(error.to_string().contains("local-azure up"), "{error}");

        let path = folder.path().to_owned();
        tokio::spawn(async move { serve(&path, Echo).await });
        let answer = loop {
            match send(folder.path(), &Command::Status).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert_eq!(answer, "well");
        let scale = Command::Scale {
            app: None,
            instances: 2,
        };
        let error = send(folder.path(), &scale).await.unwrap_err();
        assert!(error.to_string().contains("instances: 2"), "{error}");
    }
}
