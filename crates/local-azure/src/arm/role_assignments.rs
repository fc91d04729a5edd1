//! Microsoft.Authorization: role assignments.
//! <https://learn.microsoft.com/rest/api/authorization/role-assignments>

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{self, Answer, Filterable};
use super::call::{self, Call};
use super::error::ArmError;
use super::locks::{self, Change};
use super::scopes;
use crate::odata::Argument;
use crate::state::{PrincipalKind, ResourceId, RoleAssignment, State};

const ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const FILTERABLE: Filterable = Filterable {
    properties: &["principalId", "principalType", "roleDefinitionId", "scope"],
    functions: &["assignedTo", "atScope"],
};

/// `GET {scope}/providers/Microsoft.Authorization/roleAssignments`: those at the scope, above it and below it.
pub fn list(call: &Call, scope: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Authorization/roleAssignments/read", scope)?;
    let is_near = |assignment: &&RoleAssignment| assignment.scope.contains(scope) || scope.contains(&assignment.scope);
    let found = state.role_assignments.iter().filter(is_near);
    let kinds = kinds(&state);
    let values = found.map(|assignment| show(&state, &kinds, assignment)).collect();
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
    let values = answer::filter(call, values, &FILTERABLE, function)?;
    Answer::list(
        call,
        values.into_iter().map(|mut value| value["whole"].take()).collect(),
    )
}

/// A role assignment by its scope and name.
pub fn one(call: &Call, scope: &ResourceId, name: &str) -> Result<Answer, ArmError> {
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
            Ok(Answer::ok(show(&state, &kinds(&state), found)))
        }
        Method::PUT => create(call, scope, id),
        Method::DELETE => {
            let deleted = call.change(|state| {
                call.check(state, "Microsoft.Authorization/roleAssignments/delete", scope)?;
                let Some(found) = state.role_assignments.iter().find(is_this).cloned() else {
                    return Ok(None);
                };
                let had_administrator = state.has_administrator();
                // What is below the scope is not deleted.
                locks::check_above(state, scope, Change::Delete)?;
                state
                    .role_assignments
                    .retain(|other| other.name != found.name || other.scope != found.scope);
                if had_administrator && !state.has_administrator() {
                    return Err(ArmError::bad_request(
                        "CannotDeleteLastRbacAdminAssignment",
                        "Cannot delete the last RBAC admin assignment: no principal could assign roles in the subscription \
                         any more.",
                    ));
                }
                Ok(Some(show(state, &kinds(state), &found)))
            })?;
            Ok(deleted.map_or_else(|| Answer::empty(StatusCode::NO_CONTENT), Answer::ok))
        }
        _ => Err(call.unsupported()),
    }
}

fn create(call: &Call, scope: &ResourceId, name: Uuid) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    let role = role_id(call, call::required(properties, "roleDefinitionId")?)?;
    let text = call::required(properties, "principalId")?;
    let principal_id = Uuid::try_parse(text).map_err(|_| {
        let message = format!("The principal ID '{text}' is not valid. Principal ID must be a GUID.");
        ArmError::bad_request("InvalidPrincipalId", message)
    })?;
    let kind = call::optional(properties, "principalType")?;
    let (condition, version) = condition(properties)?;
    let description = call::optional(properties, "description")?;
    let (created, is_new) = call.change(|state| {
        call.check(state, "Microsoft.Authorization/roleAssignments/write", scope)?;
        scopes::check_exists(state, scope)?;
        locks::check(state, scope, Change::Write)?;
        let role = check_role(state, role, scope)?;
        check_principal(state, principal_id, kind)?;
        let new = RoleAssignment {
            name,
            description: description.map(str::to_owned),
            condition: condition.map(str::to_owned),
            condition_version: version.map(str::to_owned),
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
            return Ok((existing.clone(), false));
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
        Ok((new, true))
    })?;
    if created.condition.is_some() {
        tracing::warn!("the role assignment {name} has a condition, which is not evaluated: it permits nothing");
    }
    let state = call.azure.state();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Answer::with(status, show(&state, &kinds(&state), &created)))
}

/// The condition in a body, and the version of its language.
fn condition(properties: &Map<String, Value>) -> Result<(Option<&str>, Option<&str>), ArmError> {
    let condition = call::optional(properties, "condition")?;
    let version = call::optional(properties, "conditionVersion")?;
    if condition.is_some() && version.is_none_or(|version| !["1.0", "2.0"].contains(&version)) {
        return Err(ArmError::bad_request(
            "InvalidConditionVersion",
            "A role assignment with a condition needs the conditionVersion 1.0 or 2.0.",
        ));
    }
    Ok((condition, version))
}

/// The GUID at the end of the id of a role definition of this subscription. `None` means that there is no such role.
fn role_id(call: &Call, text: &str) -> Result<Option<Uuid>, ArmError> {
    let invalid = || {
        let message = format!("The role definition ID '{text}' is not valid.");
        ArmError::bad_request("InvalidRoleDefinitionId", message)
    };
    if let Ok(name) = Uuid::try_parse(text) {
        return Ok(Some(name));
    }
    let lower = text.to_ascii_lowercase();
    let (scope, name) = lower
        .split_once("/providers/microsoft.authorization/roledefinitions/")
        .ok_or_else(invalid)?;
    let name = Uuid::try_parse(name).map_err(|_| invalid())?;
    let scope = if scope.is_empty() { "/" } else { scope };
    let scope: ResourceId = scope.parse().map_err(|_| invalid())?;
    let subscription = ResourceId::subscription(call.azure.state().subscription);
    let is_here = scope.is_root() || subscription.contains(&scope);
    Ok(is_here.then_some(name))
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
        (None, Some(kind)) if !["User", "Group", "ServicePrincipal"].contains(&kind) => Err(ArmError::bad_request(
            "InvalidPrincipalType",
            format!("The principal type '{kind}' is not valid. Use User, Group or ServicePrincipal."),
        )),
        (Some(principal), Some(kind)) if !principal.kind.name().eq_ignore_ascii_case(kind) => {
            Err(ArmError::bad_request(
                "UnmatchedPrincipalType",
                format!(
                    "The PrincipalId '{}' has type '{}', which is different from specified PrincipalType '{kind}'.",
                    id.simple(),
                    principal.kind.name()
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The kinds of all principals.
fn kinds(state: &State) -> HashMap<Uuid, PrincipalKind> {
    let principals = state.principals();
    principals.map(|principal| (principal.id, principal.kind)).collect()
}

fn show(state: &State, kinds: &HashMap<Uuid, PrincipalKind>, assignment: &RoleAssignment) -> Value {
    let kind = kinds.get(&assignment.principal_id);
    let kind = kind.map_or("Unknown", |kind| kind.name());
    let subscription = state.subscription;
    json!({
        "id": assignment.scope.resource(ASSIGNMENTS, &assignment.name.to_string()),
        "name": assignment.name,
        "type": ASSIGNMENTS,
        "properties": {
            "roleDefinitionId": format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", assignment.role),
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
