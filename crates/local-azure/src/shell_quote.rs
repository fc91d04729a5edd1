//! Text as one word of a shell command.

/// The text in single quotes, as every POSIX shell reads it.
pub fn quote_for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
