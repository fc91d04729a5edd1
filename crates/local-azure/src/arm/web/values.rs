//! App settings, connection strings and metadata, as bodies contain them: by their names, or as lists.

use serde_json::{Map, Value, json};

use crate::arm::call;
use crate::arm::error::ArmError;
use crate::state::CONNECTION_STRING_TYPES;

/// Values by their names.
pub type Values = Map<String, Value>;

/// Reads app settings by their names. Truth values and numbers become texts.
///
/// # Errors
///
/// A name or a value is not valid.
pub fn settings(values: &Values) -> Result<Values, ArmError> {
    let is_permitted = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if let Some(name) = values
        .keys()
        .find(|name| name.is_empty() || !name.chars().all(is_permitted))
    {
        // Linux apps have no other names.
        let message = format!("AppSetting with name '{name}' is not allowed.");
        return Err(ArmError::bad_request("BadRequest", message));
    }
    texts(values)
}

/// Reads texts by their names. Null removes a text.
///
/// # Errors
///
/// A value is a list or an object.
pub fn texts(values: &Values) -> Result<Values, ArmError> {
    let mut texts = Values::new();
    for (name, value) in values {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(ArmError::invalid_content(format!(
                    "The request content was invalid: the value of '{name}' must be a string."
                )));
            }
        };
        texts.insert(name.clone(), text.into());
    }
    Ok(texts)
}

/// Reads connection strings by their names.
///
/// # Errors
///
/// One of them has no value, or no type that is known.
pub fn connection_strings(values: &Values) -> Result<Values, ArmError> {
    let mut strings = Values::new();
    for (name, value) in values {
        let invalid = |why: &str| {
            let message = format!("The connection string '{name}' is not valid: {why}.");
            ArmError::bad_request("BadRequest", message)
        };
        if name.trim().is_empty() {
            return Err(invalid("it has no name"));
        }
        let object = value
            .as_object()
            .ok_or_else(|| invalid("it must have a value and a type"))?;
        let text = object.get("value").and_then(Value::as_str);
        let text = text.ok_or_else(|| invalid("its value must be a string"))?;
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut kinds = CONNECTION_STRING_TYPES.iter();
        let kind = kinds
            .find(|known| known.eq_ignore_ascii_case(kind))
            .ok_or_else(|| invalid(&format!("its type is one of {}", CONNECTION_STRING_TYPES.join(", "))))?;
        strings.insert(name.clone(), json!({"value": text, "type": kind}));
    }
    Ok(strings)
}

/// Reads the list `[{"name": …, …}]` of that name. Null is the empty list.
///
/// # Errors
///
/// It is not a list of objects with names.
pub fn by_name(list: &Value, what: &str, value: impl Fn(&Values) -> Value) -> Result<Values, ArmError> {
    let invalid = || {
        ArmError::invalid_content(format!(
            "The request content was invalid: '{what}' must be a list of objects with names."
        ))
    };
    let list = match list {
        Value::Null => &[][..],
        other => other.as_array().ok_or_else(invalid)?,
    };
    let mut values = Values::new();
    for one in list {
        let one = one.as_object().ok_or_else(invalid)?;
        values.insert(call::required(one, "name")?.to_owned(), value(one));
    }
    Ok(values)
}
