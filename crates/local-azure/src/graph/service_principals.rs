//! Service principals: those of applications, of managed identities and of Microsoft's APIs.
//! <https://learn.microsoft.com/graph/api/resources/serviceprincipal>

use std::collections::HashMap;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::app_roles::{self, End};
use super::built_in::{APIS, Api};
use super::call::Call;
use super::error::GraphError;
use super::objects::Objects;
use super::{credentials, directory_objects, kinds, permission_grants, properties, query, references, shown};
use crate::state::{ClientSecret, ServicePrincipal, State};

/// `/servicePrincipals` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::list(call, "servicePrincipals", all(&state))?)),
        (&Method::POST, []) => create(call),
        (_, [id, rest @ ..]) => {
            let guid = Uuid::try_parse(id).map_err(|_| GraphError::not_found(id))?;
            let found = Objects::of(&state).show(guid);
            let found = found.filter(|value| value["@odata.type"] == "#microsoft.graph.servicePrincipal");
            one(
                call,
                &state,
                found.ok_or_else(|| GraphError::not_found(id))?,
                guid,
                rest,
            )
        }
        _ => Err(call.unsupported()),
    }
}

/// All service principals as Graph shows them.
fn all(state: &State) -> Vec<Value> {
    let applications = &state.directory.applications;
    let applications: HashMap<_, _> = applications.iter().map(|one| (one.client_id, one)).collect();
    let of_applications = state.directory.service_principals.iter().map(|principal| {
        let application = applications.get(&principal.client_id);
        shown::service_principal(state, principal, application.copied())
    });
    let identities = state.identities().map(|one| shown::identity(&one));
    let built_in = APIS.iter().map(|api| api.show(state));
    of_applications.chain(identities).chain(built_in).collect()
}

fn one(call: &Call, state: &State, found: Value, guid: Uuid, path: &[&str]) -> Result<Answer, GraphError> {
    let mut all = state.directory.service_principals.iter();
    let of_application = all.find(|one| one.id == guid);
    let existing = of_application.map_or(&[][..], |one| &one.owners);
    call.needs_owner(state, path, existing)?;
    if call.method != Method::GET && Api::find(state, guid).is_some() {
        return Err(GraphError::bad_request(
            "The service principal of an API of Microsoft cannot be changed.",
        ));
    }
    let is_identity = found["servicePrincipalType"] == "ManagedIdentity";
    match (&call.method, path) {
        (&Method::GET, []) => Ok(Answer::ok(query::one(call, "servicePrincipals", found)?)),
        (&Method::PATCH | &Method::DELETE, []) if is_identity => Err(GraphError::bad_request(
            "The service principal of a managed identity cannot be changed: change or delete the identity.",
        )),
        (&Method::PATCH, []) => {
            let body = call.object()?;
            kinds::SERVICE_PRINCIPAL.check(&body)?;
            call.change(|state| apply(find(state, guid)?, body))?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, []) => {
            call.change(|state| {
                state.directory.service_principals.retain(|one| one.id != guid);
                references::forget(state, guid);
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, ["addpassword"]) => credentials::add_password(call, guid, secrets),
        (&Method::POST, ["removepassword"]) => credentials::remove_password(call, guid, secrets),
        (_, ["owners", ..]) => references::handle(call, guid, existing, path, owners),
        (&Method::GET, ["oauth2permissiongrants"]) => permission_grants::list(call, |grant| grant.client_id == guid),
        (_, ["approleassignedto", rest @ ..]) => app_roles::handle(call, guid, rest, End::Resource),
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

/// Writes the properties of a body into a service principal.
fn apply(principal: &mut ServicePrincipal, mut body: Map<String, Value>) -> Result<(), GraphError> {
    if let Some(keys) = body.remove("keyCredentials") {
        principal.certificates = credentials::certificates(&principal.certificates, &keys)?;
    }
    properties::set(&mut principal.properties, body);
    Ok(())
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let mut body = call.object()?;
    let client_id = body.remove("appId").unwrap_or_default();
    let client_id = client_id.as_str().and_then(|id| Uuid::try_parse(id).ok());
    let client_id = client_id.ok_or_else(|| GraphError::text_required("appId"))?;
    // The name is that of the application, which some clients send.
    body.remove("displayName");
    kinds::SERVICE_PRINCIPAL.check(&body)?;
    let mut principal = ServicePrincipal::new(client_id);
    apply(&mut principal, body)?;
    principal.owners.push(call.caller.id);
    let shown = call.change(|state| {
        let directory = &state.directory;
        let mut client_ids = directory.service_principals.iter().map(|one| one.client_id);
        let is_taken = client_ids.any(|id| id == client_id) || APIS.iter().any(|api| api.client_id == client_id);
        if is_taken {
            return Err(GraphError::new(
                StatusCode::CONFLICT,
                "Request_MultipleObjectsWithSameKeyValue",
                format!(
                    "The service principal cannot be created, updated, or restored because the service principal name \
                     {client_id} is already in use."
                ),
            ));
        }
        let mut applications = directory.applications.iter();
        let application = applications.find(|one| one.client_id == client_id).ok_or_else(|| {
            GraphError::bad_request(format!(
                "The appId '{client_id}' of the service principal does not reference a valid application object."
            ))
        })?;
        call.needs_owner(state, &[], &application.owners)?;
        let shown = shown::service_principal(state, &principal, Some(application));
        state.directory.service_principals.push(principal);
        Ok(shown)
    })?;
    Ok(Answer::created(query::one(call, "servicePrincipals", shown)?))
}
