//! Groups, their members and their owners.
//! <https://learn.microsoft.com/graph/api/resources/group>

use std::collections::{HashMap, HashSet};

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::objects::{Objects, exists};
use super::{directory_objects, kinds, properties, query, references, shown};
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
    call.needs_owner(state, path, &group.owners)?;
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "groups", shown::group(group))?)),
        (&Method::PATCH, []) => {
            let mut body = call.object()?;
            let added = take_references(call, &mut body)?;
            check(&body, &group.properties)?;
            let name = body.remove("displayName");
            call.change(|state| {
                let [members, owners] = existing(state, added)?;
                let group = find(state, id)?;
                add_members(group, &members)?;
                references::add(&mut group.owners, &owners, "owners")?;
                if let Some(name) = name {
                    group.display_name = text(&name)?;
                }
                properties::set(&mut group.properties, body);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                state.directory.groups.retain(|group| group.id != id);
                references::forget(state, id);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, ["transitivemembers"]) => {
            let values = Objects::of(state).show_all(&members_of_members(state, group));
            Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
        }
        (&Method::POST, ["members", "$ref"]) => {
            let url = call.body.get("@odata.id").unwrap_or(&Value::Null);
            let member = references::id_in(call, url)?;
            call.change(|state| {
                let [members, _] = existing(state, [vec![member], Vec::new()])?;
                add_members(find(state, id)?, &members)
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (_, ["members", ..]) => references::handle(call, id, &group.members, path, members),
        (_, ["owners", ..]) => references::handle(call, id, &group.owners, path, owners),
        (_, rest) => directory_objects::relations(call, id, rest),
    }
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    let related = take_references(call, &mut body)?;
    for required in ["displayName", "mailNickname"] {
        if !body.get(required).is_some_and(Value::is_string) {
            return Err(GraphError::text_required(required));
        }
    }
    for required in ["mailEnabled", "securityEnabled"] {
        if !body.contains_key(required) {
            return Err(GraphError::value_required(required));
        }
    }
    check(&body, &Map::new())?;
    let name = text(&body.remove("displayName").unwrap_or_default())?;
    let mut group = Group::new(&name, Vec::new());
    properties::set(&mut group.properties, body);
    group
        .properties
        .insert("createdDateTime".to_owned(), crate::log_time::now().into());
    let shown = shown::group(&group);
    call.change(|state| {
        let [members, owners] = existing(state, related)?;
        add_members(&mut group, &members)?;
        references::add(&mut group.owners, &owners, "owners")?;
        if !group.owners.contains(&call.caller.id) {
            group.owners.push(call.caller.id);
        }
        state.directory.groups.push(group);
        Ok(())
    })?;
    Ok(Answer::created(query::one(call, "groups", shown)?))
}

/// # Errors
///
/// A property cannot have its value, or the group would be one that Graph cannot create.
fn check(body: &Map<String, Value>, existing: &Map<String, Value>) -> Result<(), GraphError> {
    kinds::GROUP.check(body)?;
    let property = |name: &str| body.get(name).or_else(|| existing.get(name));
    let is_unified = property("groupTypes")
        .and_then(Value::as_array)
        .is_some_and(|types| types.iter().any(|kind| kind == "Unified"));
    let is_mail = property("mailEnabled") == Some(&true.into());
    let is_security = property("securityEnabled") != Some(&false.into());
    if is_mail || !is_security && !is_unified {
        return Err(GraphError::bad_request(
            "The service does not currently support writes of mail-enabled groups. Please ensure that the \
             mail-enablement property is unset and the security-enablement property is set.",
        ));
    }
    Ok(())
}

fn text(name: &Value) -> Result<String, GraphError> {
    let name = name.as_str().map(str::to_owned);
    name.ok_or_else(|| GraphError::text_required("displayName"))
}

/// Removes `members@odata.bind` and `owners@odata.bind` from a body, and returns the ids in them.
fn take_references(call: &Call, body: &mut Map<String, Value>) -> Result<[Vec<Uuid>; 2], GraphError> {
    let mut take = |list: &str| {
        let name = format!("{list}@odata.bind");
        let Some(value) = body.remove(&name) else {
            return Ok(Vec::new());
        };
        let urls = value.as_array().ok_or_else(|| kinds::GROUP.invalid(&name))?;
        urls.iter().map(|url| references::id_in(call, url)).collect()
    };
    Ok([take("members")?, take("owners")?])
}

/// # Errors
///
/// One of the objects does not exist.
fn existing(state: &State, ids: [Vec<Uuid>; 2]) -> Result<[Vec<Uuid>; 2], GraphError> {
    match ids.iter().flatten().find(|id| !exists(state, **id)) {
        Some(missing) => Err(GraphError::not_found(&missing.to_string())),
        None => Ok(ids),
    }
}

fn add_members(group: &mut Group, members: &[Uuid]) -> Result<(), GraphError> {
    if members.contains(&group.id) {
        return Err(GraphError::bad_request("A group cannot be a member of itself."));
    }
    references::add(&mut group.members, members, "members")
}

/// The members of a group, their members, and so on.
fn members_of_members(state: &State, group: &Group) -> HashSet<Uuid> {
    let groups: HashMap<_, _> = state.directory.groups.iter().map(|group| (group.id, group)).collect();
    let mut found = HashSet::new();
    let mut waiting = vec![group];
    while let Some(group) = waiting.pop() {
        for member in &group.members {
            if found.insert(*member) {
                waiting.extend(groups.get(member));
            }
        }
    }
    found
}

fn find(state: &mut State, id: Uuid) -> Result<&mut Group, GraphError> {
    let found = state.directory.groups.iter_mut().find(|group| group.id == id);
    found.ok_or_else(|| GraphError::not_found(&id.to_string()))
}

fn members(state: &mut State, id: Uuid) -> Result<&mut Vec<Uuid>, GraphError> {
    Ok(&mut find(state, id)?.members)
}

fn owners(state: &mut State, id: Uuid) -> Result<&mut Vec<Uuid>, GraphError> {
    Ok(&mut find(state, id)?.owners)
}
