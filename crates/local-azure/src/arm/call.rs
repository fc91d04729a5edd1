//! A request to the control plane.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value};
use url::form_urlencoded;
use uuid::Uuid;

use super::error::ArmError;
use crate::azure::Azure;
use crate::body;
use crate::state::{InvalidResourceId, Principal, ResourceId, State};
use crate::url_path;

/// A request of a caller who is known, but whose permissions have not been checked.
pub struct Call {
    pub azure: Azure,
    pub caller: Principal,
    pub method: Method,
    pub headers: HeaderMap,
    /// The parts of the path, without percent-encoding.
    pub path: Vec<String>,
    query: Vec<(String, String)>,
    /// The error is kept, so that an operation that is not emulated is reported as such even if its body is invalid.
    body: Result<Value, ArmError>,
    /// The address of the control plane for this client.
    pub base: String,
}

impl Call {
    /// Reads the query and the body. `scheme` is that of the client's connection.
    pub fn read(azure: &Azure, caller: Principal, parts: Parts, bytes: &Bytes, scheme: &str) -> Result<Self, ArmError> {
        let path = parts.uri.path();
        let path = url_path::parts(path).ok_or_else(|| {
            ArmError::bad_request(
                "InvalidRequestUri",
                format!("The request URI path '{path}' is not valid."),
            )
        })?;
        let query = parts.uri.query().unwrap_or_default();
        let parsed = if bytes.is_empty() {
            Ok(Value::Null)
        } else {
            body::parse(bytes).map_err(|error| {
                ArmError::invalid_content(format!(
                    "The request content was invalid and could not be deserialized: '{error}'."
                ))
            })
        };
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
        Ok(Self {
            azure: azure.clone(),
            caller,
            method: parts.method,
            base: format!("{scheme}://{}", host.unwrap_or("management.azure.com")),
            headers: parts.headers,
            path,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: parsed,
        })
    }

    /// The value of a parameter of the query. The case of its name is ignored.
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// All parameters of the query.
    pub fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The parts of the path in lower case.
    pub fn lower_path(&self) -> Vec<String> {
        self.path.iter().map(|part| part.to_ascii_lowercase()).collect()
    }

    /// The body, which must be an object.
    pub fn object(&self) -> Result<&Map<String, Value>, ArmError> {
        let body = self.body.as_ref().map_err(ArmError::clone)?;
        body.as_object()
            .ok_or_else(|| ArmError::invalid_content("The request content was invalid: it must be a JSON object."))
    }

    /// The body, if there is one, which must be an object.
    pub fn optional_object(&self) -> Result<Option<&Map<String, Value>>, ArmError> {
        match &self.body {
            Ok(Value::Null) => Ok(None),
            _ => self.object().map(Some),
        }
    }

    /// The properties in the body.
    pub fn properties(&self) -> Result<&Map<String, Value>, ArmError> {
        let properties = self.object()?.get("properties").and_then(Value::as_object);
        properties.ok_or_else(|| ArmError::invalid_content("The request content was invalid: 'properties' is missing."))
    }

    /// Changes the state. Nothing changes if `work` fails.
    pub fn change<T>(&self, work: impl FnOnce(&mut State) -> Result<T, ArmError>) -> Result<T, ArmError> {
        self.azure.try_change(work)
    }

    /// # Errors
    ///
    /// The request has another method.
    pub fn needs(&self, method: &Method) -> Result<(), ArmError> {
        if self.method == *method {
            return Ok(());
        }
        Err(ArmError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The requested resource does not support http method '{}'.", self.method),
        ))
    }

    /// The error for an operation that is not emulated.
    pub fn unsupported(&self) -> ArmError {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            format!("Local Azure does not have {} /{}.", self.method, self.path.join("/")),
        )
    }

    /// Whether `subscription` is the subscription.
    pub fn check_subscription(&self, subscription: &str) -> Result<(), ArmError> {
        let own = self.azure.state().subscription;
        match Uuid::try_parse(subscription) {
            Ok(id) if id == own && subscription.len() == 36 => Ok(()),
            Ok(_) => Err(ArmError::not_found(
                "SubscriptionNotFound",
                format!("The subscription '{subscription}' could not be found."),
            )),
            Err(_) => Err(ArmError::bad_request(
                "InvalidSubscriptionId",
                format!("The provided subscription identifier '{subscription}' is malformed or invalid."),
            )),
        }
    }
}

/// The id that these parts of a path form.
pub fn id(parts: &[String]) -> Result<ResourceId, ArmError> {
    format!("/{}", parts.join("/")).parse().map_err(invalid_id)
}

/// A property that is a text.
pub fn required<'a>(properties: &'a Map<String, Value>, name: &str) -> Result<&'a str, ArmError> {
    let found = properties
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    found.ok_or_else(|| {
        ArmError::invalid_content(format!(
            "The request content was invalid: the property '{name}' is required and must be a string."
        ))
    })
}

/// A property that is a text, if it is there.
pub fn optional<'a>(properties: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ArmError> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ArmError::invalid_content(format!(
            "The request content was invalid: the property '{name}' must be a string."
        ))),
    }
}

/// A property that is an object, if it is there.
pub fn optional_object<'a>(
    properties: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, ArmError> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(ArmError::invalid_content(format!(
            "The request content was invalid: '{name}' must be an object."
        ))),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
pub fn invalid_id(error: InvalidResourceId) -> ArmError {
    ArmError::bad_request("InvalidResourceId", format!("{error}."))
}
