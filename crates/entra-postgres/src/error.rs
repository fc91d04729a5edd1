//! What can go wrong.

use std::error::Error;
use std::fmt::Write as _;

/// There is no valid token. The message says why, and never holds a token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("there is no valid token: {0}")]
pub struct NoToken(pub(crate) String);

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<E> {
    /// There is no token to sign in with.
    #[error(transparent)]
    NoToken(#[from] NoToken),
    /// The driver's own error.
    #[error(transparent)]
    Driver(E),
}

/// The message of an error, followed by those of its causes.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        // Many errors repeat their cause in their own message.
        if !text.contains(&message) {
            write!(text, ": {message}").expect("a string can be written to");
        }
        source = cause.source();
    }
    text
}
