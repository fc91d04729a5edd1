//! A request to Microsoft Graph.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::error::GraphError;
use crate::azure::Azure;
use crate::state::{Principal, State};
use crate::url_path;

/// A request of a caller who is known.
pub struct Call {
    pub azure: Azure,
    pub caller: Principal,
    pub method: Method,
    pub headers: HeaderMap,
    /// The parts of the path after the version, without percent-encoding.
    pub path: Vec<String>,
    query: Vec<(String, String)>,
    pub body: Value,
    /// The address of Graph for this client, with the version.
    pub base: String,
}

impl Call {
    /// Parses a request to `/v1.0/…`.
    pub fn parse(azure: &Azure, caller: Principal, parts: Parts, bytes: &Bytes) -> Result<Self, GraphError> {
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            let invalid = |error| GraphError::bad_request(format!("Unable to read JSON request payload: {error}."));
            crate::body::parse(bytes).map_err(invalid)?
        };
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
        let mut path = split(parts.uri.path());
        let version = if path.is_empty() { String::new() } else { path.remove(0) };
        if !["v1.0", "beta"].contains(&version.as_str()) {
            return Err(GraphError::bad_request(format!("Invalid version: {version}")));
        }
        Ok(Self {
            azure: azure.clone(),
            caller,
            method: parts.method,
            base: format!("https://{}/{version}", host.unwrap_or("graph.microsoft.com")),
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            path,
            body,
        })
    }

    /// A call of the same caller, which is part of this one. The path does not have the version.
    pub fn inner(&self, method: Method, headers: HeaderMap, path: &str, query: &str, body: Value) -> Self {
        Self {
            azure: self.azure.clone(),
            caller: self.caller.clone(),
            method,
            headers,
            path: split(path),
            query: pairs(query),
            body,
            base: self.base.clone(),
        }
    }

    /// The `@odata.type` that the end of the path asks for, such as `/members/microsoft.graph.user`. The
    /// SDKs write `graph.user`.
    pub fn cast(&self) -> Option<String> {
        const LISTS: [&str; 6] = [
            "members",
            "memberof",
            "ownedobjects",
            "owners",
            "transitivememberof",
            "transitivemembers",
        ];
        let [.., list, kind] = self.path.as_slice() else {
            return None;
        };
        let is_list = LISTS.contains(&list.to_lowercase().as_str());
        let kind = kind.strip_prefix("microsoft.").unwrap_or(kind);
        (is_list && kind.starts_with("graph.") && self.method == Method::GET).then(|| format!("#microsoft.{kind}"))
    }

    /// The value of a parameter of the query. The case of its name is ignored, and so is a missing `$`.
    pub fn query(&self, name: &str) -> Option<&str> {
        let plain = name.trim_start_matches('$');
        let found = self
            .query
            .iter()
            .find(|(key, _)| key.trim_start_matches('$').eq_ignore_ascii_case(plain))?;
        Some(&found.1)
    }

    /// The error for an operation that is not emulated.
    pub fn unsupported(&self) -> GraphError {
        GraphError::new(
            axum::http::StatusCode::BAD_REQUEST,
            "BadRequest",
            format!(
                "Local Azure does not have {} /{} of Microsoft Graph.",
                self.method,
                self.path.join("/")
            ),
        )
    }

    /// Turns a request for `…/$count` into one for the list with its count.
    pub fn ask_for_count(&mut self) {
        self.path.pop();
        self.query.push(("$count".to_owned(), "true".to_owned()));
    }

    /// The URL of the page with that token.
    pub fn next_link(&self, token: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.query {
            if !name.trim_start_matches('$').eq_ignore_ascii_case("skiptoken") {
                query.append_pair(name, value);
            }
        }
        query.append_pair("$skiptoken", token);
        format!("{}/{}?{}", self.base, url_path::encode(&self.path), query.finish())
    }

    /// The body, which must be an object, without the marks of types.
    pub fn object(&self) -> Result<Map<String, Value>, GraphError> {
        let object = self
            .body
            .as_object()
            .ok_or_else(|| GraphError::bad_request("Unable to read JSON request payload: it must be an object."))?;
        let is_property = |(name, _): &(&String, &Value)| !name.starts_with('@');
        let properties = object.iter().filter(is_property);
        Ok(properties.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Changes the state. Nothing changes if `work` fails.
    pub fn change<T>(&self, work: impl FnOnce(&mut State) -> Result<T, GraphError>) -> Result<T, GraphError> {
        self.azure.try_change(work)
    }
}

/// What is not text names nothing.
fn split(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(|part| url_path::decode(part).unwrap_or_default()).collect()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
