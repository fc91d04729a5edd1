//! `local-azure role`: role assignments for those who do not use the Azure CLI.

use std::fmt::Write as _;

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::control_plane::ControlPlane;
use crate::azure::Azure;
use crate::command::{RoleArguments, RoleCommand};
use crate::error::{Error, Result};
use crate::state::{ResourceId, RoleDefinition, State};
use crate::tutorial;

/// The version of the API.
const VERSION: &str = "2022-04-01";

/// Carries out a command. Returns a message for the terminal.
pub async fn handle(azure: &Azure, control_plane: &ControlPlane, command: &RoleCommand) -> Result<String> {
    let state = azure.state();
    match command {
        RoleCommand::List => list(&state, control_plane).await,
        RoleCommand::Create(arguments) => {
            let (scope, role, principal) = resolve(&state, arguments)?;
            if find(&state, &scope, role, principal).is_some() {
                return Ok("The role assignment already exists.".to_owned());
            }
            let definition = ResourceId::subscription(state.subscription)
                .resource("Microsoft.Authorization/roleDefinitions", &role.to_string());
            let body = json!({"properties": {"roleDefinitionId": definition, "principalId": principal}});
            let path = path(&scope, Uuid::new_v4());
            control_plane.send(Method::PUT, &path, VERSION, Some(&body)).await?;
            Ok("Created the role assignment.".to_owned())
        }
        RoleCommand::Delete(arguments) => {
            let (scope, role, principal) = resolve(&state, arguments)?;
            let name = find(&state, &scope, role, principal).ok_or_else(|| {
                let text = "there is no such role assignment: `local-azure role list` lists all of them";
                Error::Refused(text.to_owned())
            })?;
            control_plane
                .send(Method::DELETE, &path(&scope, name), VERSION, None::<&Value>)
                .await?;
            Ok("Deleted the role assignment.".to_owned())
        }
    }
}

fn path(scope: &ResourceId, name: Uuid) -> String {
    let id = scope.resource("Microsoft.Authorization/roleAssignments", &name.to_string());
    id.to_string().replace(' ', "%20")
}

async fn list(state: &State, control_plane: &ControlPlane) -> Result<String> {
    let scope = ResourceId::subscription(state.subscription);
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
    let answer = control_plane.send(Method::GET, &path, VERSION, None::<&Value>).await?;
    let mut text = String::from("principal, role, scope");
    for assignment in answer["value"].as_array().into_iter().flatten() {
        let property = |name: &str| assignment["properties"][name].as_str().unwrap_or_default();
        let id = property("principalId");
        let principal = state.find_principal(id);
        let principal = principal.map_or_else(|| id.to_owned(), |principal| principal.display_name);
        let role = property("roleDefinitionId").rsplit('/').next().unwrap_or_default();
        let role = Uuid::try_parse(role).ok().and_then(|id| state.role(id));
        let role = role.map_or("unknown", |role| role.name.as_str());
        let _ = write!(text, "\n{principal}, {role}, {}", property("scope"));
    }
    Ok(text)
}

/// The name of the assignment.
fn find(state: &State, scope: &ResourceId, role: Uuid, principal: Uuid) -> Option<Uuid> {
    let mut all = state.role_assignments.iter();
    let found = all.find(|one| (&one.scope, one.role, one.principal_id) == (scope, role, principal))?;
    Some(found.name)
}

/// The scope, the role and the principal that the arguments name.
fn resolve(state: &State, arguments: &RoleArguments) -> Result<(ResourceId, Uuid, Uuid)> {
    let assignee = arguments.assignee.as_deref().unwrap_or(tutorial::IDENTITY);
    let principal = state.find_principal(assignee).ok_or_else(|| {
        let text = format!("there is no user, group, application or managed identity {assignee:?}");
        Error::Refused(text)
    })?;
    let by_name = || {
        state
            .roles()
            .find(|role| role.name.eq_ignore_ascii_case(&arguments.role))
    };
    let role = RoleDefinition::find(&arguments.role).or_else(by_name);
    let role = role.ok_or_else(|| Error::Refused(format!("there is no role {:?}", arguments.role)))?;
    let scope = match &arguments.scope {
        None => tutorial::account_id(state),
        Some(scope) => scope.parse().map_err(|error| {
            let subscription = state.subscription;
            Error::Refused(format!(
                "{error}: use an id that starts with /subscriptions/{subscription}"
            ))
        })?,
    };
    Ok((scope, role.id, principal.id))
}
