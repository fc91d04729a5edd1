//! References from one object to others: owners and members.

use axum::http::{Method, StatusCode};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::objects::{Objects, exists};
use super::query;
use crate::state::State;

/// Finds the references of the object with that id.
pub type Find = fn(&mut State, Uuid) -> Result<&mut Vec<Uuid>, GraphError>;

/// `…/owners` or `…/members` of the object with that id, which has these.
pub fn handle(call: &Call, id: Uuid, existing: &[Uuid], path: &[&str], find: Find) -> Result<Answer, GraphError> {
    match (&call.method, path) {
        (&Method::GET, [_]) => {
            let state = call.azure.state();
            let values = Objects::of(&state).show_all(existing);
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::POST, [name, "$ref"]) => {
            let url = call.body.get("@odata.id").unwrap_or(&Value::Null);
            let new = id_in(call, url)?;
            call.change(|state| {
                if !exists(state, new) {
                    return Err(GraphError::not_found(&new.to_string()));
                }
                add(find(state, id)?, &[new], name)
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [_, old, "$ref"]) => {
            let guid = Uuid::try_parse(old).ok();
            call.change(|state| {
                let list = find(state, id)?;
                let before = list.len();
                list.retain(|other| Some(*other) != guid);
                if list.len() == before {
                    return Err(GraphError::not_found(old));
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.unsupported()),
    }
}

/// Adds objects to the list of references that has this name.
pub fn add(list: &mut Vec<Uuid>, ids: &[Uuid], name: &str) -> Result<(), GraphError> {
    for id in ids {
        if list.contains(id) {
            return Err(GraphError::bad_request(format!(
                "One or more added object references already exist for the following modified properties: '{name}'."
            )));
        }
        list.push(*id);
    }
    Ok(())
}

/// Removes a deleted object from groups, lists of owners, consents and the roles of applications. Its role assignments in
/// the subscription stay.
pub fn forget(state: &mut State, id: Uuid) {
    for group in &mut state.directory.groups {
        group.members.retain(|member| *member != id);
        group.owners.retain(|owner| *owner != id);
    }
    for application in &mut state.directory.applications {
        application.owners.retain(|owner| *owner != id);
    }
    for principal in &mut state.directory.service_principals {
        principal.owners.retain(|owner| *owner != id);
    }
    let assignments = &mut state.directory.app_role_assignments;
    assignments.retain(|one| one.principal_id != id && one.resource_id != id);
    let grants = &mut state.directory.permission_grants;
    grants.retain(|grant| grant.client_id != id && grant.resource_id != id && grant.principal_id != Some(id));
}

/// The object id at the end of a URL of Graph, such as `https://graph.microsoft.com/v1.0/directoryObjects/{id}`.
pub fn id_in(call: &Call, url: &Value) -> Result<Uuid, GraphError> {
    let invalid = || GraphError::bad_request("Invalid URL format specified in @odata.id.");
    let url = url.as_str().and_then(|url| Url::parse(url).ok()).ok_or_else(invalid)?;
    let own = Url::parse(&call.base).ok();
    let is_own = own.is_some_and(|own| own.host_str() == url.host_str() && own.port() == url.port());
    let is_graph = url.host_str() == Some("graph.microsoft.com") && url.port().is_none();
    if url.scheme() != "https" || !is_own && !is_graph {
        return Err(invalid());
    }
    let mut parts = url.path_segments().ok_or_else(invalid)?;
    let id = parts.rfind(|part| !part.is_empty());
    id.and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(invalid)
}
