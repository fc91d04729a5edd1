//! The rules for text in forms.

use std::collections::BTreeMap;

/// The errors in a form: one message for each invalid field. The key is the name of the field in the form, so that a
/// template can show the message beside it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<&'static str, String>);

impl FieldErrors {
    /// Adds a message for a field. The first message for a field stays.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.entry(field).or_insert_with(|| message.into());
    }

    /// The message for this field, if it is invalid.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// Whether there are no errors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Normalises a text before it is checked, counted and stored. Browsers send line ends as CR LF (HTML standard,
/// "constructing the form data set"); surrounding spaces are removed.
pub(super) fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// Adds a message if `text` is longer than `max` Unicode scalar values, or has characters that cannot be shown or
/// stored: control characters (PostgreSQL refuses NUL), and U+FFFD, which replaces bytes that are not UTF-8. Line
/// breaks and tabs are allowed if `multiline`.
pub(super) fn check(
    errors: &mut FieldErrors,
    field: &'static str,
    label: &str,
    text: &str,
    max: usize,
    multiline: bool,
) {
    let length = text.chars().count();
    if length > max {
        errors.add(
            field,
            format!("{label} is too long: {length} characters, at most {max} are allowed."),
        );
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        errors.add(
            field,
            format!("{label} was not sent as UTF-8 text. Replace each � with the character that you meant."),
        );
    }
    let allowed = |c: char| !c.is_control() || (multiline && matches!(c, '\n' | '\t'));
    if !text.chars().all(allowed) {
        errors.add(
            field,
            format!("{label} contains characters that cannot be shown. Remove them and send again."),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_count_as_one_character() {
        assert_eq!(normalised(" a\r\nb\rc \n"), "a\nb\nc");
    }

    #[test]
    fn limits_count_scalar_values_not_bytes() {
        let mut errors = FieldErrors::default();
        check(&mut errors, "f", "Name", &"é".repeat(50), 50, false);
        check(&mut errors, "f", "Name", &"🍕".repeat(50), 50, false);
        assert!(errors.is_empty());
        check(&mut errors, "f", "Name", &"🍕".repeat(51), 50, false);
        assert_eq!(
            errors.get("f"),
            Some("Name is too long: 51 characters, at most 50 are allowed.")
        );
    }

    #[test]
    fn control_characters_are_refused() {
        for bad in ["a\0b", "a\u{1b}[31mb", "a\u{7f}", "line\nbreak"] {
            let mut errors = FieldErrors::default();
            check(&mut errors, "f", "Name", bad, 50, false);
            assert!(!errors.is_empty(), "{bad:?}");
        }
        let mut errors = FieldErrors::default();
        check(&mut errors, "f", "Review", "line\nbreak\tand tab", 50, true);
        assert!(errors.is_empty());
    }
}
