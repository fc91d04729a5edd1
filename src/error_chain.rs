//! An error and its causes as one line of text.

use std::error::Error;
use std::fmt::Write as _;

/// The message of an error, followed by the messages of its causes.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        // Many errors repeat their cause in their own message.
        if !text.contains(&message) {
            write!(text, ": {message}").expect("writing to a String cannot fail");
        }
        source = cause.source();
    }
    text
}
