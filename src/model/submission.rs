//! Recognising a form that is sent twice.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Identifies what was sent with one rendered form: a hash of the form's random id and of everything that was typed.
///
/// A double click, a retry and a reload send the same contents with the same rendering and are recognised. Going
/// back, changing a word and sending again is a new submission.
///
/// A cached page shows one rendering to many visitors. Two visitors who send exactly the same contents with it are
/// treated as one, until the page next changes: it is then rendered again, with another form id.
///
/// A client that sends no form id, such as a script, sends a new submission with each request.
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

    /// The submission of these contents by the form with this id; `None` if the id is empty.
    #[must_use]
    pub fn of(form_id: &str, contents: &[&[u8]]) -> Option<Self> {
        if form_id.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in std::iter::once(&form_id.as_bytes()).chain(contents) {
            // The lengths distinguish ("ab", "c") from ("a", "bc").
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        Some(Self(hex::encode(hash.finalize())))
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
