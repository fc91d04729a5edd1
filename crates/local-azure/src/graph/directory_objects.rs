//! Objects of every kind by their object ids, and how they are related.
//! <https://learn.microsoft.com/graph/api/resources/directoryobject>

use std::collections::HashSet;

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::app_roles::{self, End};
use super::call::Call;
use super::error::GraphError;
use super::objects::{Objects, exists};
use super::{permission_grants, query, shown};

/// The largest number of ids that one request may name.
const IDS_LIMIT: usize = 1000;

/// `/directoryObjects` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::POST, ["getbyids"]) => {
            let body = call.object()?;
            let mut ids = ids(&body, "ids")?;
            let mut seen = HashSet::new();
            ids.retain(|id| seen.insert(*id));
            let types = types(&body)?;
            let is_wanted = |value: &Value| {
                let kind = value["@odata.type"].as_str().unwrap_or_default();
                types
                    .as_ref()
                    .is_none_or(|types| types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind)))
            };
            let mut found = Objects::of(&state).show_all(&ids);
            found.retain(is_wanted);
            let context = format!("{}/$metadata#directoryObjects", call.base);
            Ok(Answer::ok(json!({"@odata.context": context, "value": found})))
        }
        (&Method::GET, [id]) => {
            let found = Uuid::try_parse(id).ok().and_then(|id| Objects::of(&state).show(id));
            let found = found.ok_or_else(|| GraphError::not_found(id))?;
            Ok(Answer::ok(query::one(call, "directoryObjects", found)?))
        }
        (_, [id, rest @ ..]) => {
            let guid = Uuid::try_parse(id).map_err(|_| GraphError::not_found(id))?;
            if !exists(&state, guid) {
                return Err(GraphError::not_found(id));
            }
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
            let wanted = ids(&call.object()?, "groupIds")?;
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
        (_, ["approleassignments", rest @ ..]) => app_roles::handle(call, id, rest, End::Principal),
        (&Method::GET, ["oauth2permissiongrants"]) => {
            permission_grants::list(call, |grant| grant.principal_id == Some(id))
        }
        _ => Err(call.unsupported()),
    }
}

/// The groups, applications and service principals that an object owns.
pub fn owned_by(call: &Call, id: Uuid) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    let directory = &state.directory;
    let owned = [
        directory
            .groups
            .iter()
            .map(|one| (one.id, &one.owners))
            .collect::<Vec<_>>(),
        directory.applications.iter().map(|one| (one.id, &one.owners)).collect(),
        directory
            .service_principals
            .iter()
            .map(|one| (one.id, &one.owners))
            .collect(),
    ];
    let owned = owned.into_iter().flatten();
    let ids: Vec<_> = owned
        .filter(|(_, owners)| owners.contains(&id))
        .map(|(id, _)| id)
        .collect();
    let values = Objects::of(&state).show_all(&ids);
    Ok(Answer::ok(query::list(call, "directoryObjects", values)?))
}

/// The ids in a property of the body.
fn ids(body: &Map<String, Value>, name: &str) -> Result<Vec<Uuid>, GraphError> {
    let invalid = || GraphError::bad_request(format!("The {name} must be a list of at most 1000 object ids."));
    let list = body
        .get(name)
        .and_then(Value::as_array)
        .filter(|list| list.len() <= IDS_LIMIT)
        .ok_or_else(invalid)?;
    let parsed = list
        .iter()
        .map(|id| id.as_str().and_then(|id| Uuid::try_parse(id).ok()));
    parsed
        .collect::<Option<_>>()
        .ok_or_else(|| GraphError::bad_request(format!("Invalid GUID in {name}.")))
}

/// The types that the body asks for, as `@odata.type` names them. `None` means all.
fn types(body: &Map<String, Value>) -> Result<Option<Vec<String>>, GraphError> {
    const KNOWN: [&str; 15] = [
        "administrativeUnit",
        "appRoleAssignment",
        "application",
        "contract",
        "device",
        "directoryObject",
        "directoryRole",
        "extensionProperty",
        "group",
        "groupSetting",
        "oAuth2PermissionGrant",
        "orgContact",
        "organization",
        "servicePrincipal",
        "user",
    ];
    let Some(value) = body.get("types").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let invalid = || GraphError::bad_request("Invalid value specified for the types of objects.");
    let list = value.as_array().ok_or_else(invalid)?;
    let mut types = Vec::new();
    for kind in list {
        let kind = kind.as_str().unwrap_or_default();
        let kind = kind.rsplit('.').next().unwrap_or_default();
        if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            return Err(invalid());
        }
        types.push(format!("#microsoft.graph.{kind}"));
    }
    let is_all = types.is_empty()
        || types
            .iter()
            .any(|kind| kind.eq_ignore_ascii_case("#microsoft.graph.directoryObject"));
    Ok((!is_all).then_some(types))
}
