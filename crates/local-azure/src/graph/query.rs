//! Lists of objects: `$filter`, `$search`, `$orderby`, `$select`, `$top`, `$count` and pages.
//! <https://learn.microsoft.com/graph/query-parameters>

use serde_json::{Value, json};

use super::call::Call;
use super::error::GraphError;
use super::shown;
use crate::odata::{Filter, get, order};

/// The size of a page, and the largest that a client can ask for. They are Graph's for directory objects.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;
/// The `@odata.type` of users.
const USER: &str = "#microsoft.graph.user";

/// The page of the list that the query asks for.
pub fn list(call: &Call, kind: &str, mut values: Vec<Value>) -> Result<Value, GraphError> {
    if let Some(cast) = call.cast() {
        values.retain(|value| value["@odata.type"].as_str() == Some(&cast));
    }
    if let Some(text) = call.query("$filter").filter(|text| !text.trim().is_empty()) {
        let filter =
            Filter::parse(text).map_err(|error| GraphError::bad_request(format!("Invalid filter clause: {error}")))?;
        values.retain(|value| filter.matches(value, &|_, _| false));
    }
    if let Some(search) = call.query("$search") {
        needs_consistency(call, "$search")?;
        let terms = search_terms(search)?;
        values.retain(|value| {
            terms.iter().all(|(property, text)| {
                let found = get(value, std::slice::from_ref(property));
                let found = found.as_str().unwrap_or_default().to_lowercase();
                found
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word.starts_with(text.as_str()))
                    || found.starts_with(text.as_str())
            })
        });
    }
    if let Some(text) = call.query("$orderby") {
        sort(&mut values, text)?;
    }
    let count = values.len();
    let number = |name: &str| {
        let value = call.query(name).map(|text| text.parse::<usize>().map_err(|_| text));
        value.transpose().map_err(|text| {
            GraphError::bad_request(format!("Invalid value '{text}' for the query parameter '{name}'."))
        })
    };
    let size = match number("$top")? {
        Some(0) => {
            return Err(GraphError::bad_request(
                "The limit of '0' for the Top query is invalid.",
            ));
        }
        Some(size) if size > LARGEST_PAGE => {
            return Err(GraphError::bad_request(format!(
                "Invalid page size specified: '{size}'. Must be between 1 and {LARGEST_PAGE} inclusive."
            )));
        }
        Some(size) => size,
        None => PAGE,
    };
    let skip = number("$skiptoken")?.unwrap_or_default();
    let page: Vec<_> = values
        .into_iter()
        .skip(skip)
        .take(size)
        .map(|value| select(call, kind, value))
        .collect();
    let mut body = json!({"@odata.context": format!("{}/$metadata#{kind}", call.base)});
    if call
        .query("$count")
        .is_some_and(|count| count.eq_ignore_ascii_case("true"))
    {
        body["@odata.count"] = count.into();
    }
    if skip.saturating_add(size) < count {
        body["@odata.nextLink"] = call.next_link(skip + size).into();
    }
    body["value"] = page.into();
    Ok(body)
}

/// One object, with its context.
pub fn one(call: &Call, kind: &str, value: Value) -> Value {
    let mut value = select(call, kind, value);
    value["@odata.context"] = format!("{}/$metadata#{kind}/$entity", call.base).into();
    value
}

/// The properties of an object that the query selects. Only a list of objects of several types says which type they have.
fn select(call: &Call, kind: &str, value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    let query = call.query("$select").filter(|names| !names.trim().is_empty());
    let names = match query {
        Some(names) => Some(names.split(',').map(str::trim).collect()),
        None if object.get("@odata.type").is_some_and(|kind| kind == USER) => Some(shown::DEFAULT_PROPERTIES.to_vec()),
        None => None,
    };
    object.retain(|name, _| match (&names, name.as_str()) {
        (_, "@odata.type") => kind == "directoryObjects",
        (Some(names), name) => names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)),
        (None, _) => true,
    });
    Value::Object(object)
}

fn sort(values: &mut [Value], text: &str) -> Result<(), GraphError> {
    let mut keys = Vec::new();
    for part in text.split(',') {
        let mut words = part.split_whitespace();
        let Some(name) = words.next() else { continue };
        let is_descending = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("asc") => false,
            Some(word) if word.eq_ignore_ascii_case("desc") => true,
            Some(word) => return Err(GraphError::bad_request(format!("Invalid orderby clause: '{word}'."))),
        };
        keys.push((name.split('/').map(str::to_owned).collect::<Vec<_>>(), is_descending));
    }
    values.sort_by(|one, two| {
        let mut orders = keys.iter().map(|(path, is_descending)| {
            let ordering = order(&get(one, path), &get(two, path)).unwrap_or(std::cmp::Ordering::Equal);
            if *is_descending { ordering.reverse() } else { ordering }
        });
        orders
            .find(|ordering| ordering.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(())
}

/// # Errors
///
/// The request has no header `ConsistencyLevel: eventual`.
pub fn needs_consistency(call: &Call, what: &str) -> Result<(), GraphError> {
    let level = call
        .headers
        .get("consistencylevel")
        .and_then(|level| level.to_str().ok());
    if level.is_some_and(|level| level.eq_ignore_ascii_case("eventual")) {
        return Ok(());
    }
    let status = axum::http::StatusCode::BAD_REQUEST;
    Err(GraphError::new(
        status,
        "Request_UnsupportedQuery",
        format!(
            "Request with {what} query parameter only works through MSGraph with a special request header: \
                 'ConsistencyLevel: eventual'."
        ),
    ))
}

/// The properties and texts of `"displayName:ada" AND "mail:x"`.
fn search_terms(text: &str) -> Result<Vec<(String, String)>, GraphError> {
    let invalid = || GraphError::bad_request("Syntax error: the search must have the form \"property:text\".");
    let quoted = text.split('"').skip(1).step_by(2);
    let terms = quoted.map(|term| {
        term.split_once(':')
            .map(|(name, text)| (name.to_owned(), text.to_lowercase()))
    });
    let terms = terms.collect::<Option<Vec<_>>>().ok_or_else(invalid)?;
    if terms.is_empty() { Err(invalid()) } else { Ok(terms) }
}
