//! Groups, their members and their owners.
//! <https://learn.microsoft.com/graph/api/resources/group>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::call::{Call, take_text};
use super::error::GraphError;
use super::{directory_objects, query, shown};
use crate::state::{Group, State};

/// `/groups` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => {
            let groups = state.directory.groups.iter().map(shown::group).collect();
            Ok(Answer::ok(query::list(call, "groups", groups)?))
        }
        (&Method::POST, []) => create(call),
        (_, [id, rest @ ..]) => {
            let guid = Uuid::try_parse(id).ok();
            let found = state.directory.groups.iter().find(|group| Some(group.id) == guid);
            one(call, &state, found.ok_or_else(|| GraphError::not_found(id))?, rest)
        }
        _ => Err(call.unsupported()),
    }
}

fn one(call: &Call, state: &State, group: &Group, path: &[&str]) -> Result<Answer, GraphError> {
    let id = group.id;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "groups", shown::group(group)))),
        (&Method::PATCH, []) => {
            let mut body = call.object()?;
            let added = take_references(&mut body)?;
            call.change(|state| {
                let [members, owners] = existing(state, added)?;
                let group = find(state, id)?;
                directory_objects::add(&mut group.members, &members, "members")?;
                directory_objects::add(&mut group.owners, &owners, "owners")?;
                if let Some(name) = take_text(&mut body, "displayName") {
                    group.display_name = name;
                }
                group.other.extend(body);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                state.directory.groups.retain(|group| group.id != id);
                directory_objects::forget(state, id);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, [list @ ("members" | "owners")]) => {
            let ids = if *list == "members" {
                &group.members
            } else {
                &group.owners
            };
            let values = ids.iter().filter_map(|id| shown::object(state, *id)).collect();
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::GET, ["transitivemembers"]) => {
            let all = state.principals().map(|principal| principal.id);
            let members = all.filter(|member| state.groups_of(*member).contains(&id));
            let values = members.filter_map(|id| shown::object(state, id)).collect();
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::POST, [list @ ("members" | "owners"), "$ref"]) => {
            let member = directory_objects::reference(call)?;
            if shown::object(state, member).is_none() {
                return Err(GraphError::not_found(&member.to_string()));
            }
            change(call, id, |group| {
                let ids = list_of(group, list);
                directory_objects::add(ids, &[member], list)
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [list @ ("members" | "owners"), member, "$ref"]) => {
            let guid = Uuid::try_parse(member).ok();
            change(call, id, |group| {
                let ids = list_of(group, list);
                let before = ids.len();
                ids.retain(|other| Some(*other) != guid);
                if ids.len() == before {
                    return Err(GraphError::not_found(member));
                }
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (_, rest) => directory_objects::relations(call, id, rest),
    }
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    let name = take_text(&mut body, "displayName").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| GraphError::invalid_property("displayName"))?;
    if body
        .get("mailNickname")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(GraphError::invalid_property("mailNickname"));
    }
    for required in ["mailEnabled", "securityEnabled"] {
        if !body.get(required).is_some_and(Value::is_boolean) {
            return Err(GraphError::required(required));
        }
    }
    let related = take_references(&mut body)?;
    let mut group = Group::new(&name, Vec::new());
    group.other = body;
    group
        .other
        .insert("createdDateTime".to_owned(), crate::log_time::now().into());
    let shown = shown::group(&group);
    call.change(|state| {
        let [members, owners] = existing(state, related)?;
        directory_objects::add(&mut group.members, &members, "members")?;
        directory_objects::add(&mut group.owners, &owners, "owners")?;
        state.directory.groups.push(group);
        Ok(())
    })?;
    Ok(Answer::created(query::one(call, "groups", shown)))
}

/// Takes the objects out of a body that `members@odata.bind` and `owners@odata.bind` name.
fn take_references(body: &mut Map<String, Value>) -> Result<[Vec<Uuid>; 2], GraphError> {
    let mut take = |list: &str| {
        let Some(value) = body.remove(&format!("{list}@odata.bind")) else {
            return Ok(Vec::new());
        };
        let urls = value
            .as_array()
            .ok_or_else(|| GraphError::required(&format!("{list}@odata.bind")))?;
        urls.iter().map(directory_objects::id_in).collect()
    };
    Ok([take("members")?, take("owners")?])
}

/// # Errors
///
/// One of the objects does not exist.
fn existing(state: &State, ids: [Vec<Uuid>; 2]) -> Result<[Vec<Uuid>; 2], GraphError> {
    for id in ids.iter().flatten() {
        if shown::object(state, *id).is_none() {
            return Err(GraphError::not_found(&id.to_string()));
        }
    }
    Ok(ids)
}

fn change(call: &Call, id: Uuid, work: impl FnOnce(&mut Group) -> Result<(), GraphError>) -> Result<(), GraphError> {
    call.change(|state| work(find(state, id)?))
}

fn find(state: &mut State, id: Uuid) -> Result<&mut Group, GraphError> {
    let found = state.directory.groups.iter_mut().find(|group| group.id == id);
    found.ok_or_else(|| GraphError::not_found(&id.to_string()))
}

/// The members of a group, or its owners.
fn list_of<'a>(group: &'a mut Group, list: &str) -> &'a mut Vec<Uuid> {
    if list == "members" {
        &mut group.members
    } else {
        &mut group.owners
    }
}
