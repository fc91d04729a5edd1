//! Microsoft.Authorization: role assignments, role definitions and the caller's permissions.
//! <https://learn.microsoft.com/rest/api/authorization>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::call::{self, Call, invalid_id};
use super::error::ArmError;
use super::locks::{self, Change};
use super::scopes;
use crate::odata::Argument;
use crate::state::{Permission, PrincipalKind, ResourceId, RoleAssignment, RoleDefinition, State};

const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";

// --- Role assignments --------------------------------------------------------------------------------

/// `GET {scope}/providers/Microsoft.Authorization/roleAssignments`: those at the scope, above it and below it.
pub fn list_assignments(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Authorization/roleAssignments/read", scope)?;
    let is_near = |assignment: &&RoleAssignment| assignment.scope.contains(scope) || scope.contains(&assignment.scope);
    let found = state.role_assignments.iter().filter(is_near);
    let values = found.map(|assignment| show_assignment(&state, assignment)).collect();
    let function = |value: &Value, name: &str, arguments: &[Argument]| {
        let at: Option<ResourceId> = value["properties"]["scope"].as_str().and_then(|at| at.parse().ok());
        let principal = value["properties"]["principalId"]
            .as_str()
            .and_then(|id| Uuid::try_parse(id).ok());
        match (name.to_ascii_lowercase().as_str(), arguments) {
            ("atscope", []) => at.is_some_and(|at| at.contains(scope)),
            // The assignments of a principal and of the groups that it belongs to.
            ("assignedto", [Argument::Value(id)]) => {
                let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok());
                id.is_some_and(|id| {
                    principal == Some(id) || principal.is_some_and(|it| state.groups_of(id).contains(&it))
                })
            }
            _ => false,
        }
    };
    // The properties are filtered by their own names.
    let flat = |value: Value| {
        let mut flat = value["properties"].clone();
        flat["properties"] = value["properties"].clone();
        flat["whole"] = value;
        flat
    };
    let values = Vec::<Value>::into_iter(values).map(flat).collect();
    let values = answer::filter(call, values, function)?;
    Answer::list(
        call,
        values.into_iter().map(|mut value| value["whole"].take()).collect(),
    )
}

/// A role assignment by its scope and name.
pub fn assignment(call: &Call, scope: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let id = Uuid::try_parse(name).map_err(|_| {
        let message = format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.");
        ArmError::bad_request("InvalidRoleAssignmentId", message)
    })?;
    let is_this = |assignment: &&RoleAssignment| assignment.name == id && assignment.scope == *scope;
    let state = call.azure.state();
    match call.method {
        Method::GET => {
            call.check(&state, "Microsoft.Authorization/roleAssignments/read", scope)?;
            let found = state.role_assignments.iter().find(is_this);
            let found = found.ok_or_else(|| {
                let message = format!("The role assignment '{name}' is not found.");
                ArmError::not_found("RoleAssignmentNotFound", message)
            })?;
            Ok(Answer::ok(show_assignment(&state, found)))
        }
        Method::PUT => create_assignment(call, scope, id),
        Method::DELETE => {
            let deleted = call.change(|state| {
                call.check(state, "Microsoft.Authorization/roleAssignments/delete", scope)?;
                let Some(found) = state.role_assignments.iter().find(is_this).cloned() else {
                    return Ok(None);
                };
                locks::check(state, scope, Change::Delete)?;
                state
                    .role_assignments
                    .retain(|other| other.name != found.name || other.scope != found.scope);
                Ok(Some(show_assignment(state, &found)))
            })?;
            Ok(deleted.map_or_else(|| Answer::empty(StatusCode::NO_CONTENT), Answer::ok))
        }
        _ => Err(call.unsupported()),
    }
}

fn create_assignment(call: &Call, scope: &ResourceId, name: Uuid) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    let role = call::required(properties, "roleDefinitionId")?;
    let role = role.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
    let text = call::required(properties, "principalId")?;
    let principal_id = Uuid::try_parse(text).map_err(|_| {
        let message = format!("The principal ID '{text}' is not valid. Principal ID must be a GUID.");
        ArmError::bad_request("InvalidPrincipalId", message)
    })?;
    let kind = properties.get("principalType").and_then(Value::as_str);
    let optional = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
    let created = call.change(|state| {
        call.check(state, "Microsoft.Authorization/roleAssignments/write", scope)?;
        scopes::check_exists(state, scope)?;
        locks::check(state, scope, Change::Write)?;
        let role = check_role(state, role, scope)?;
        check_principal(state, principal_id, kind)?;
        let new = RoleAssignment {
            name,
            description: optional("description"),
            condition: optional("condition"),
            condition_version: optional("conditionVersion"),
            created_by: Some(call.caller.id),
            ..RoleAssignment::new(scope.clone(), role, principal_id)
        };
        let is_same = |other: &RoleAssignment| {
            (&other.scope, other.role, other.principal_id) == (&new.scope, new.role, new.principal_id)
        };
        let mut all = state.role_assignments.iter_mut();
        if let Some(existing) = all.find(|other| other.name == name) {
            if !is_same(existing) {
                return Err(ArmError::bad_request(
                    "RoleAssignmentUpdateNotPermitted",
                    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                ));
            }
            existing.description.clone_from(&new.description);
            existing.condition.clone_from(&new.condition);
            existing.condition_version.clone_from(&new.condition_version);
            return Ok(new);
        }
        if let Some(existing) = state.role_assignments.iter().find(|other| is_same(other)) {
            return Err(ArmError::conflict(
                "RoleAssignmentExists",
                format!(
                    "The role assignment already exists. The ID of the existing role assignment is {}.",
                    existing.name.simple()
                ),
            ));
        }
        state.role_assignments.push(new.clone());
        Ok(new)
    })?;
    if created.condition.is_some() {
        tracing::warn!("the role assignment {name} has a condition, which is not evaluated: it permits nothing");
    }
    let state = call.azure.state();
    Ok(Answer::with(StatusCode::CREATED, show_assignment(&state, &created)))
}

/// The id of a role that can be assigned at the scope.
fn check_role(state: &State, role: Option<Uuid>, scope: &ResourceId) -> Result<Uuid, ArmError> {
    let unknown = || {
        let id = role.map_or_else(String::new, |id| id.simple().to_string());
        let message = format!("The specified role definition with ID '{id}' does not exist.");
        ArmError::bad_request("RoleDefinitionDoesNotExist", message)
    };
    let role = role.and_then(|id| state.role(id)).ok_or_else(unknown)?;
    let mut scopes = role.assignable_scopes.iter();
    if role.is_custom && !scopes.any(|assignable| assignable.contains(scope)) {
        return Err(unknown());
    }
    Ok(role.id)
}

/// # Errors
///
/// The principal does not exist or is of another type. With a type, a principal that does not exist is accepted, because
/// in Azure a new one may not be known everywhere yet.
fn check_principal(state: &State, id: Uuid, kind: Option<&str>) -> Result<(), ArmError> {
    match (state.principal(id), kind) {
        (None, None) => Err(ArmError::bad_request(
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {}. Check that you have the correct principal ID. If you are \
                 creating this principal and then immediately assigning a role, this error might be related to a \
                 replication delay. In this case, set the role assignment principalType property to a value, such as \
                 ServicePrincipal, User, or Group.",
                id.simple(),
                state.tenant
            ),
        )),
        (Some(principal), Some(kind)) if !name_of(principal.kind).eq_ignore_ascii_case(kind) => {
            Err(ArmError::bad_request(
                "UnmatchedPrincipalType",
                format!(
                    "The PrincipalId '{}' has type '{}', which is different from specified PrincipalType '{kind}'.",
                    id.simple(),
                    name_of(principal.kind)
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn name_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "User",
        PrincipalKind::Group => "Group",
        PrincipalKind::ServicePrincipal => "ServicePrincipal",
    }
}

fn show_assignment(state: &State, assignment: &RoleAssignment) -> Value {
    let principal = state.principal(assignment.principal_id);
    let kind = principal.map_or("Unknown", |principal| name_of(principal.kind));
    let subscription = state.subscription;
    json!({
        "id": assignment.scope.resource(ASSIGNMENTS, &assignment.name.to_string()),
        "name": assignment.name,
        "type": ASSIGNMENTS,
        "properties": {
            "roleDefinitionId": format!("/subscriptions/{subscription}/providers/{DEFINITIONS}/{}", assignment.role),
            "principalId": assignment.principal_id,
            "principalType": kind,
            "scope": assignment.scope,
            "condition": assignment.condition,
            "conditionVersion": assignment.condition_version,
            "description": assignment.description,
            "createdOn": assignment.created_on,
            "updatedOn": assignment.created_on,
            "createdBy": assignment.created_by,
            "updatedBy": assignment.created_by,
            "delegatedManagedIdentityResourceId": null,
        },
    })
}

// --- Role definitions --------------------------------------------------------------------------------

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`
pub fn list_definitions(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Authorization/roleDefinitions/read", scope)?;
    let is_usable = |role: &&RoleDefinition| {
        let mut scopes = role.assignable_scopes.iter();
        !role.is_custom || scopes.any(|assignable| assignable.contains(scope) || scope.contains(assignable))
    };
    let found = state.roles().filter(is_usable);
    let flat = |role: &RoleDefinition| {
        let whole = show_definition(&state, role);
        json!({"roleName": role.name, "type": whole["properties"]["type"], "whole": whole})
    };
    let function = |_: &Value, name: &str, _: &[Argument]| name.eq_ignore_ascii_case("atScopeAndBelow");
    let values = answer::filter(call, found.map(flat).collect(), function)?;
    Answer::list(
        call,
        values.into_iter().map(|mut value| value["whole"].take()).collect(),
    )
}

/// A role definition by its scope and name.
pub fn definition(call: &Call, scope: &ResourceId, name: &str) -> Result<Answer, ArmError> {
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
            Ok(Answer::ok(show_definition(&state, role)))
        }
        Method::PUT => put_definition(call, scope, id),
        Method::DELETE => {
            let deleted = call.change(|state| {
                call.check(state, "Microsoft.Authorization/roleDefinitions/delete", scope)?;
                let Some(role) = state.role(id).cloned() else {
                    return Ok(None);
                };
                if !role.is_custom {
                    return Err(built_in());
                }
                if state.role_assignments.iter().any(|assignment| assignment.role == id) {
                    return Err(ArmError::bad_request(
                        "RoleDefinitionHasAssignments",
                        "There are existing role assignments referencing role definition. Please delete them first.",
                    ));
                }
                state.role_definitions.retain(|other| other.id != id);
                Ok(Some(show_definition(state, &role)))
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

fn put_definition(call: &Call, scope: &ResourceId, id: Uuid) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    let invalid = |message: String| ArmError::bad_request("InvalidRoleDefinition", message);
    let permissions = properties.get("permissions").cloned().unwrap_or_default();
    let permissions: Vec<Permission> = serde_json::from_value(permissions)
        .map_err(|error| invalid(format!("The permissions of the role are not valid: {error}.")))?;
    let mut actions = permissions.iter().flat_map(Permission::patterns);
    // An operation is `Provider/type/verb`, and `*` stands for any text.
    let is_unknown = |action: &&String| *action != "*" && !action.contains('/');
    let unknown = actions.find(is_unknown).cloned();
    drop(actions);
    if let Some(unknown) = unknown {
        return Err(ArmError::bad_request(
            "InvalidActionOrNotAction",
            format!("'{unknown}' does not match any of the actions supported by the providers."),
        ));
    }
    let scopes = properties
        .get("assignableScopes")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let scopes = scopes
        .iter()
        .map(|scope| scope.as_str().unwrap_or_default().parse::<ResourceId>());
    let role = RoleDefinition {
        id,
        name: call::required(properties, "roleName")?.to_owned(),
        description: properties
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        permissions,
        assignable_scopes: scopes.collect::<Result<_, _>>().map_err(invalid_id)?,
        is_custom: true,
    };
    if role.assignable_scopes.is_empty() {
        return Err(invalid("The role needs at least one assignable scope.".to_owned()));
    }
    call.change(|state| {
        for scope in [scope].into_iter().chain(&role.assignable_scopes) {
            call.check(state, "Microsoft.Authorization/roleDefinitions/write", scope)?;
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
        state.role_definitions.retain(|other| other.id != id);
        state.role_definitions.push(role.clone());
        Ok(())
    })?;
    Ok(Answer::with(
        StatusCode::CREATED,
        show_definition(&call.azure.state(), &role),
    ))
}

fn show_definition(state: &State, role: &RoleDefinition) -> Value {
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
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2025-01-25T00:00:00.0000000Z",
            "createdBy": null,
            "updatedBy": null,
        },
    })
}

// --- Permissions -------------------------------------------------------------------------------------

/// `GET {scope}/providers/Microsoft.Authorization/permissions`: what the caller may do at the scope.
pub fn permissions(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    scopes::check_exists(&state, scope)?;
    let permissions = state.permissions(call.caller.id, scope);
    Answer::list(call, permissions.map(|permission| json!(permission)).collect())
}
