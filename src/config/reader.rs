//! Reading environment variables, and collecting the errors in them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A value that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value that must not be shown.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Looks variables up with `get`, and adds a line to `errors` for each that is wrong.
pub(super) struct Reader<'a, G> {
    pub(super) get: &'a G,
    pub(super) errors: &'a mut Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<'_, G> {
    /// The value of the variable, or `default` if it is not set. A wrong value is an error and gives `default` too.
    pub(super) fn parse<T: FromStr>(
        &mut self,
        name: &'static str,
        expected: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        self.parse_one_of(&[name], expected, default, valid)
    }

    /// As [`Self::parse`], for a setting with several names.
    pub(super) fn parse_one_of<T: FromStr>(
        &mut self,
        names: &[&'static str],
        expected: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        let Some((name, text)) = self.one_of(names) else {
            return default;
        };
        match text.parse() {
            Ok(value) if valid(&value) => value,
            _ => {
                self.fault(format!("{name} is {text:?}, but it must be {expected}."));
                default
            }
        }
    }

    /// The first variable that is set, with its value, among the names of one setting. Two different values are an
    /// error.
    pub(super) fn one_of(&mut self, names: &[&'static str]) -> Option<(&'static str, String)> {
        self.one_of_by(names, str::to_owned)
    }

    /// As [`Self::one_of`], but two values with the same `meaning` count as equal.
    pub(super) fn one_of_by(
        &mut self,
        names: &[&'static str],
        meaning: impl Fn(&str) -> String,
    ) -> Option<(&'static str, String)> {
        let mut set = names.iter().filter_map(|name| Some((*name, (self.get)(name)?)));
        let (name, value) = set.next()?;
        let other = set.find(|(_, other)| meaning(other) != meaning(&value));
        if let Some((other, _)) = other {
            // Without the values: one of them may be a password.
            self.fault(format!(
                "{name} and {other} are both set, but to different values. Unset one of them."
            ));
        }
        Some((name, value))
    }

    /// The path of a readable file.
    pub(super) fn readable_file(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from((self.get)(name)?);
        if let Err(error) = std::fs::File::open(&path) {
            self.fault(format!(
                "{name} is {:?}, but that file cannot be read: {error}. It must be a PEM file with certificates.",
                path.display().to_string()
            ));
        }
        Some(path)
    }

    /// The client id of the managed identity for one service. `AZURE_CLIENT_ID` applies to every service.
    pub(super) fn client_id(&mut self, name: &'static str) -> Option<String> {
        self.one_of(&["AZURE_CLIENT_ID", name]).map(|(_, id)| id)
    }

    /// Adds an error.
    pub(super) fn fault(&mut self, message: String) {
        self.errors.push(message);
    }
}
