//! This crate's error.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// The reason why an operation failed. The message is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another program listens on the port.
    #[error(
        "{part} cannot listen on 127.0.0.1:{port}, which is in use by another program: choose another port with {flag}"
    )]
    PortTaken {
        /// The port.
        port: u16,
        /// The part that needs it.
        part: &'static str,
        /// The option that changes it.
        flag: &'static str,
    },
    /// A required program is not installed.
    #[error("{program} is not installed: {remedy}")]
    Missing {
        /// The program.
        program: &'static str,
        /// How to install it.
        remedy: String,
    },
    /// Another process uses the state folder.
    #[error(
        "Local Azure is already running with the state in {}: `local-azure status` shows it, `local-azure down` stops it",
        .folder.display()
    )]
    AlreadyRunning {
        /// The state folder.
        folder: PathBuf,
    },
    /// The request is invalid, or names something that does not exist.
    #[error("{0}")]
    Refused(String),
    /// A part failed.
    #[error("{part}: {why}")]
    Failed {
        /// The part.
        part: &'static str,
        /// The reason.
        why: String,
    },
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A file or folder that cannot be used.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }

    /// A part that failed.
    pub fn failed(part: &'static str, why: impl Display) -> Self {
        Self::Failed {
            part,
            why: why.to_string(),
        }
    }
}
