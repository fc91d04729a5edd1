//! Service principals: those of applications, and those of managed identities.
//! <https://learn.microsoft.com/graph/api/resources/serviceprincipal>

use axum::http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::{credentials, directory_objects, query, shown};
use crate::state::{ClientSecret, ServicePrincipal, State};

/// `/servicePrincipals` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::list(
            call,
            "servicePrincipals",
            shown::service_principals(&state),
        )?)),
        (&Method::POST, []) => create(call),
        (_, [id, rest @ ..]) => {
            let found = shown::service_principals(&state)
                .into_iter()
                .find(|value| value["id"].as_str() == Some(id));
            one(call, &state, found.ok_or_else(|| GraphError::not_found(id))?, id, rest)
        }
        _ => Err(call.unsupported()),
    }
}

fn one(call: &Call, state: &State, found: Value, id: &str, path: &[&str]) -> Result<Answer, GraphError> {
    let guid = Uuid::try_parse(id).map_err(|_| GraphError::not_found(id))?;
    let is_identity = found["servicePrincipalType"] == "ManagedIdentity";
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "servicePrincipals", found))),
        (&Method::PATCH | &Method::DELETE, []) if is_identity => Err(GraphError::bad_request(
            "The service principal of a managed identity cannot be changed: change or delete the identity.",
        )),
        (&Method::PATCH, []) => {
            let mut body = call.object()?;
            call.change(|state| {
                let one = find(state, guid)?;
                if let Some(keys) = body.remove("keyCredentials") {
                    one.certificates = credentials::certificates(&one.certificates, &keys)?;
                }
                for fixed in ["id", "appId", "passwordCredentials"] {
                    body.remove(fixed);
                }
                one.other.extend(body);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                state.directory.service_principals.retain(|one| one.id != guid);
                directory_objects::forget(state, guid);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["addpassword"]) => credentials::add_password(call, guid, secrets),
        (&Method::POST, ["removepassword"]) => credentials::remove_password(call, guid, secrets),
        (_, ["owners", rest @ ..]) => {
            let mut all = state.directory.service_principals.iter();
            let own = all.find(|one| one.id == guid);
            let list = own.map_or(&[][..], |one| &one.owners);
            directory_objects::owners(call, guid, list, rest, owners)
        }
        (&Method::GET, ["approleassignments" | "approleassignedto" | "oauth2permissiongrants"]) => {
            Ok(Answer::ok(query::list(call, "directoryObjects", Vec::new())?))
        }
        (_, rest) => directory_objects::relations(call, guid, rest),
    }
}

fn find(state: &mut State, id: Uuid) -> Result<&mut ServicePrincipal, GraphError> {
    let found = state.directory.service_principals.iter_mut().find(|one| one.id == id);
    found.ok_or_else(|| GraphError::not_found(&id.to_string()))
}

fn secrets(state: &mut State, id: Uuid) -> Result<&mut Vec<ClientSecret>, GraphError> {
    Ok(&mut find(state, id)?.secrets)
}

fn owners(state: &mut State, id: Uuid) -> Result<&mut Vec<Uuid>, GraphError> {
    Ok(&mut find(state, id)?.owners)
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    let text = body
        .remove("appId")
        .and_then(|id| id.as_str().map(str::to_owned))
        .unwrap_or_default();
    let client_id = Uuid::try_parse(&text).map_err(|_| GraphError::invalid_property("appId"))?;
    let mut principal = ServicePrincipal::new(client_id);
    principal.other = body;
    let id = principal.id;
    let shown = call.change(|state| {
        if !state
            .directory
            .applications
            .iter()
            .any(|one| one.client_id == client_id)
        {
            return Err(GraphError::bad_request(format!(
                "The appId '{client_id}' of the service principal does not reference a valid application object."
            )));
        }
        if state
            .directory
            .service_principals
            .iter()
            .any(|one| one.client_id == client_id)
        {
            return Err(GraphError::new(
                StatusCode::CONFLICT,
                "Request_MultipleObjectsWithSameKeyValue",
                format!(
                    "The service principal cannot be created, updated, or restored because the service principal name \
                     {client_id} is already in use."
                ),
            ));
        }
        state.directory.service_principals.push(principal);
        shown::object(state, id).ok_or_else(|| GraphError::not_found(&id.to_string()))
    })?;
    Ok(Answer::created(query::one(call, "servicePrincipals", shown)))
}
