//! Microsoft Graph, which is `https://graph.microsoft.com` on Azure: the directory.
//!
//! In reading order: `call` and `error`, `query` (lists), and a module for each kind of object.

mod answer;
mod applications;
mod call;
mod credentials;
mod directory_objects;
mod error;
mod federated_credentials;
mod groups;
mod kinds;
mod objects;
mod properties;
mod query;
mod references;
mod rights;
mod service_principals;
mod shown;
mod users;

use axum::extract::{Request, State as Extracted};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::json;

use self::answer::Answer;
use self::call::Call;
use self::error::GraphError;
use crate::azure::Azure;
use crate::state::Principal;
use crate::tokens::GRAPH;

/// The client id of Microsoft Graph, which is also accepted as the audience of tokens.
const GRAPH_CLIENT: &str = "00000003-0000-0000-c000-000000000000";

/// The largest body.
const BODY_LIMIT: usize = 4 << 20;

/// The routes of Graph.
pub fn router(azure: &Azure) -> Router {
    Router::new().fallback(handle).with_state(azure.clone())
}

async fn handle(Extracted(azure): Extracted<Azure>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answered = answer(&azure, request).await;
    let why = answered.as_ref().err().map_or("", |error| error.code);
    let response = match answered {
        Ok(Answer {
            status,
            body: Some(body),
            ..
        }) => (status, Json(body)).into_response(),
        Ok(Answer {
            status,
            text: Some(text),
            ..
        }) => (status, text).into_response(),
        Ok(Answer { status, .. }) => status.into_response(),
        Err(error) => error.into_response(),
    };
    tracing::info!(target: "local_azure::control", "{method} {path} at Microsoft Graph: {} {why}", response.status().as_u16());
    response
}

async fn answer(azure: &Azure, request: Request) -> Result<Answer, GraphError> {
    let (parts, body) = request.into_parts();
    // The body is read first: a client gets the answer only when it has sent the body.
    let body = crate::body::read(body, BODY_LIMIT).await;
    let caller = authenticate(azure, &parts.headers)?;
    let body = body.map_err(|_| {
        let message = "The request body is too large.";
        GraphError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    })?;
    let call = Call::parse(azure, caller, parts, &body)?;
    // Changes are written to the disk.
    tokio::task::block_in_place(|| {
        if call.method == Method::GET && call.path.last().is_some_and(|part| part == "$count") {
            return count(call);
        }
        route(&call)
    })
}

/// `GET …/$count`: the number of objects in a list, as text.
fn count(mut call: Call) -> Result<Answer, GraphError> {
    query::needs_consistency(&call, "$count")?;
    call.ask_for_count();
    let answer = route(&call)?;
    let count = answer.body.as_ref().and_then(|body| body.get("@odata.count"));
    let count = count.ok_or_else(|| call.unsupported())?.to_string();
    Ok(Answer {
        text: Some(count),
        ..Answer::empty(StatusCode::OK)
    })
}

fn authenticate(azure: &Azure, headers: &HeaderMap) -> Result<Principal, GraphError> {
    let unauthorized = |message: &str| GraphError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .map(|(_, token)| token.trim());
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| unauthorized("Access token is empty."))?;
    let claims = azure.verify(token, &[GRAPH, GRAPH_CLIENT]);
    let claims = claims.map_err(|why| unauthorized(&format!("Access token validation failure: {why}.")))?;
    let caller = azure.read(|state| state.principal(claims.oid));
    caller.ok_or_else(|| unauthorized("Access token validation failure: its principal does not exist any more."))
}

/// Chooses the handler by the path.
fn route(call: &Call) -> Result<Answer, GraphError> {
    call.needs_reader(&call.azure.state())?;
    let path = keys_as_parts(call)?;
    let mut parts: Vec<&str> = path.iter().map(String::as_str).collect();
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
        "oauth2permissiongrants" if call.method == Method::GET && parts.is_empty() => {
            Ok(Answer::ok(query::list(call, "oauth2PermissionGrants", Vec::new())?))
        }
        "organization" if call.method == Method::GET => {
            let tenant = call.azure.state().tenant;
            let value = json!({"id": tenant, "displayName": "Contoso", "verifiedDomains": [
                {"name": "contoso.onmicrosoft.com", "isDefault": true, "isInitial": true, "type": "Managed"},
            ]});
            Ok(Answer::ok(query::list(call, "organization", vec![value])?))
        }
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
        let value = value.trim_matches('\'');
        parts.push(name.to_lowercase());
        if !property.eq_ignore_ascii_case("appId") {
            parts.push(value.to_lowercase());
            continue;
        }
        let state = call.azure.state();
        let client_id = uuid::Uuid::try_parse(value).ok();
        let id = if name.eq_ignore_ascii_case("applications") {
            let mut all = state.directory.applications.iter();
            all.find(|one| Some(one.client_id) == client_id).map(|one| one.id)
        } else {
            let principal = state
                .principals()
                .find(|one| one.client_id.is_some() && one.client_id == client_id);
            principal.map(|principal| principal.id)
        };
        let id = id.ok_or_else(|| GraphError::not_found(value))?;
        parts.push(id.to_string());
    }
    Ok(parts)
}
