//! Reading environment variables, and collecting the errors in them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::redact::shown;

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

/// The environment: each variable with its value, without surrounding blanks. An empty variable counts as not set.
pub(super) type Variables = BTreeMap<String, String>;

/// A value of a setting, and the variable that has it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) variable: String,
    pub(super) value: String,
}

/// Looks variables up, and adds a line to `errors` for each that is wrong.
pub(super) struct Reader<'a> {
    pub(super) variables: &'a Variables,
    pub(super) errors: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// The value of the variable, or `default` if it is not set. A wrong value is an error and gives `default` too.
    pub(super) fn parse<T: FromStr>(
        &mut self,
        name: &str,
        expected: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        let found = self.one_of(&[name]);
        self.parse_found(found, expected, default, valid)
    }

    /// As [`Self::parse`], for a value that was found already.
    pub(super) fn parse_found<T: FromStr>(
        &mut self,
        found: Option<Found>,
        expected: &str,
        default: T,
        valid: impl Fn(&T) -> bool,
    ) -> T {
        let Some(Found { variable, value }) = found else {
            return default;
        };
        match value.parse() {
            Ok(value) if valid(&value) => value,
            _ => {
                self.fault(format!("{variable} is {}, but it must be {expected}.", shown(&value)));
                default
            }
        }
    }

    /// The variables of these names that are set.
    pub(super) fn all_of(&self, names: &[&str]) -> Vec<Found> {
        let found = names.iter().filter_map(|name| {
            Some(Found {
                variable: (*name).to_owned(),
                value: self.variables.get(*name)?.clone(),
            })
        });
        found.collect()
    }

    /// The first variable that is set, with its value, among the names of one setting. Two different values are an
    /// error.
    pub(super) fn one_of(&mut self, names: &[&str]) -> Option<Found> {
        let found = self.all_of(names);
        self.agreed(found, str::to_owned)
    }

    /// The first of these values of one setting. It is an error if the `meaning` of another one differs.
    pub(super) fn agreed(&mut self, found: Vec<Found>, meaning: impl Fn(&str) -> String) -> Option<Found> {
        let mut found = found.into_iter();
        let first = found.next()?;
        let other = found.find(|other| meaning(&other.value) != meaning(&first.value));
        if let Some(other) = other {
            // Without the values: one of them may be a password.
            self.fault(format!(
                "{} and {} are both set, but to different values. Unset one of them.",
                first.variable, other.variable
            ));
        }
        Some(first)
    }

    /// The path of a readable file.
    pub(super) fn readable_file(&mut self, name: &str) -> Option<PathBuf> {
        let path = self.variables.get(name)?;
        if let Err(error) = std::fs::File::open(path) {
            self.fault(format!(
                "{name} is {}, but that file cannot be read: {error}. It must be a PEM file with certificates.",
                shown(path)
            ));
        }
        Some(PathBuf::from(path))
    }

    /// The client id of the managed identity for one service. `AZURE_CLIENT_ID` applies to every service.
    pub(super) fn client_id(&mut self, name: &str) -> Option<String> {
        self.one_of(&["AZURE_CLIENT_ID", name]).map(|found| found.value)
    }

    /// The names of the variables that are set and begin with one of these prefixes. The dots and hyphens of a name are
    /// not compared, because App Service removes them from the name of a setting.
    pub(super) fn named(&self, prefixes: &[&str]) -> Vec<String> {
        let names = self.variables.keys().filter(|name| {
            let bare: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let bare = bare.to_ascii_uppercase();
            prefixes.iter().any(|prefix| bare.starts_with(prefix))
        });
        names.cloned().collect()
    }

    /// Adds an error, once.
    pub(super) fn fault(&mut self, message: String) {
        if !self.errors.contains(&message) {
            self.errors.push(message);
        }
    }
}
