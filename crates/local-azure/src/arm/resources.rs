//! Resources of every type: get, put, patch, list and delete. What differs from type to type is in the [`Type`]s.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::answer::{self, Answer};
use super::call::{self, Call};
use super::error::ArmError;
use super::locations::location;
use super::locks::{self, Change};
use super::running::{Running, wait};
use super::scopes;
use super::service::Arm;
use super::types::Type;
use super::{assigned, identity, parts, postgres, providers, storage, tags, web};
use crate::state::{ManagedIdentity, Resource, ResourceId, State, StorageAccount, VIRTUAL_MACHINES, View as _, WebApp};

const TYPES: &[Type] = &[
    Type {
        kind: ManagedIdentity::KIND,
        put: identity::put,
        show: identity::show,
        created: StatusCode::CREATED,
    },
    Type {
        kind: identity::CREDENTIALS,
        put: identity::put_credential,
        show: identity::show,
        created: StatusCode::CREATED,
    },
    postgres::SERVERS,
    postgres::DATABASES,
    postgres::ADMINISTRATORS,
    postgres::FIREWALL_RULES,
    storage::ACCOUNTS,
    web::PLANS,
    web::SITES,
    Type {
        kind: VIRTUAL_MACHINES,
        put: |_, _| Ok(()),
        show: |_, _| {},
        created: StatusCode::CREATED,
    },
];

fn type_of(id: &ResourceId) -> Option<&'static Type> {
    TYPES.iter().find(|one| id.is(one.kind))
}

/// A resource as the control plane shows it.
pub fn show(state: &State, resource: &Resource) -> Value {
    let mut value = answer::show(state, resource);
    parts::show(state, &resource.id, &mut value);
    if let Some(found) = type_of(&resource.id) {
        (found.show)(state, &mut value);
    }
    value
}

/// A resource by its id.
pub fn handle(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    match call.method {
        Method::GET | Method::HEAD => {
            call.check(&state, &format!("{}/read", id.kind()), id)?;
            let resource = state.get(id).ok_or_else(|| missing(&state, id))?;
            if call.method == Method::HEAD {
                return Ok(Answer::empty(StatusCode::NO_CONTENT));
            }
            let mut answer = Answer::ok(show(&state, resource));
            answer.headers.push(("etag", answer::etag(resource)));
            Ok(answer)
        }
        Method::PUT => put(arm, call, id),
        Method::PATCH => patch(arm, call, id),
        Method::DELETE => delete(arm, call, id),
        _ => Err(call.unsupported()),
    }
}

/// The resources of that type in the scope that the caller may read.
pub fn list(call: &Call, scope: &ResourceId, kind: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    if let Some(group) = scope.group()
        && state.get(&group).is_none()
    {
        call.check(&state, &format!("{kind}/read"), scope)?;
        return Err(ArmError::no_such_group(group.name()));
    }
    let action = format!("{kind}/read");
    let found = state.resources().filter(|resource| {
        let is_listed = resource.id.is(kind) && scope.contains(&resource.id);
        is_listed && call.may(&state, &action, &resource.id)
    });
    let values: Vec<_> = found.map(|resource| show(&state, resource)).collect();
    if values.is_empty() {
        // Nothing is visible: either there is nothing, or the caller has no permission.
        call.check(&state, &action, scope)?;
    }
    Answer::list(
        call,
        answer::filter(call, values, &answer::OF_RESOURCES, |_, _, _| false)?,
    )
}

/// The error for a resource that does not exist, which names the missing group first.
fn missing(state: &State, id: &ResourceId) -> ArmError {
    match id.group() {
        Some(group) if state.get(&group).is_none() => ArmError::no_such_group(group.name()),
        _ => ArmError::no_such_resource(id),
    }
}

fn put(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let body = call.object()?;
    let found = type_of(id);
    if found.is_none() && !arm.stored.contains(super::types::namespace(id)) {
        return Err(ArmError::bad_request(
            "OperationNotSupported",
            format!("Local Azure does not create resources of the type {} yet.", id.kind()),
        ));
    }
    check_name(id)?;
    let is_new = call.change(|state| {
        call.check(state, &format!("{}/write", id.kind()), id)?;
        locks::check(state, id, Change::Write)?;
        providers::check_registered(state, super::types::namespace(id))?;
        let parent = scopes::parent(id);
        scopes::check_exists(state, &parent)?;
        check_conditions(call, state.get(id))?;
        let existing = state.get(id).cloned();
        let is_new = existing.is_none();
        let mut resource = existing.unwrap_or_else(|| Resource::new(id.clone()));
        apply(call, state, &mut resource, body, found.is_some())?;
        if let Some(found) = found {
            (found.put)(state, &mut resource)?;
        }
        resource.set("provisioningState", "Succeeded");
        remove_secrets(&mut resource.properties);
        parts::save(state, resource);
        Ok(is_new)
    })?;
    let status = match found {
        _ if !is_new => StatusCode::OK,
        Some(found) => found.created,
        // Some clients do not accept any other status.
        None => StatusCode::OK,
    };
    if found.is_none() && is_new {
        tracing::warn!("{id} is only stored: Local Azure does not emulate its provider");
    }
    if is_long(id) {
        return Ok(arm.operations.accepted(call, vec![id.clone()]));
    }
    shown(call, id, status)
}

/// Whether creating resources of that type is a long-running operation.
fn is_long(id: &ResourceId) -> bool {
    type_of(id).is_some_and(|found| found.created == StatusCode::ACCEPTED)
}

/// Whether changing and deleting resources of that type are long-running operations too. Azure's clients do not wait for
/// those of storage accounts.
fn is_changed_long(id: &ResourceId) -> bool {
    is_long(id) && !id.is(StorageAccount::KIND)
}

/// Waits until the service of a resource whose changes are not long-running operations has followed.
fn settle(arm: &Arm, id: &ResourceId) -> Result<(), ArmError> {
    match &arm.running {
        Running { blobs: Some(blobs), .. } if id.is(StorageAccount::KIND) => wait(blobs.reconcile()),
        Running { apps: Some(apps), .. } if id.is(WebApp::KIND) => wait(apps.delete_app(id.name())),
        _ => Ok(()),
    }
}

/// Changes the parts of a resource that the body names.
fn patch(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let body = call.object()?;
    call.change(|state| {
        call.check(state, &format!("{}/write", id.kind()), id)?;
        locks::check(state, id, Change::Write)?;
        let mut resource = state.get(id).cloned().ok_or_else(|| missing(state, id))?;
        check_conditions(call, Some(&resource))?;
        let tags = resource.tags.clone();
        apply(call, state, &mut resource, body, true)?;
        if !body.contains_key("tags") {
            resource.tags = tags;
        }
        if let Some(found) = type_of(id) {
            (found.put)(state, &mut resource)?;
        }
        remove_secrets(&mut resource.properties);
        parts::save(state, resource);
        Ok(())
    })?;
    settle(arm, id)?;
    if is_changed_long(id) {
        return Ok(arm.operations.accepted(call, vec![id.clone()]));
    }
    shown(call, id, StatusCode::OK)
}

/// Writes what the body contains into a resource. Properties are merged if `merges`, or else replaced.
fn apply(
    call: &Call,
    state: &State,
    resource: &mut Resource,
    body: &Map<String, Value>,
    merges: bool,
) -> Result<(), ArmError> {
    if !merges {
        resource.properties.clear();
        resource.top_level.clear();
        (resource.sku, resource.kind) = (None, None);
    }
    for (name, value) in body {
        match name.as_str() {
            // These follow from the address, and tags are read below.
            "id" | "name" | "type" | "etag" | "systemData" | "tags" => {}
            "location" => set_location(resource, call::optional(body, name)?.unwrap_or_default())?,
            "sku" => resource.sku = call::optional_object(body, name)?.map(|sku| sku.clone().into()),
            "kind" => resource.kind = call::optional(body, name)?.map(str::to_owned),
            "identity" => {
                let identity = call::optional_object(body, name)?;
                resource.identity = assigned::read(call, state, resource, identity)?;
            }
            "properties" => {
                if let Some(properties) = call::optional_object(body, name)? {
                    merge(&mut resource.properties, properties);
                }
            }
            _ if value.is_null() => drop(resource.top_level.remove(name)),
            _ => drop(resource.top_level.insert(name.clone(), value.clone())),
        }
    }
    resource.tags = tags::read(body.get("tags"))?.unwrap_or_default();
    let is_whole = scopes::parent(&resource.id).is(crate::state::RESOURCE_GROUPS);
    if is_whole && resource.location.is_none() {
        return Err(ArmError::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    }
    Ok(())
}

/// Writes values into an object, and into the objects in it: an update keeps what it does not name.
/// <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#json-merge-patch>
fn merge(into: &mut Map<String, Value>, values: &Map<String, Value>) {
    for (name, value) in values {
        match (into.get_mut(name), value) {
            (Some(Value::Object(into)), Value::Object(values)) => merge(into, values),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

/// Properties that Azure takes, but never shows.
const SECRETS: [&str; 6] = [
    "adminPassword",
    "administratorLoginPassword",
    "administratorPassword",
    "customData",
    "protectedSettings",
    "userData",
];

/// Removes what must neither be shown nor be in the state.
fn remove_secrets(properties: &mut Map<String, Value>) {
    properties.retain(|name, _| !SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name)));
    for value in properties.values_mut() {
        remove_secrets_in(value);
    }
}

fn remove_secrets_in(value: &mut Value) {
    match value {
        Value::Object(object) => remove_secrets(object),
        Value::Array(list) => list.iter_mut().for_each(remove_secrets_in),
        _ => {}
    }
}

fn set_location(resource: &mut Resource, text: &str) -> Result<(), ArmError> {
    let location = location(text).ok_or_else(|| {
        let message = format!("The provided location '{text}' is not available for the resource type.");
        ArmError::bad_request("LocationNotAvailableForResourceType", message)
    })?;
    let is_fixed = !resource.id.is(ManagedIdentity::KIND);
    if let Some(existing) = resource
        .location
        .as_deref()
        .filter(|existing| *existing != location && is_fixed)
    {
        return Err(ArmError::conflict(
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{existing}' in resource group '{}'. A resource with the same \
                 name cannot be created in location '{location}'. Please select a new resource name.",
                resource.id.name(),
                resource.id.resource_group().unwrap_or_default()
            ),
        ));
    }
    resource.location = Some(location.to_owned());
    Ok(())
}

/// # Errors
///
/// The request's `If-Match` or `If-None-Match` does not hold.
fn check_conditions(call: &Call, existing: Option<&Resource>) -> Result<(), ArmError> {
    let tag = existing.map(answer::etag);
    let matches = |header: &str| match &tag {
        Some(tag) => header.trim() == "*" || header.split(',').any(|one| one.trim() == tag),
        None => false,
    };
    let header = |name| {
        call.headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    let fails = header(IF_MATCH).is_some_and(|wanted| !matches(wanted)) || header(IF_NONE_MATCH).is_some_and(matches);
    if fails {
        return Err(ArmError::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            "The condition that the request's If-Match or If-None-Match states does not hold.",
        ));
    }
    Ok(())
}

fn check_name(id: &ResourceId) -> Result<(), ArmError> {
    let name = id.name();
    let is_permitted = |c: char| !c.is_control() && !"<>*%&:?+/\\".contains(c);
    if name.len() <= 260 && name.chars().all(is_permitted) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidResourceName",
        format!("The resource name '{name}' is not valid: it is too long, or contains one of <>*%&:?+/\\."),
    ))
}

fn delete(arm: &Arm, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let existed = call.change(|state| {
        call.check(state, &format!("{}/delete", id.kind()), id)?;
        if let Some(group) = id.group()
            && state.get(&group).is_none()
        {
            return Err(ArmError::no_such_group(group.name()));
        }
        if state.get(id).is_none() {
            return Ok(false);
        }
        locks::check(state, id, Change::Delete)?;
        check_conditions(call, state.get(id))?;
        web::check_unused(state, id)?;
        let plan = web::emptied_plan(call, state, id);
        state.remove(id);
        if let Some(plan) = plan {
            state.remove(&plan);
        }
        Ok(true)
    })?;
    settle(arm, id)?;
    Ok(match existed {
        true if is_changed_long(id) => arm.operations.accepted(call, vec![id.clone()]),
        true => Answer::empty(StatusCode::OK),
        false => Answer::empty(StatusCode::NO_CONTENT),
    })
}

fn shown(call: &Call, id: &ResourceId, status: StatusCode) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let resource = state.get(id).ok_or_else(|| missing(&state, id))?;
    let mut answer = Answer::with(status, show(&state, resource));
    answer.headers.push(("etag", answer::etag(resource)));
    Ok(answer)
}
