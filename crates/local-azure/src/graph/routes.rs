//! Which handler answers a request.

use axum::http::{Method, StatusCode};
use uuid::Uuid;

use super::answer::{Answer, Ids};
use super::built_in::APIS;
use super::call::Call;
use super::error::GraphError;
use super::{
    applications, batch, conditions, directory_objects, groups, permission_grants, service_principals, tenant, users,
};

/// The answer to a request.
pub fn answer(call: Call, ids: &Ids) -> Result<Answer, GraphError> {
    if call.method == Method::POST && call.path == ["$batch"] {
        call.needs_reader(&call.azure.state())?;
        return batch::handle(&call, ids, single);
    }
    single(call)
}

/// The answer to a request that is not a batch.
fn single(call: Call) -> Result<Answer, GraphError> {
    if call.method == Method::GET && call.path.last().is_some_and(|part| part == "$count") {
        return count(call);
    }
    route(&call)
}

/// `GET …/$count`: the number of objects in a list, as text.
fn count(mut call: Call) -> Result<Answer, GraphError> {
    conditions::needs_consistency(&call, "$count")?;
    call.ask_for_count();
    let answer = route(&call)?;
    let count = answer.body.as_ref().and_then(|body| body.get("@odata.count"));
    let count = count.ok_or_else(|| call.unsupported())?.to_string();
    Ok(Answer {
        text: Some(count),
        ..Answer::empty(StatusCode::OK)
    })
}

/// Chooses the handler by the path.
fn route(call: &Call) -> Result<Answer, GraphError> {
    call.needs_reader(&call.azure.state())?;
    let path = keys_as_parts(call)?;
    let mut parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if call.cast().is_some() {
        parts.pop();
    }
    if parts.is_empty() {
        return Err(call.unsupported());
    }
    let first = parts.remove(0);
    match first {
        "me" => users::me(call, &parts),
        "users" => users::handle(call, &parts),
        "groups" => groups::handle(call, &parts),
        "applications" => applications::handle(call, &parts),
        "serviceprincipals" => service_principals::handle(call, &parts),
        "directoryobjects" => directory_objects::handle(call, &parts),
        "oauth2permissiongrants" => permission_grants::handle(call, &parts),
        "organization" | "domains" | "directory" if call.method == Method::GET => tenant::handle(call, first, &parts),
        _ => Err(call.unsupported()),
    }
}

/// The path in lower case, with `users('x')` and `applications(appId='x')` as two parts. What names an object keeps its
/// case.
fn keys_as_parts(call: &Call) -> Result<Vec<String>, GraphError> {
    let mut parts = Vec::new();
    for part in &call.path {
        let Some((name, key)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) else {
            parts.push(part.to_lowercase());
            continue;
        };
        let (property, value) = key.split_once('=').unwrap_or(("", key));
        let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        // A quote in a text is written twice.
        let value = quoted.map_or_else(|| value.to_owned(), |text| text.replace("''", "'"));
        parts.push(name.to_lowercase());
        if !property.eq_ignore_ascii_case("appId") {
            parts.push(value.to_lowercase());
            continue;
        }
        let state = call.azure.state();
        let client_id = Uuid::try_parse(&value).ok();
        let id = if name.eq_ignore_ascii_case("applications") {
            let mut all = state.directory.applications.iter();
            all.find(|one| Some(one.client_id) == client_id).map(|one| one.id)
        } else {
            let principal = state
                .principals()
                .find(|one| one.client_id.is_some() && one.client_id == client_id);
            let api = || APIS.iter().find(|api| Some(api.client_id) == client_id);
            principal
                .map(|principal| principal.id)
                .or_else(|| api().map(|api| api.id(&state)))
        };
        let id = id.ok_or_else(|| GraphError::not_found(&value))?;
        parts.push(id.to_string());
    }
    Ok(parts)
}
