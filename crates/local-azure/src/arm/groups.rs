//! Resource groups.
//! <https://learn.microsoft.com/rest/api/resources/resource-groups>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::call::{self, Call};
use super::error::ArmError;
use super::locations::region;
use super::locks::{self, Change};
use super::service::Arm;
use super::tags;
use crate::state::{RESOURCE_GROUPS, Resource, ResourceId, State};

const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
const DELETE: &str = "Microsoft.Resources/subscriptions/resourceGroups/delete";

/// `GET /subscriptions/{id}/resourcegroups`: the groups that the caller may read.
pub fn list(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let groups = state.resources().filter(|resource| resource.id.is(RESOURCE_GROUPS));
    let visible = groups.filter(|group| call.may(&state, READ, &group.id));
    let values = visible.map(|group| answer::show(&state, group)).collect();
    Answer::list(call, by_tag(call, values)?)
}

/// Filters by `tagName eq 'x' and tagValue eq 'y'`, which may both stand alone.
pub fn by_tag(call: &Call, values: Vec<Value>) -> Result<Vec<Value>, ArmError> {
    let Some(filter) = answer::parse_filter(call, &answer::OF_RESOURCES)? else {
        return Ok(values);
    };
    let matches = |value: &Value| filter.matches(value, &|_, _| false);
    let holds = |value: &Value| {
        // A filter by tags holds if it does for one of them.
        let mut with_tag = value.clone();
        let mut tags = value["tags"].as_object().into_iter().flatten();
        matches(value)
            || tags.any(|(name, text)| {
                with_tag["tagName"] = name.as_str().into();
                with_tag["tagValue"] = text.clone();
                matches(&with_tag)
            })
    };
    Ok(values.into_iter().filter(holds).collect())
}

/// `/subscriptions/{id}/resourcegroups/{name}`
pub fn handle(arm: &Arm, call: &Call, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let id = call::id(&[
        "subscriptions".to_owned(),
        call.path[1].clone(),
        "resourceGroups".to_owned(),
        name.to_owned(),
    ])?;
    match call.method {
        Method::HEAD => {
            call.check(&state, READ, &id)?;
            let status = if state.get(&id).is_some() {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::NOT_FOUND
            };
            Ok(Answer::empty(status))
        }
        Method::GET => {
            call.check(&state, READ, &id)?;
            let group = state.get(&id).ok_or_else(|| ArmError::no_such_group(name))?;
            Ok(Answer::ok(answer::show(&state, group)))
        }
        Method::PUT => put(call, &id),
        Method::PATCH => patch(call, &id),
        Method::DELETE => delete(arm, call, &id),
        _ => Err(call.unsupported()),
    }
}

/// Azure's rules for the name of a group.
fn check_name(name: &str) -> Result<(), ArmError> {
    let is_permitted = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if name.chars().count() <= 90 && name.chars().all(is_permitted) && !name.ends_with('.') {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidResourceGroup",
        format!(
            "The provided resource group name '{name}' is not valid. Use at most 90 letters, digits, hyphens, underscores, \
             periods and parentheses, and no period at the end."
        ),
    ))
}

fn put(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    check_name(id.name())?;
    let body = call.object()?;
    let location = call::required(body, "location").map_err(|_| {
        ArmError::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        )
    })?;
    let location = region(location).ok_or_else(|| {
        ArmError::bad_request(
            "LocationNotAvailableForResourceGroup",
            format!("The provided location '{location}' is not available for resource group."),
        )
    })?;
    let tags = tags::read(body.get("tags"))?;
    let properties = call::optional_object(body, "properties")?.cloned();
    call::optional(body, "managedBy")?;
    let status = call.change(|state| {
        call.check(state, WRITE, id)?;
        locks::check(state, id, Change::Write)?;
        let existing = state.get(id).and_then(|group| group.location.clone());
        if let Some(existing) = &existing
            && existing != location
        {
            return Err(ArmError::conflict(
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{location}'. The Resource group already exists in location \
                     '{existing}'."
                ),
            ));
        }
        state.add_group(id.name(), location);
        state.update(id, |group| {
            group.tags = tags.unwrap_or_default();
            group.top_level.clone_from(body);
            for fixed in ["id", "name", "type", "location", "tags", "properties"] {
                group.top_level.remove(fixed);
            }
            group.properties = properties.unwrap_or_default();
            group.set("provisioningState", "Succeeded");
        });
        Ok(if existing.is_some() {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        })
    })?;
    shown(call, id, status)
}

fn patch(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let tags = tags::read(call.object()?.get("tags"))?;
    call.change(|state| {
        call.check(state, WRITE, id)?;
        locks::check(state, id, Change::Write)?;
        if state.get(id).is_none() {
            return Err(ArmError::no_such_group(id.name()));
        }
        if let Some(tags) = tags {
            state.update(id, |group| group.tags = tags);
        }
        Ok(())
    })?;
    shown(call, id, StatusCode::OK)
}

/// Deletes the group with everything in it.
fn delete(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let deleted = call.change(|state| {
        call.check(state, DELETE, id)?;
        if state.get(id).is_none() {
            return Err(ArmError::no_such_group(id.name()));
        }
        locks::check(state, id, Change::Delete)?;
        let inside = state.resources().filter(|resource| id.contains(&resource.id));
        let inside = inside.map(|resource| resource.id.clone()).collect();
        state.remove(id);
        Ok(inside)
    })?;
    Ok(arm.operations.accepted(call, deleted))
}

fn shown(call: &Call, id: &ResourceId, status: StatusCode) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let group = state.get(id).ok_or_else(|| ArmError::no_such_group(id.name()))?;
    Ok(Answer::with(status, answer::show(&state, group)))
}

/// `POST …/exportTemplate`: templates are not emulated.
pub fn export(call: &Call, id: &ResourceId) -> ArmError {
    let action = "Microsoft.Resources/subscriptions/resourceGroups/exportTemplate/action";
    if let Err(refusal) = locks::check_action(call, &call.azure.state(), action, id) {
        return refusal;
    }
    ArmError::bad_request(
        "ExportTemplateNotSupported",
        "Local Azure does not export resource groups as templates.",
    )
}

/// `GET /subscriptions/{id}/resourcegroups/{name}/resources`, and `GET /subscriptions/{id}/resources`: the resources in
/// the group or in the subscription that the caller may read, without their parts.
pub fn resources(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.Resources/subscriptions/resources/read")?;
    if scope.is(RESOURCE_GROUPS) && state.get(scope).is_none() {
        call.check(&state, READ, scope)?;
        return Err(ArmError::no_such_group(scope.name()));
    }
    let is_whole = |resource: &&Resource| resource.location.is_some() && !resource.id.is(RESOURCE_GROUPS);
    let all = state.resources().filter(is_whole);
    let visible = all.filter(|resource| {
        let action = format!("{}/read", resource.id.kind());
        scope.contains(&resource.id) && call.may(&state, &action, &resource.id)
    });
    let values = visible.map(|resource| short(&state, resource)).collect();
    let values = by_tag(call, values)?;
    // A client may filter by this name, but it is not shown.
    let without_group = |mut value: Value| {
        if let Some(object) = value.as_object_mut() {
            object.remove("resourceType");
            object.remove("resourceGroup");
        }
        value
    };
    Answer::list(call, values.into_iter().map(without_group).collect())
}

/// A resource in a list, without its properties.
fn short(state: &State, resource: &Resource) -> Value {
    let mut value = answer::show(state, resource);
    if let Some(object) = value.as_object_mut() {
        object.remove("properties");
        object.insert("resourceType".to_owned(), json!(resource.id.kind()));
        object.insert("resourceGroup".to_owned(), json!(resource.id.resource_group()));
    }
    value
}
