//! Microsoft.Resources/tags: the tags of a resource, a resource group or the subscription.
//! <https://learn.microsoft.com/rest/api/resources/tags>

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::ArmError;
use super::locks::{self, Change};
use super::scopes;
use crate::state::{ResourceId, State};

/// `{scope}/providers/Microsoft.Resources/tags/default`
pub fn handle(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    match call.method {
        Method::GET => {
            call.check(&state, "Microsoft.Resources/tags/read", scope)?;
            check_exists(&state, scope)?;
            Ok(Answer::ok(show(&state, scope)))
        }
        Method::PUT => {
            let new = read(call.properties()?.get("tags"))?.unwrap_or_default();
            change(call, scope, "write", |_| new)?;
            Ok(Answer::ok(show(&call.azure.state(), scope)))
        }
        Method::PATCH => {
            let new = read(call.properties()?.get("tags"))?.unwrap_or_default();
            let operation = call
                .object()?
                .get("operation")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_lowercase();
            if !["merge", "replace", "delete"].contains(&operation.as_str()) {
                let message = "The operation is not valid. Use Merge, Replace or Delete.";
                return Err(ArmError::bad_request("InvalidTagsOperation", message));
            }
            change(call, scope, "write", |mut old| match operation.as_str() {
                "merge" => {
                    old.retain(|name, _| !new.keys().any(|one| one.eq_ignore_ascii_case(name)));
                    old.extend(new);
                    old
                }
                "delete" => {
                    old.retain(|name, value| new.get(name) != Some(value));
                    old
                }
                _ => new,
            })?;
            Ok(Answer::ok(show(&call.azure.state(), scope)))
        }
        Method::DELETE => {
            change(call, scope, "delete", |_| BTreeMap::new())?;
            Ok(Answer::empty(StatusCode::OK))
        }
        _ => Err(call.unsupported()),
    }
}

/// The names and values of tags.
pub type Tags = BTreeMap<String, String>;

/// A resource has at most as many tags.
const LIMIT: usize = 50;
/// What the name of a tag cannot start with.
const RESERVED: [&str; 3] = ["azure", "microsoft", "windows"];

/// The tags in a body.
///
/// # Errors
///
/// They are not texts, or not valid.
pub fn read(value: Option<&Value>) -> Result<Option<Tags>, ArmError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let tags = value
        .as_object()
        .ok_or_else(|| invalid("The provided 'tags' must be an object."))?;
    let tags = tags.iter().map(|(name, value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Null => Ok((name.clone(), String::new())),
        _ => Err(invalid("The value of a tag must be a string.")),
    });
    let tags = tags.collect::<Result<_, _>>()?;
    check(&tags)?;
    Ok(Some(tags))
}

fn invalid(message: &str) -> ArmError {
    ArmError::bad_request("InvalidTagsProvided", message)
}

/// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>
fn check(tags: &Tags) -> Result<(), ArmError> {
    if tags.len() > LIMIT {
        return Err(invalid("The provided 'tags' are too many: a resource has at most 50."));
    }
    for (name, value) in tags {
        let lower = name.to_lowercase();
        if name.is_empty() || name.chars().count() > 512 || value.chars().count() > 256 {
            return Err(invalid(
                "A tag has a name of 1 to 512 characters and a value of at most 256.",
            ));
        }
        if name.contains(|c: char| c.is_control() || "<>%&\\?".contains(c)) {
            return Err(invalid("The name of a tag cannot contain any of <>%&\\?."));
        }
        if RESERVED.iter().any(|word| lower.starts_with(word)) {
            return Err(invalid(
                "The name of a tag cannot start with 'azure', 'microsoft' or 'windows'.",
            ));
        }
        if tags.keys().any(|other| other != name && other.to_lowercase() == lower) {
            return Err(invalid(
                "The names of two tags differ only in the case of their letters.",
            ));
        }
    }
    Ok(())
}

/// # Errors
///
/// There is no resource at the scope. Parts named `default` exist without being stored, but cannot have tags.
fn check_exists(state: &State, scope: &ResourceId) -> Result<(), ArmError> {
    scopes::check_exists(state, scope)?;
    if scope.is("Microsoft.Resources/subscriptions") || state.get(scope).is_some() {
        return Ok(());
    }
    Err(ArmError::no_such_resource(scope))
}

/// `GET /subscriptions/{id}/tagNames`: the tags of all resources.
pub fn names(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let subscription = ResourceId::subscription(state.subscription);
    call.check(&state, "Microsoft.Resources/subscriptions/tagNames/read", &subscription)?;
    let mut found: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (name, value) in state.resources().flat_map(|resource| &resource.tags) {
        *found.entry(name).or_default().entry(value).or_default() += 1;
    }
    let count = |value: usize| json!({"type": "Total", "value": value});
    let values = found.into_iter().map(|(name, values)| {
        let id = format!("{subscription}/tagNames/{name}");
        let show = |(value, uses): (&&str, &usize)| {
            json!({"id": format!("{id}/tagValues/{value}"), "tagValue": value, "count": count(*uses)})
        };
        json!({
            "id": id,
            "tagName": name,
            "count": count(values.values().sum()),
            "values": values.iter().map(show).collect::<Vec<_>>(),
        })
    });
    Answer::list(call, values.collect())
}

fn change(call: &Call, scope: &ResourceId, action: &str, work: impl FnOnce(Tags) -> Tags) -> Result<(), ArmError> {
    call.change(|state| {
        call.check(state, &format!("Microsoft.Resources/tags/{action}"), scope)?;
        check_exists(state, scope)?;
        locks::check(state, scope, Change::Write)?;
        let tags = work(
            state
                .get(scope)
                .map(|resource| resource.tags.clone())
                .unwrap_or_default(),
        );
        check(&tags)?;
        state.update(scope, |resource| resource.tags = tags);
        Ok(())
    })
}

fn show(state: &State, scope: &ResourceId) -> Value {
    let tags = state.get(scope).map(|resource| &resource.tags);
    json!({
        "id": format!("{scope}/providers/Microsoft.Resources/tags/default"),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": tags.cloned().unwrap_or_default()},
    })
}
