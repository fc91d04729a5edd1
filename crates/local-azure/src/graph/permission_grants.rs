//! Consent: the permissions that a client has on behalf of users. Local Azure stores it, but never asks for it.
//! <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::built_in::Api;
use super::call::Call;
use super::error::GraphError;
use super::{kinds, query};
use crate::state::{PermissionGrant, PrincipalKind, State};

const KIND: &str = "oauth2PermissionGrants";

/// `/oauth2PermissionGrants` and what is below it.
pub fn handle(call: &Call, path: &[&str]) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    call.needs_administrator(&state, path)?;
    match (&call.method, path) {
        (&Method::GET, []) => list(call, |_| true),
        (&Method::POST, []) => create(call),
        (method, [id]) => {
            let guid = Uuid::try_parse(id).ok();
            let mut all = state.directory.permission_grants.iter();
            let found = all.find(|grant| Some(grant.id) == guid);
            let found = found.ok_or_else(|| GraphError::not_found(id))?;
            match *method {
                Method::GET => Ok(Answer::ok(query::one(call, KIND, show(found))?)),
                Method::PATCH => change(call, found.id),
                Method::DELETE => {
                    call.change(|state| {
                        let id = found.id;
                        state.directory.permission_grants.retain(|grant| grant.id != id);
                        Ok(())
                    })?;
                    Ok(Answer::empty(StatusCode::NO_CONTENT))
                }
                _ => Err(call.unsupported()),
            }
        }
        _ => Err(call.unsupported()),
    }
}

/// The grants that are wanted.
pub fn list(call: &Call, is_wanted: impl Fn(&PermissionGrant) -> bool) -> Result<Answer, GraphError> {
    let state = call.azure.state();
    let all = state.directory.permission_grants.iter();
    let values = all.filter(|grant| is_wanted(grant)).map(show).collect();
    Ok(Answer::ok(query::list(call, KIND, values)?))
}

fn show(grant: &PermissionGrant) -> Value {
    json!({
        "id": grant.id,
        "clientId": grant.client_id,
        "consentType": grant.consent_type,
        "principalId": grant.principal_id,
        "resourceId": grant.resource_id,
        "scope": grant.scope,
    })
}

fn create(call: &Call) -> Result<Answer, GraphError> {
    let body = call.object()?;
    kinds::PERMISSION_GRANT.check(&body)?;
    let grant = call.change(|state| {
        let grant = read(state, &body)?;
        let key = |grant: &PermissionGrant| (grant.client_id, grant.resource_id, grant.principal_id);
        let mut all = state.directory.permission_grants.iter();
        if all.any(|other| key(other) == key(&grant)) {
            return Err(GraphError::new(
                StatusCode::CONFLICT,
                "Request_MultipleObjectsWithSameKeyValue",
                "Permission entry already exists.",
            ));
        }
        state.directory.permission_grants.push(grant.clone());
        Ok(grant)
    })?;
    Ok(Answer::created(query::one(call, KIND, show(&grant))?))
}

fn read(state: &State, body: &Map<String, Value>) -> Result<PermissionGrant, GraphError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = |name: &str| Uuid::try_parse(text(name)).ok();
    let kind = |id: Uuid| state.principal(id).map(|principal| principal.kind);
    let service = |name: &str, is_api: bool| {
        let id = id(name).ok_or_else(|| GraphError::value_required(name))?;
        let exists = kind(id) == Some(PrincipalKind::ServicePrincipal) || is_api && Api::find(state, id).is_some();
        exists
            .then_some(id)
            .ok_or_else(|| GraphError::not_found(&id.to_string()))
    };
    let principal = id("principalId");
    let is_consistent = match text("consentType") {
        "AllPrincipals" => principal.is_none(),
        "Principal" => principal.is_some_and(|id| kind(id) == Some(PrincipalKind::User)),
        _ => return Err(kinds::PERMISSION_GRANT.invalid("consentType")),
    };
    if !is_consistent {
        return Err(kinds::PERMISSION_GRANT.invalid("principalId"));
    }
    Ok(PermissionGrant {
        id: Uuid::new_v4(),
        client_id: service("clientId", false)?,
        consent_type: text("consentType").to_owned(),
        principal_id: principal,
        resource_id: service("resourceId", true)?,
        scope: text("scope").to_owned(),
        other: Map::new(),
    })
}

fn change(call: &Call, id: Uuid) -> Result<Answer, GraphError> {
    let body = call.object()?;
    kinds::PERMISSION_GRANT.check(&body)?;
    if let Some(fixed) = body.keys().find(|name| *name != "scope") {
        return Err(GraphError::read_only(fixed));
    }
    call.change(|state| {
        let mut all = state.directory.permission_grants.iter_mut();
        let grant = all.find(|grant| grant.id == id);
        let grant = grant.ok_or_else(|| GraphError::not_found(&id.to_string()))?;
        if let Some(scope) = body.get("scope").and_then(Value::as_str) {
            scope.clone_into(&mut grant.scope);
        }
        Ok(())
    })?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
