//! Reading environment variables, and collecting what is wrong with them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A value that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps the value out of sight.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for where it is needed.
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

/// Looks variables up by `get`, and adds a line to `errors` for each that is wrong.
pub(super) struct Reader<'a, G> {
    pub(super) get: &'a G,
    pub(super) errors: &'a mut Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<'_, G> {
    /// The variable's value; `default` when it is not set or wrong, and then an error as well.
    pub(super) fn parse<T: FromStr>(
        &mut self,
        name: &'static str,
        wants: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        self.parse_one_of(&[name], wants, default, valid)
    }

    /// The value of the first of these variables that is set.
    pub(super) fn parse_one_of<T: FromStr>(
        &mut self,
        names: &[&'static str],
        wants: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        let Some((name, text)) = self.one_of(names) else {
            return default;
        };
        match text.parse() {
            Ok(value) if valid(&value) => value,
            _ => {
                self.fault(format!("{name} is {text:?}, but it wants {wants}."));
                default
            }
        }
    }

    /// Several names for one setting: the first that is set, with its value. Two that disagree are a fault.
    pub(super) fn one_of(&mut self, names: &[&'static str]) -> Option<(&'static str, String)> {
        self.one_of_by(names, str::to_owned)
    }

    /// As [`Self::one_of`]; values that have the same `meaning` agree.
    pub(super) fn one_of_by(
        &mut self,
        names: &[&'static str],
        meaning: impl Fn(&str) -> String,
    ) -> Option<(&'static str, String)> {
        let mut set = names.iter().filter_map(|name| Some((*name, (self.get)(name)?)));
        let (name, value) = set.next()?;
        let other = set.find(|(_, other)| meaning(other) != meaning(&value));
        if let Some((other, _)) = other {
            // Not the values: one of them may be a password.
            self.fault(format!(
                "{name} and {other} are both set, but to different values. Unset one of them."
            ));
        }
        Some((name, value))
    }

    /// A file that can be read.
    pub(super) fn readable_file(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from((self.get)(name)?);
        if let Err(error) = std::fs::File::open(&path) {
            self.fault(format!(
                "{name} is {:?}, but that file cannot be read: {error}. It wants a PEM file with certificates.",
                path.display().to_string()
            ));
        }
        Some(path)
    }

    /// The client id of a managed identity for one service; `AZURE_CLIENT_ID` is the one for all.
    pub(super) fn client_id(&mut self, name: &'static str) -> Option<String> {
        self.one_of(&["AZURE_CLIENT_ID", name]).map(|(_, id)| id)
    }

    /// Says what is wrong.
    pub(super) fn fault(&mut self, message: String) {
        self.errors.push(message);
    }
}
