//! Objects of every kind by their object ids, and how they are related.
//! <https://learn.microsoft.com/graph/api/resources/directoryobject>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{query, shown};
use crate::state::State;

/// The largest number of ids that one request may name.
const IDS_LIMIT: usize = 1000;

/// `/directoryObjects` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::POST, ["getbyids"]) => {
            let body = call.object()?;
            let ids = ids(&body["ids"])?;
            let types = body.get("types").and_then(Value::as_array);
            let is_wanted = |value: &Value| {
                let kind = value["@odata.type"]
                    .as_str()
                    .unwrap_or_default()
                    .rsplit('.')
                    .next()
                    .unwrap_or_default();
                types.is_none_or(|types| {
                    let mut types = types.iter().filter_map(Value::as_str);
                    types.any(|wanted| {
                        wanted.eq_ignore_ascii_case(kind) || wanted.eq_ignore_ascii_case("directoryObject")
                    })
                })
            };
            let found = ids
                .into_iter()
                .filter_map(|id| shown::object(&state, id))
                .filter(is_wanted)
                .collect::<Vec<_>>();
            let context = format!("{}/$metadata#directoryObjects", call.base);
            Ok(Answer::ok(json!({"@odata.context": context, "value": found})))
        }
        (&Method::GET, [id]) => {
            let found = Uuid::try_parse(id).ok().and_then(|id| shown::object(&state, id));
            Ok(Answer::ok(query::one(
                call,
                "directoryObjects",
                found.ok_or_else(|| GraphError::not_found(id))?,
            )))
        }
        (_, [id, rest @ ..]) => {
            let guid = Uuid::try_parse(id).map_err(|_| GraphError::not_found(id))?;
            relations(call, guid, rest)
        }
        _ => Err(call.unsupported()),
    }
}

/// The groups of an object.
pub fn relations(call: &Call, id: Uuid, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    let groups = state.groups_of(id);
    let context = format!("{}/$metadata#Collection(Edm.String)", call.base);
    match (&call.method, path) {
        (&Method::POST, ["getmembergroups" | "getmemberobjects"]) => {
            Ok(Answer::ok(json!({"@odata.context": context, "value": groups})))
        }
        (&Method::POST, ["checkmembergroups"]) => {
            let wanted = ids(&call.object()?["groupIds"])?;
            let found: Vec<_> = wanted.into_iter().filter(|group| groups.contains(group)).collect();
            Ok(Answer::ok(json!({"@odata.context": context, "value": found})))
        }
        (&Method::GET, ["memberof" | "transitivememberof"]) => {
            let is_direct = path == ["memberof"];
            let directory = state.directory.groups.iter();
            let found = directory.filter(|group| {
                if is_direct {
                    group.members.contains(&id)
                } else {
                    groups.contains(&group.id)
                }
            });
            let values = found.map(shown::group).collect();
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::GET, ["ownedobjects"]) => owned_by(call, id),
        _ => Err(call.unsupported()),
    }
}

/// The groups and applications that an object owns.
pub fn owned_by(call: &Call, id: Uuid) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    let groups = state.directory.groups.iter().filter(|group| group.owners.contains(&id));
    let mut applications = state
        .directory
        .applications
        .iter()
        .filter(|one| one.owners.contains(&id));
    let mut values: Vec<_> = groups.map(shown::group).collect();
    values.extend(applications.by_ref().map(shown::application));
    Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
}

/// Finds the owners of the object with that id.
pub type FindOwners = fn(&mut State, Uuid) -> Result<&mut Vec<Uuid>, GraphError>;

/// `…/owners` of an application or a service principal that has these owners.
pub fn owners(call: &Call, id: Uuid, owners: &[Uuid], path: &[&str], find: FindOwners) -> Result<Answer, GraphError> {
    match (&call.method, path) {
        (&Method::GET, []) => {
            let state = call.azure.state();
            let values = owners.iter().filter_map(|owner| shown::object(&state, *owner));
            Ok(Answer::ok(query::list(call, "directoryObjects", values.collect())?))
        }
        (&Method::POST, ["$ref"]) => {
            let owner = reference(call)?;
            call.change(|state| {
                if shown::object(state, owner).is_none() {
                    return Err(GraphError::not_found(&owner.to_string()));
                }
                add(find(state, id)?, &[owner], "owners")
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [owner, "$ref"]) => {
            let guid = Uuid::try_parse(owner).ok();
            call.change(|state| {
                let owners = find(state, id)?;
                let before = owners.len();
                owners.retain(|other| Some(*other) != guid);
                if owners.len() == before {
                    return Err(GraphError::not_found(owner));
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

/// Removes an object that was deleted from groups and from owners. Its role assignments stay.
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
}

/// The object id at the end of the body's `@odata.id`.
pub fn reference(call: &Call) -> Result<Uuid, GraphError> {
    id_in(&call.body["@odata.id"])
}

/// The object id at the end of a URL.
pub fn id_in(url: &Value) -> Result<Uuid, GraphError> {
    let url = url.as_str().unwrap_or_default();
    let id = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Uuid::try_parse(id).map_err(|_| GraphError::bad_request("Invalid URL format specified in @odata.id."))
}

fn ids(value: &Value) -> Result<Vec<Uuid>, GraphError> {
    let invalid = || GraphError::bad_request("The ids must be a list of at most 1000 object ids.");
    let list = value
        .as_array()
        .filter(|list| list.len() <= IDS_LIMIT)
        .ok_or_else(invalid)?;
    let parsed = list
        .iter()
        .map(|id| id.as_str().and_then(|id| Uuid::try_parse(id).ok()));
    parsed
        .collect::<Option<_>>()
        .ok_or_else(|| GraphError::bad_request("Invalid GUID in the list of ids."))
}
