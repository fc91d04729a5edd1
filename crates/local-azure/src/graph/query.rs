//! Lists of objects: `$filter`, `$search`, `$orderby`, `$select`, `$expand`, `$top`, `$count` and pages.
//! <https://learn.microsoft.com/graph/query-parameters>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::error::GraphError;
use super::expand::Expand;
use super::page::Page;
use super::{conditions, order, schema, search, shown};

/// The `@odata.type` of users.
const USER: &str = "#microsoft.graph.user";

/// The page of the list that the query asks for.
pub fn list(call: &Call, kind: &str, mut values: Vec<Value>) -> Result<Value, GraphError> {
    if let Some(cast) = call.cast() {
        values.retain(|value| value["@odata.type"].as_str() == Some(&cast));
    }
    if call.query("$skip").is_some() {
        let message = "'$skip' is not supported by the service.";
        return Err(GraphError::unsupported_query(message));
    }
    let selected = selected(call, kind)?;
    let expand = Expand::of(call, kind)?;
    let order = order::keys(call, kind)?;
    let filter = conditions::filter(call, kind)?;
    if filter.is_some() && !order.is_empty() && schema::is_directory(kind) {
        conditions::needs_advanced(call, "$orderby and $filter")?;
    }
    if let Some(filter) = filter {
        values.retain(|value| filter.matches(value, &|_, _| false));
    }
    if let Some(text) = call.query("$search") {
        conditions::needs_consistency(call, "$search")?;
        let search = search::parse(text, kind)?;
        values.retain(|value| search.matches(value));
    }
    order::sort(&mut values, &order);
    let count = values.len();
    let Page { range, next } = Page::of(call, &values, !order.is_empty())?;
    let mut page: Vec<_> = values.drain(range).collect();
    expand.apply(call, kind, &mut page);
    let page: Vec<_> = page
        .into_iter()
        .map(|value| select(kind, value, selected.as_deref(), &expand))
        .collect();
    let mut body = json!({"@odata.context": format!("{}/$metadata#{kind}", call.base)});
    if conditions::wants_count(call) {
        body["@odata.count"] = count.into();
    }
    if let Some(token) = next {
        body["@odata.nextLink"] = call.next_link(&token).into();
    }
    body["value"] = page.into();
    Ok(body)
}

/// One object, with its context. `$select` and `$expand` count only when it is read.
pub fn one(call: &Call, kind: &str, value: Value) -> Result<Value, GraphError> {
    let is_read = call.method == Method::GET;
    let selected = if is_read { selected(call, kind)? } else { None };
    let expand = if is_read {
        Expand::of(call, kind)?
    } else {
        Expand::default()
    };
    let mut values = [value];
    expand.apply(call, kind, &mut values);
    let [value] = values;
    let mut value = select(kind, value, selected.as_deref(), &expand);
    value["@odata.context"] = format!("{}/$metadata#{kind}/$entity", call.base).into();
    Ok(value)
}

/// The names in `$select`.
fn selected(call: &Call, kind: &str) -> Result<Option<Vec<String>>, GraphError> {
    let Some(names) = call.query("$select").filter(|names| !names.trim().is_empty()) else {
        return Ok(None);
    };
    let names: Vec<_> = names.split(',').map(|name| name.trim().to_owned()).collect();
    let is_known =
        |name: &&String| name.starts_with(['*', '@']) || schema::has(kind, name.split('/').next().unwrap_or(name));
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => Err(GraphError::new(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            format!(
                "Parsing OData Select and Expand failed: {}",
                schema::missing(kind, unknown)
            ),
        )),
        None => Ok(Some(names)),
    }
}

/// The properties of an object that the query selects. Only a list of objects of several types says which type they have.
fn select(kind: &str, value: Value, selected: Option<&[String]>, expand: &Expand) -> Value {
    let Value::Object(mut object) = value else { return value };
    let is_user = object.get("@odata.type").is_some_and(|kind| kind == USER);
    object.retain(|name, _| match selected {
        _ if name == "@odata.type" => kind == "directoryObjects",
        _ if expand.has(name) => true,
        Some(names) => names
            .iter()
            .any(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(name)),
        None => !is_user || shown::DEFAULT_PROPERTIES.contains(&name.as_str()),
    });
    Value::Object(object)
}
