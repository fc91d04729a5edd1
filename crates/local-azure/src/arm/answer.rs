//! Answers of the control plane: resources, lists and pages.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::error::ArmError;
use crate::odata::{Argument, Filter};
use crate::state::{AssignedIdentities, ManagedIdentity, RESOURCE_GROUPS, Resource, State};
use crate::url_path;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// The body of an answer that is not JSON.
    pub text: Option<String>,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self::with(StatusCode::OK, body)
    }

    pub fn with(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
            text: None,
        }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
            text: None,
        }
    }

    /// A list in the order of the ids, or the page of it that the query asks for.
    ///
    /// # Errors
    ///
    /// `$top`, `$maxpagesize` or `$skipToken` is not valid.
    pub fn list(call: &Call, mut values: Vec<Value>) -> Result<Self, ArmError> {
        let has_ids = values.iter().all(|value| value["id"].is_string());
        if !has_ids {
            // Such lists are short, such as the caller's permissions.
            return Ok(Self::ok(json!({ "value": values })));
        }
        values.sort_by(|one, two| id_of(one).cmp(id_of(two)));
        let mut size = PAGE;
        for name in ["$top", "$maxpagesize"] {
            if let Some(text) = call.query(name) {
                let wanted = text.parse().ok().filter(|wanted| *wanted > 0);
                size = size.min(wanted.ok_or_else(|| invalid(name))?);
            }
        }
        let start = match call.query("$skiptoken") {
            None => 0,
            // Starting after the last id keeps pages stable when resources are deleted.
            Some(token) => {
                let last = decode(token).ok_or_else(|| invalid("$skipToken"))?;
                values.partition_point(|value| id_of(value) <= last.as_str())
            }
        };
        let is_last = values.len() <= start.saturating_add(size);
        let page: Vec<_> = values.into_iter().skip(start).take(size).collect();
        let last = page.last().map(|value| id_of(value).to_owned());
        let mut body = json!({ "value": page });
        if let Some(last) = last.filter(|_| !is_last) {
            body["nextLink"] = next_link(call, &last).into();
        }
        Ok(Self::ok(body))
    }
}

/// The largest page.
const PAGE: usize = 1000;

fn invalid(name: &str) -> ArmError {
    ArmError::bad_request("InvalidQueryParameter", format!("The value of '{name}' is not valid."))
}

/// What distinguishes a value of a list from the others.
fn id_of(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_default()
}

fn decode(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// The URL of the page that starts after the value with this id.
fn next_link(call: &Call, last: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in call.query_pairs() {
        if !name.eq_ignore_ascii_case("$skiptoken") {
            query.append_pair(name, value);
        }
    }
    query.append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(last));
    format!("{}/{}?{}", call.base, url_path::encode(&call.path), query.finish())
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match (self.body, self.text) {
            (Some(body), _) => (self.status, Json(body)).into_response(),
            (None, Some(text)) => (self.status, text).into_response(),
            (None, None) => self.status.into_response(),
        };
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// What the `$filter` of a list may name.
pub struct Filterable {
    pub properties: &'static [&'static str],
    pub functions: &'static [&'static str],
}

/// What resources can be filtered by.
pub const OF_RESOURCES: Filterable = Filterable {
    properties: &[
        "id",
        "identity",
        "kind",
        "location",
        "name",
        "plan",
        "resourceGroup",
        "resourceType",
        "tagName",
        "tagValue",
        "type",
    ],
    functions: &[],
};

/// The `$filter` of the query.
///
/// # Errors
///
/// The filter is not valid, or names something that the list cannot be filtered by.
pub fn parse_filter(call: &Call, filterable: &Filterable) -> Result<Option<Filter>, ArmError> {
    let invalid = |error: String| ArmError::bad_request("InvalidFilterInQueryString", error);
    let Some(text) = call.query("$filter").filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let filter = Filter::parse(text).map_err(invalid)?;
    check(&filter, filterable).map_err(invalid)?;
    Ok(Some(filter))
}

fn check(filter: &Filter, filterable: &Filterable) -> Result<(), String> {
    let is_in = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let property = |path: &[String]| {
        if path.first().is_some_and(|first| is_in(filterable.properties, first)) {
            return Ok(());
        }
        Err(format!("The list cannot be filtered by '{}'.", path.join("/")))
    };
    match filter {
        Filter::And(one, two) | Filter::Or(one, two) => {
            check(one, filterable)?;
            check(two, filterable)
        }
        Filter::Not(inner) => check(inner, filterable),
        Filter::Compare(path, _, _) | Filter::In(path, _) | Filter::Any(path, _, _) => property(path),
        Filter::Function(name, _) if is_in(filterable.functions, name) => Ok(()),
        Filter::Function(name, arguments) => {
            let is_common = is_in(&["contains", "endswith", "startswith", "substringof"], name);
            if !is_common || arguments.len() != 2 {
                return Err(format!("The list cannot be filtered by the function '{name}'."));
            }
            arguments.iter().try_for_each(|argument| match argument {
                Argument::Property(path) => property(path),
                Argument::Value(_) => Ok(()),
            })
        }
    }
}

/// Keeps the values for which the `$filter` of the query holds.
///
/// # Errors
///
/// Those of [`parse_filter`].
pub fn filter(
    call: &Call,
    values: Vec<Value>,
    filterable: &Filterable,
    function: impl Fn(&Value, &str, &[Argument]) -> bool,
) -> Result<Vec<Value>, ArmError> {
    let Some(filter) = parse_filter(call, filterable)? else {
        return Ok(values);
    };
    let holds = |value: &Value| filter.matches(value, &|name, arguments| function(value, name, arguments));
    Ok(values.into_iter().filter(holds).collect())
}

/// A resource as the control plane shows it.
pub fn show(state: &State, resource: &Resource) -> Value {
    let kind = if resource.id.is(RESOURCE_GROUPS) {
        RESOURCE_GROUPS
    } else {
        resource.id.kind()
    };
    let mut value: Map<_, _> = resource.other.clone();
    value.extend(resource.top_level.clone());
    value.insert("id".to_owned(), resource.id.to_string().into());
    value.insert("name".to_owned(), resource.id.name().into());
    value.insert("type".to_owned(), kind.into());
    if let Some(location) = &resource.location {
        value.insert("location".to_owned(), location.as_str().into());
        value.insert("tags".to_owned(), json!(resource.tags));
    }
    if let Some(sku) = &resource.sku {
        value.insert("sku".to_owned(), sku.clone());
    }
    if let Some(kind) = &resource.kind {
        value.insert("kind".to_owned(), kind.as_str().into());
    }
    if !resource.identity.is_empty() {
        value.insert("identity".to_owned(), identity(state, &resource.identity));
    }
    value.insert("properties".to_owned(), resource.properties.clone().into());
    value.into()
}

/// The identities of a resource.
fn identity(state: &State, assigned: &AssignedIdentities) -> Value {
    let kind = match (&assigned.system, assigned.user.is_empty()) {
        (Some(_), true) => "SystemAssigned",
        (Some(_), false) => "SystemAssigned, UserAssigned",
        (None, _) => "UserAssigned",
    };
    let mut value = json!({ "type": kind });
    if let Some(system) = assigned.system {
        value["principalId"] = system.principal_id.to_string().into();
        value["tenantId"] = state.tenant.to_string().into();
    }
    if !assigned.user.is_empty() {
        let mut user = Map::new();
        for id in &assigned.user {
            let identity: Option<ManagedIdentity> = state.at(id);
            let ids =
                identity.map(|identity| json!({"principalId": identity.principal_id, "clientId": identity.client_id}));
            user.insert(id.to_string(), ids.unwrap_or_else(|| json!({})));
        }
        value["userAssignedIdentities"] = user.into();
    }
    value
}

/// Identifies this version of a resource.
pub fn etag(resource: &Resource) -> String {
    let text = serde_json::to_vec(resource).expect("a resource is valid JSON");
    let hash = hex::encode(Sha256::digest(text));
    format!("\"{}\"", &hash[..32])
}
