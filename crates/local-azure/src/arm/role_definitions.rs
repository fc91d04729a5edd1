//! Microsoft.Authorization: role definitions, and the caller's permissions.
//! <https://learn.microsoft.com/rest/api/authorization/role-definitions>

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{self, Answer, Filterable};
use super::call::{self, Call, invalid_id};
use super::error::ArmError;
use super::locks::{self, Change};
use super::scopes;
use crate::odata::Argument;
use crate::state::{Permission, ResourceId, RoleDefinition, State};

const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";
const FILTERABLE: Filterable = Filterable {
    properties: &["roleName", "type"],
    functions: &["atScopeAndBelow"],
};

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`
pub fn list(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Authorization/roleDefinitions/read", scope)?;
    let is_usable = |role: &&RoleDefinition| {
        let mut scopes = role.assignable_scopes.iter();
        !role.is_custom || scopes.any(|assignable| assignable.contains(scope) || scope.contains(assignable))
    };
    let found = state.roles().filter(is_usable);
    let flat = |role: &RoleDefinition| {
        let whole = show(&state, role);
        json!({"roleName": role.name, "type": whole["properties"]["type"], "whole": whole})
    };
    let function = |_: &Value, name: &str, _: &[Argument]| name.eq_ignore_ascii_case("atScopeAndBelow");
    let values = answer::filter(call, found.map(flat).collect(), &FILTERABLE, function)?;
    Answer::list(
        call,
        values.into_iter().map(|mut value| value["whole"].take()).collect(),
    )
}

/// A role definition by its scope and name.
pub fn one(call: &Call, scope: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let id = Uuid::try_parse(name).map_err(|_| {
        let message = format!("The role definition ID '{name}' is not valid. It must be a GUID.");
        ArmError::bad_request("InvalidRoleDefinitionId", message)
    })?;
    match call.method {
        Method::GET => {
            call.check(&state, "Microsoft.Authorization/roleDefinitions/read", scope)?;
            let role = state.role(id).ok_or_else(|| {
                let message = format!(
                    "The specified role definition with ID '{}' does not exist.",
                    id.simple()
                );
                ArmError::not_found("RoleDefinitionDoesNotExist", message)
            })?;
            Ok(Answer::ok(show(&state, role)))
        }
        Method::PUT => put(call, scope, id),
        Method::DELETE => {
            let deleted = call.change(|state| {
                call.check(state, "Microsoft.Authorization/roleDefinitions/delete", scope)?;
                let Some(role) = state.role(id).cloned() else {
                    return Ok(None);
                };
                if !role.is_custom {
                    return Err(built_in());
                }
                check_all(call, state, "delete", &role.assignable_scopes)?;
                locks::check_above(state, scope, Change::Delete)?;
                if state.role_assignments.iter().any(|assignment| assignment.role == id) {
                    return Err(ArmError::bad_request(
                        "RoleDefinitionHasAssignments",
                        "There are existing role assignments referencing role definition. Please delete them first.",
                    ));
                }
                state.role_definitions.retain(|other| other.id != id);
                Ok(Some(show(state, &role)))
            })?;
            Ok(deleted.map_or_else(|| Answer::empty(StatusCode::NO_CONTENT), Answer::ok))
        }
        _ => Err(call.unsupported()),
    }
}

fn built_in() -> ArmError {
    ArmError::forbidden(
        "RoleDefinitionUpdateNotPermitted",
        "Built-in roles cannot be changed or deleted.",
    )
}

fn put(call: &Call, scope: &ResourceId, id: Uuid) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    let mut role = read(properties, id)?;
    let shown = call.change(|state| {
        call.check(state, "Microsoft.Authorization/roleDefinitions/write", scope)?;
        locks::check(state, scope, Change::Write)?;
        check_all(call, state, "write", &role.assignable_scopes)?;
        for scope in &role.assignable_scopes {
            scopes::check_exists(state, scope)?;
        }
        if RoleDefinition::built_in().iter().any(|other| other.id == id) {
            return Err(built_in());
        }
        if state
            .roles()
            .any(|other| other.id != id && other.name.eq_ignore_ascii_case(&role.name))
        {
            return Err(ArmError::conflict(
                "RoleDefinitionWithSameNameExists",
                format!(
                    "A custom role with the same name already exists in this directory. Use a different name. Name: '{}'.",
                    role.name
                ),
            ));
        }
        role.created_by = Some(call.caller.id);
        let existing = state.role_definitions.iter().find(|other| other.id == id);
        if let Some(existing) = existing {
            // Whoever changes a role changes what it permits everywhere.
            check_all(call, state, "write", &existing.assignable_scopes)?;
            role.created_on.clone_from(&existing.created_on);
            role.created_by = existing.created_by;
        }
        state.role_definitions.retain(|other| other.id != id);
        let shown = show(state, &role);
        state.role_definitions.push(role);
        Ok(shown)
    })?;
    // Azure's clients accept no other status, whether the role is new or not.
    Ok(Answer::with(StatusCode::CREATED, shown))
}

/// # Errors
///
/// The caller may not do this with role definitions at one of the scopes.
fn check_all(call: &Call, state: &State, verb: &str, scopes: &[ResourceId]) -> Result<(), ArmError> {
    let action = format!("{DEFINITIONS}/{verb}");
    scopes.iter().try_for_each(|scope| call.check(state, &action, scope))
}

/// The role in a body.
fn read(properties: &Map<String, Value>, id: Uuid) -> Result<RoleDefinition, ArmError> {
    let invalid = |message: String| ArmError::bad_request("InvalidRoleDefinition", message);
    let name = call::required(properties, "roleName")?;
    if name.chars().count() > 512 {
        return Err(invalid("The name of a role has at most 512 characters.".to_owned()));
    }
    let permissions = properties.get("permissions").cloned().unwrap_or_default();
    let permissions: Vec<Permission> = serde_json::from_value(permissions)
        .map_err(|error| invalid(format!("The permissions of the role are not valid: {error}.")))?;
    if permissions.is_empty() {
        return Err(invalid("The role needs permissions.".to_owned()));
    }
    let mut patterns = permissions.iter().flat_map(Permission::patterns);
    if let Some(unknown) = patterns.find(|pattern| !is_known(pattern)) {
        return Err(ArmError::bad_request(
            "InvalidActionOrNotAction",
            format!("'{unknown}' does not match any of the actions supported by the providers."),
        ));
    }
    drop(patterns);
    let scopes = properties.get("assignableScopes").and_then(Value::as_array);
    let scopes = scopes.into_iter().flatten();
    let scopes: Vec<ResourceId> = scopes
        .map(|scope| scope.as_str().unwrap_or_default().parse())
        .collect::<Result<_, _>>()
        .map_err(invalid_id)?;
    if scopes.is_empty() {
        return Err(invalid("The role needs at least one assignable scope.".to_owned()));
    }
    Ok(RoleDefinition {
        id,
        name: name.to_owned(),
        description: call::optional(properties, "description")?
            .unwrap_or_default()
            .to_owned(),
        permissions,
        assignable_scopes: scopes,
        is_custom: true,
        created_on: crate::log_time::now(),
        updated_on: crate::log_time::now(),
        created_by: None,
    })
}

/// The namespaces of providers that occur in the built-in roles.
static NAMESPACES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let roles = RoleDefinition::built_in().iter();
    let patterns = roles.flat_map(|role| role.permissions.iter().flat_map(Permission::patterns));
    let namespaces = patterns.filter_map(|pattern| pattern.split_once('/'));
    namespaces
        .map(|(namespace, _)| namespace.to_ascii_lowercase())
        .collect()
});

/// Whether the pattern may match an operation. An operation is `Provider/type/verb`, and `*` stands for any text.
fn is_known(pattern: &str) -> bool {
    match pattern.split_once('/') {
        None => pattern == "*",
        Some((namespace, _)) if namespace.contains('*') => true,
        Some((namespace, _)) => NAMESPACES.contains(&namespace.to_ascii_lowercase()),
    }
}

fn show(state: &State, role: &RoleDefinition) -> Value {
    let scopes: Vec<_> = role.assignable_scopes.iter().map(ToString::to_string).collect();
    let (kind, scopes) = if role.is_custom {
        ("CustomRole", scopes)
    } else {
        ("BuiltInRole", vec!["/".to_owned()])
    };
    json!({
        "id": format!("/subscriptions/{}/providers/{DEFINITIONS}/{}", state.subscription, role.id),
        "name": role.id,
        "type": DEFINITIONS,
        "properties": {
            "roleName": role.name,
            "type": kind,
            "description": role.description,
            "assignableScopes": scopes,
            "permissions": role.permissions,
            "createdOn": role.created_on,
            "updatedOn": role.updated_on,
            "createdBy": role.created_by,
            "updatedBy": role.created_by,
        },
    })
}

/// `GET {scope}/providers/Microsoft.Authorization/permissions`: what the caller may do at the scope.
pub fn permissions(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    scopes::check_exists(&state, scope)?;
    let permissions = state.permissions(call.caller.id, scope);
    Answer::list(call, permissions.map(|permission| json!(permission)).collect())
}
