//! Which users and groups have the roles of an application.
//! <https://learn.microsoft.com/graph/api/resources/approleassignment>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{kinds, query};
use crate::state::{AppRoleAssignment, State};

const LIST: &str = "appRoleAssignments";

/// The end of an assignment that a path names.
#[derive(Clone, Copy)]
pub enum End {
    /// The user, group or service principal: `/users/{id}/appRoleAssignments`.
    Principal,
    /// The application's service principal: `/servicePrincipals/{id}/appRoleAssignedTo`.
    Resource,
}

/// The assignments of an object, and what is below them. Only administrators may change them: others could grant
/// themselves a role.
pub fn handle(call: &Call, object: Uuid, path: &[&str], end: End) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    call.needs_administrator(&state, path)?;
    let is_own = |one: &&AppRoleAssignment| match end {
        End::Principal => one.principal_id == object,
        End::Resource => one.resource_id == object,
    };
    let mut own = state.directory.app_role_assignments.iter().filter(is_own);
    match (&call.method, path) {
        (&Method::GET, []) => {
            let values = own.map(|one| show(&state, one)).collect();
            Ok(Answer::ok(query::list(call, LIST, values)?))
        }
        (&Method::POST, []) => create(call, object, end),
        (method, [id]) => {
            let guid = Uuid::try_parse(id).ok();
            let found = own.find(|one| Some(one.id) == guid);
            let found = found.ok_or_else(|| GraphError::not_found(id))?;
            match *method {
                Method::GET => Ok(Answer::ok(query::one(call, LIST, show(&state, found))?)),
                Method::DELETE => {
                    call.change(|state| {
                        let id = found.id;
                        state.directory.app_role_assignments.retain(|one| one.id != id);
                        Ok(())
                    })?;
                    Ok(Answer::empty(StatusCode::NO_CONTENT))
                }
                _ => Err(call.unsupported()),
            }
        }
        _ => Err(call.unsupported()),
    }
}

fn show(state: &State, one: &AppRoleAssignment) -> Value {
    let name = |id: Uuid| state.principal(id).map(|principal| principal.display_name);
    let kind = state.principal(one.principal_id).map(|principal| principal.kind.name());
    json!({
        "id": one.id,
        "appRoleId": one.app_role_id,
        "principalId": one.principal_id,
        "principalDisplayName": name(one.principal_id),
        "principalType": kind,
        "resourceId": one.resource_id,
        "resourceDisplayName": name(one.resource_id),
    })
}

fn create(call: &Call, object: Uuid, end: End) -> Result<Answer, GraphError> {
    let body = call.object()?;
    kinds::APP_ROLE_ASSIGNMENT.check(&body)?;
    let id = |name: &str| {
        let id = body
            .get(name)
            .and_then(Value::as_str)
            .and_then(|id| Uuid::try_parse(id).ok());
        id.ok_or_else(|| GraphError::value_required(name))
    };
    let new = AppRoleAssignment {
        id: Uuid::new_v4(),
        principal_id: id("principalId")?,
        resource_id: id("resourceId")?,
        app_role_id: id("appRoleId")?,
        other: Map::new(),
    };
    let (named, property) = match end {
        End::Principal => (new.principal_id, "principalId"),
        End::Resource => (new.resource_id, "resourceId"),
    };
    if named != object {
        return Err(kinds::APP_ROLE_ASSIGNMENT.invalid(property));
    }
    let shown = call.change(|state| {
        check(state, &new)?;
        let shown = show(state, &new);
        state.directory.app_role_assignments.push(new);
        Ok(shown)
    })?;
    Ok(Answer::created(query::one(call, LIST, shown)?))
}

/// # Errors
///
/// The principal, the application or the role does not exist, or the assignment does.
fn check(state: &State, new: &AppRoleAssignment) -> Result<(), GraphError> {
    let missing = |id: Uuid| GraphError::not_found(&id.to_string());
    state
        .principal(new.principal_id)
        .ok_or_else(|| missing(new.principal_id))?;
    let directory = &state.directory;
    let mut principals = directory.service_principals.iter();
    let resource = principals.find(|one| one.id == new.resource_id);
    let resource = resource.ok_or_else(|| missing(new.resource_id))?;
    let mut applications = directory.applications.iter();
    let roles = applications
        .find(|one| one.client_id == resource.client_id)
        .and_then(|one| one.properties.get("appRoles")?.as_array());
    let is_wanted = |role: &Value| role["id"].as_str().and_then(|id| Uuid::try_parse(id).ok()) == Some(new.app_role_id);
    if !new.app_role_id.is_nil() && !roles.is_some_and(|roles| roles.iter().any(is_wanted)) {
        return Err(GraphError::bad_request(
            "Permission being assigned was not found on application",
        ));
    }
    let key = |one: &AppRoleAssignment| (one.principal_id, one.resource_id, one.app_role_id);
    if directory.app_role_assignments.iter().any(|one| key(one) == key(new)) {
        return Err(GraphError::bad_request(
            "Permission being assigned already exists on the object",
        ));
    }
    Ok(())
}
