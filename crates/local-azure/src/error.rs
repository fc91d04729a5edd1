//! What can go wrong, each with what to do about it.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// Why Local Azure cannot do what it was asked. Its text is meant for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the state folder cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else listens there already.
    #[error("port {port} of 127.0.0.1, which {part} wants, is taken by another program: choose another by {flag}")]
    PortTaken {
        /// The port.
        port: u16,
        /// What would listen there.
        part: &'static str,
        /// The option that changes the port.
        flag: &'static str,
    },
    /// A program that has to be installed is not there.
    #[error("{program} is not installed: {remedy}")]
    Missing {
        /// The program.
        program: &'static str,
        /// How to install it.
        remedy: String,
    },
    /// There is no such thing, or it cannot be as asked.
    #[error("{0}")]
    Refused(String),
    /// A part did not do what it should.
    #[error("{part}: {why}")]
    Failed {
        /// Which part.
        part: &'static str,
        /// What it said.
        why: String,
    },
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A file that cannot be used.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }

    /// A part that did not do what it should.
    pub fn failed(part: &'static str, why: impl Display) -> Self {
        Self::Failed {
            part,
            why: why.to_string(),
        }
    }
}
