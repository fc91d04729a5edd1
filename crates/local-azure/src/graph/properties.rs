//! Checks of the properties that clients set.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::error::GraphError;

/// The type of a property.
#[derive(Clone, Copy)]
pub enum Type {
    Text,
    Flag,
    Texts,
    Objects,
    Object,
    Time,
    Id,
    /// A property of any type that clients cannot set.
    ReadOnly,
}

/// A kind of object.
pub struct Kind {
    /// Its name in messages.
    pub resource: &'static str,
    /// The names of its properties by their types, separated by blanks.
    pub properties: &'static [(Type, &'static str)],
}

impl Kind {
    /// Whether objects of this kind have that property. Queries ignore the case of names.
    pub fn has(&self, name: &str) -> bool {
        let mut all = self.properties.iter().flat_map(|(_, names)| names.split(' '));
        all.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// # Errors
    ///
    /// One of the properties is unknown or read-only, or has a wrong value. The case of names matters.
    pub fn check(&self, properties: &Map<String, Value>) -> Result<(), GraphError> {
        for (name, value) in properties {
            // Clients may state the type of a property.
            if name.ends_with("@odata.type") {
                continue;
            }
            let mut all = self.properties.iter();
            match all.find(|(_, names)| names.split(' ').any(|known| known == name)) {
                None => return Err(GraphError::bad_request(format!("Invalid property '{name}'."))),
                Some((Type::ReadOnly, _)) => return Err(GraphError::read_only(name)),
                Some((kind, _)) if kind.accepts(value) && is_permitted(name, value) => {}
                Some(_) => return Err(self.invalid(name)),
            }
        }
        Ok(())
    }

    /// The error for a value that a property cannot have.
    pub fn invalid(&self, name: &str) -> GraphError {
        GraphError::bad_request(format!(
            "Invalid value specified for property '{name}' of resource '{}'.",
            self.resource
        ))
    }
}

impl Type {
    fn accepts(self, value: &Value) -> bool {
        let all = |is_one: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(is_one));
        match self {
            Self::Text => value.is_null() || value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Texts => all(Value::is_string),
            Self::Objects => all(Value::is_object),
            Self::Object => value.is_null() || value.is_object(),
            Self::Time => value.is_null() || time(value).is_some(),
            Self::Id => {
                let id = value.as_str().and_then(|id| Uuid::try_parse(id).ok());
                value.is_null() || id.is_some()
            }
            Self::ReadOnly => false,
        }
    }
}

/// Parses a time such as `2026-01-01T00:00:00Z`.
pub fn time(value: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()
}

/// Whether the value obeys the rules for names.
fn is_permitted(name: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match name {
        "displayName" => {
            value.is_null() || (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        }
        "mailNickname" => {
            let is_mark = |c: char| "@()\\[]\";:<>, ".contains(c);
            (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic() && !is_mark(c))
        }
        _ => true,
    }
}

/// Whether the text may be the part of a user principal name before the `@`.
pub fn is_user_name(text: &str) -> bool {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(is_valid)
}

/// Sets properties. The parts of an object that are not given keep their values, and null removes a property.
pub fn set(properties: &mut Map<String, Value>, changes: Map<String, Value>) {
    for (name, value) in changes {
        if name.contains('@') {
            continue;
        }
        match value {
            Value::Null => drop(properties.remove(&name)),
            Value::Object(new) => {
                let old = properties.entry(name).or_insert_with(|| Map::new().into());
                if !old.is_object() {
                    *old = Map::new().into();
                }
                if let Some(old) = old.as_object_mut() {
                    set(old, new);
                }
            }
            other => drop(properties.insert(name, other)),
        }
    }
}

/// Overrides the defaults with what a client has set.
pub fn show(value: &mut Value, properties: &Map<String, Value>) {
    if let Some(shown) = value.as_object_mut() {
        set(shown, properties.clone());
    }
}
