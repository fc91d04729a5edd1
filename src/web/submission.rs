//! Recognising a form that is sent twice.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Identifies what was sent with one rendered form: the form's random id and all that was typed. A
/// double click or a reload sends the same again and is recognised; going back, changing a word and
/// sending is something new.
///
/// A client that sends no form id (a script) means each of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionId(String);

impl SubmissionId {
    /// The hidden field that carries the form's id.
    pub const FIELD: &str = "form_id";

    /// A random id for a form that is about to be rendered.
    #[must_use]
    pub fn new_form_id() -> String {
        Uuid::new_v4().to_string()
    }

    /// The submission of those contents by the form of that id; `None` without an id.
    #[must_use]
    pub fn of(form_id: &str, contents: &[&[u8]]) -> Option<Self> {
        if form_id.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in std::iter::once(&form_id.as_bytes()).chain(contents) {
            // With the lengths, ("ab", "c") and ("a", "bc") differ.
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let hex = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes all");
            hex
        });
        Some(Self(hex))
    }

    /// The id as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_form_and_contents_are_the_same_submission() {
        let id = SubmissionId::of("1", &[b"a", b"b"]);
        assert_eq!(id, SubmissionId::of("1", &[b"a", b"b"]));
        assert_ne!(id, SubmissionId::of("2", &[b"a", b"b"]));
        assert_ne!(id, SubmissionId::of("1", &[b"ab", b""]));
        assert_eq!(SubmissionId::of("", &[b"a"]), None);
    }
}
