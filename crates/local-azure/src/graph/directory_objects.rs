//! Objects of every kind by their object ids, and how they are related.
//! <https://learn.microsoft.com/graph/api/resources/directoryobject>

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::Call;
use super::error::GraphError;
use super::{Answer, applications, groups, query, service_principals, users};
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
                .filter_map(|id| show(&state, id))
                .filter(is_wanted)
                .collect::<Vec<_>>();
            let context = format!("{}/$metadata#directoryObjects", call.base);
            Ok(Answer::ok(json!({"@odata.context": context, "value": found})))
        }
        (&Method::GET, [id]) => {
            let found = Uuid::try_parse(id).ok().and_then(|id| show(&state, id));
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
        _ => Err(super::unsupported(call)),
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
            let values = found.map(groups::show).collect();
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::GET, ["ownedobjects"]) => owned_by(call, id),
        _ => Err(super::unsupported(call)),
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
    let mut values: Vec<_> = groups.map(groups::show).collect();
    values.extend(applications.by_ref().map(applications::show));
    Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
}

/// The object with that id, with the type that it has.
pub fn show(state: &State, id: Uuid) -> Option<Value> {
    let directory = &state.directory;
    let user = directory.users.iter().find(|user| user.id == id).map(users::show);
    let group = || directory.groups.iter().find(|group| group.id == id).map(groups::show);
    let application = || {
        directory
            .applications
            .iter()
            .find(|one| one.id == id)
            .map(applications::show)
    };
    let principal = || {
        service_principals::all(state)
            .into_iter()
            .find(|value| value["id"] == id.to_string())
    };
    user.or_else(group).or_else(application).or_else(principal)
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
