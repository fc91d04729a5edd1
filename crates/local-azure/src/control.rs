//! The control socket in the state folder, through which the other commands reach `up`. Only the folder's owner can use
//! it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::UnixListener;

use crate::command::Command;
use crate::error::{Error, Result};
use crate::folder_lock::is_locked;
use crate::open_folder::OpenFolder;

const PART: &str = "the control socket";

/// Carries out commands.
pub trait CommandHandler: Clone + Send + Sync + 'static {
    /// Carries out a command. Returns a message for the terminal.
    fn handle(&self, command: Command) -> impl Future<Output = Result<String>> + Send;
}

/// The socket's name in the state folder.
const SOCKET: &str = "control.sock";

/// Serves commands on the state folder's socket until the future is dropped.
pub async fn serve<H: CommandHandler>(state: &Path, handler: H) -> Result<()> {
    let file = Error::file(state.join(SOCKET));
    // A killed run leaves its socket behind. The folder's lock guarantees that no other process uses it.
    let listener = OpenFolder::open(state).and_then(|folder| {
        let socket = folder.path(SOCKET);
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        Ok(listener)
    });
    let listener = listener.map_err(file)?;
    let routes = Router::new().route("/", post(answer::<H>)).with_state(handler);
    axum::serve(listener, routes)
        .await
        .map_err(|error| Error::failed(PART, error))
}

async fn answer<H: CommandHandler>(State(handler): State<H>, Json(command): Json<Command>) -> (StatusCode, String) {
    match tokio::spawn(async move { handler.handle(command).await }).await {
        Ok(Ok(text)) => (StatusCode::OK, text),
        Ok(Err(error)) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        Err(panic) => {
            let text = format!("the command failed ({panic}): see the terminal of `local-azure up`");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// Sends a command to the Local Azure that runs with that state folder. Returns its message.
pub async fn send(state: &Path, command: &Command) -> Result<String> {
    let failed = |error| Error::failed(PART, error);
    let folder = OpenFolder::open(state).map_err(|_| not_running(state))?;
    let client = reqwest::Client::builder()
        .unix_socket(folder.path(SOCKET))
        .timeout(Duration::from_mins(10))
        .build()
        .map_err(failed)?;
    let request = client.post("http://local-azure/").json(command);
    let answer = request.send().await.map_err(|error| {
        if error.is_connect() {
            not_running(state)
        } else {
            failed(error)
        }
    })?;
    let is_done = answer.status().is_success();
    let text = answer.text().await.map_err(failed)?;
    if is_done { Ok(text) } else { Err(Error::Refused(text)) }
}

/// Waits until no process uses the state folder.
pub async fn wait_until_ended(state: &Path) {
    while is_locked(state) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn not_running(state: &Path) -> Error {
    Error::Refused(format!(
        "Local Azure is not running with the state in {}: start it with `local-azure up`",
        state.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Echo;

    impl CommandHandler for Echo {
        async fn handle(&self, command: Command) -> Result<String> {
            match command {
                Command::Status => Ok("well".to_owned()),
                other => Err(Error::Refused(format!("{other:?}"))),
            }
        }
    }

    #[tokio::test]
    async fn commands_reach_the_running_process() {
        crate::tls::choose_provider();
        let parent = tempfile::tempdir().unwrap();
        // Longer than the path of a socket may be, with blanks and other letters.
        let folder = parent.path().join("a folder of Zoë's ".repeat(9));
        fs::create_dir(&folder).unwrap();
        let folder = folder.as_path();
        let error = send(folder, &Command::Status).await.unwrap_err();
        assert!(error.to_string().contains("local-azure up"), "{error}");

        // A socket without a listener.
        let opened = OpenFolder::open(folder).unwrap();
        drop(std::os::unix::net::UnixListener::bind(opened.path(SOCKET)).unwrap());
        let error = send(folder, &Command::Status).await.unwrap_err();
        assert!(error.to_string().contains("local-azure up"), "{error}");

        let path = folder.to_owned();
        tokio::spawn(async move { serve(&path, Echo).await });
        let answer = loop {
            match send(folder, &Command::Status).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert_eq!(answer, "well");
        let scale = Command::Scale {
            app: None,
            instances: 2,
        };
        let error = send(folder, &scale).await.unwrap_err();
        assert!(error.to_string().contains("instances: 2"), "{error}");
    }
}
