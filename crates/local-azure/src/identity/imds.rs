//! The managed identity endpoint of virtual machines, part of the Instance Metadata Service (IMDS).
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
//!
//! Every program on the machine may request tokens. Requests without the header `Metadata: true` are rejected, because
//! an attacker may be able to make a program fetch a URL:
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#security-and-authentication>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::selector::{self, IdentitySelector};
use super::shared::{InjectedError, Shared, is_resource};
use crate::state::{self, ManagedIdentity, Resource};
use crate::tokens::now;

/// The oldest supported version. Newer versions have the same response.
const OLDEST_VERSION: &str = "2018-02-01";

const NOT_FOUND: &str = "Identity not found";

/// Azure's `error` and `error_description` for an invalid request.
type InvalidRequest = (&'static str, String);

/// `GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=..[&client_id=..|&object_id=..|&msi_res_id=..]`
pub async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (resource, identity) = match check(&shared, &headers, &query) {
        Ok(checked) => checked,
        Err((code, description)) => return error(StatusCode::BAD_REQUEST, code, &description),
    };
    if let Err(fault) = shared.apply(shared.azure.faults().active().identity).await {
        return injected_error(&fault);
    }
    let issued = shared.token(&identity, &resource);
    let left = issued.claims.exp.saturating_sub(now()).to_string();
    // Every number is a string, as on Azure.
    Json(json!({
        "access_token": issued.token,
        "client_id": identity.client_id,
        "expires_in": left,
        "expires_on": issued.claims.exp.to_string(),
        "ext_expires_in": left,
        "not_before": issued.claims.nbf.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
    .into_response()
}

/// Validates a request. Returns its resource and identity.
fn check(
    shared: &Shared,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<(String, ManagedIdentity), InvalidRequest> {
    let invalid = |description: &str| ("invalid_request", description.to_owned());
    // Clients detect IMDS with a request without the header, and expect exactly this response.
    if headers.get("metadata").is_none_or(|value| value != "true") {
        let description = "Required metadata header not specified";
        return Err(("bad_request_102", description.to_owned()));
    }
    let version = selector::value(query, "api-version").ok_or_else(|| invalid("api-version was not specified"))?;
    if !is_version(version) {
        return Err(invalid("api-version is not supported"));
    }
    let resource = selector::value(query, "resource").filter(|resource| !resource.is_empty());
    let resource = resource.ok_or_else(|| invalid("Required audience parameter not specified"))?;
    let selector = IdentitySelector::parse(query)
        .ok_or_else(|| invalid("Only one of client_id, object_id and msi_res_id can be specified"))?;
    shared.azure.read(|state| {
        if !is_resource(resource) || !state.knows_resource(resource) {
            let description = format!("AADSTS500011: {}", state.unknown_resource(resource));
            return Err(("invalid_resource", description));
        }
        let machine = state.machine().ok_or_else(|| invalid(NOT_FOUND))?;
        let identity = find(state, machine, &selector).map_err(invalid)?;
        Ok((resource.to_owned(), identity))
    })
}

/// Whether the text is a version that is not too old.
fn is_version(text: &str) -> bool {
    let is_date = text.len() == OLDEST_VERSION.len()
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date && text >= OLDEST_VERSION
}

/// Selects an identity. A request that names no identity gets the system-assigned one, or else the only assigned one.
fn find(
    state: &state::State,
    machine: &Resource,
    selector: &IdentitySelector,
) -> Result<ManagedIdentity, &'static str> {
    let system = selector::system_assigned(machine);
    let mut user = selector::user_assigned(state, machine);
    match selector {
        IdentitySelector::Unnamed => match (system, user.next(), user.next()) {
            (Some(identity), ..) | (None, Some(identity), None) => Ok(identity),
            (None, None, _) => Err(NOT_FOUND),
            (None, Some(_), Some(_)) => Err(
                "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
                 the token request",
            ),
        },
        _ => system
            .into_iter()
            .chain(user)
            .find(|identity| selector.matches(identity))
            .ok_or(NOT_FOUND),
    }
}

/// An injected error in Azure's form.
fn injected_error(fault: &InjectedError) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, description) = match fault.status {
        404 | 410 => ("not_found", "The endpoint is being updated"),
        429 => ("too_many_requests", "Too many requests"),
        _ => ("unknown", "Failed to retrieve token from the Active directory."),
    };
    let answer = error(status, code, description);
    match fault.retry_after {
        Some(seconds) => ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response(),
        None => answer,
    }
}

fn error(status: StatusCode, code: &str, description: &str) -> Response {
    (status, Json(json!({"error": code, "error_description": description}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{AssignedIdentities, SystemAssigned, View as _};

    #[test]
    fn versions_are_dates_since_2018() {
        for version in ["2018-02-01", "2019-08-01", "2021-02-01"] {
            assert!(is_version(version));
        }
        for version in ["", "2017-12-01", "2018-02-1", "2018/02/01", "latest"] {
            assert!(!is_version(version));
        }
    }

    #[test]
    fn a_request_without_a_selector_gets_the_system_assigned_or_the_only_identity() {
        let mut state = state::State::default();
        let [one, two] = ["one", "two"].map(|name| state.resource_id("rg", ManagedIdentity::KIND, name));
        let [one, two] = [one, two].map(ManagedIdentity::new);
        state.put(&one);
        state.put(&two);
        let system = SystemAssigned::create();
        let found = |system: Option<SystemAssigned>, user: &[&ManagedIdentity]| {
            let mut machine = Resource::new(state.group_id("machine"));
            let user = user.iter().map(|identity| identity.resource_id.clone()).collect();
            machine.identity = AssignedIdentities {
                system,
                user,
                ..AssignedIdentities::default()
            };
            find(&state, &machine, &IdentitySelector::Unnamed).map(|identity| identity.principal_id)
        };
        assert_eq!(found(None, &[]), Err("Identity not found"));
        assert_eq!(found(None, &[&one]), Ok(one.principal_id));
        assert_eq!(found(Some(system), &[&one, &two]), Ok(system.principal_id));
        assert!(found(None, &[&one, &two]).unwrap_err().starts_with("Multiple"));
    }
}
