//! The managed identity endpoint of virtual machines, part of the Instance Metadata Service (IMDS).
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
//!
//! Whoever is on the machine may ask. The header `Metadata: true` keeps out those who can merely make a program fetch
//! an address, and `X-Forwarded-For` tells a proxy:
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#security-and-authentication>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::asked::{self, Asked};
use super::{Fault, Shared, is_resource};
use crate::state::{self, ManagedIdentity};
use crate::tokens::now;

/// The first version that answers tokens as it is done here; newer ones answer the same.
const OLDEST_VERSION: &str = "2018-02-01";

/// What is wrong with a request: Azure's `error` and `error_description`.
type Wrong = (&'static str, String);

/// `GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=..[&client_id=..|&object_id=..|&msi_res_id=..]`
pub async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (resource, identity) = match check(&shared, &headers, &query) {
        Ok(asked) => asked,
        Err((code, description)) => return error(StatusCode::BAD_REQUEST, code, &description),
    };
    if let Err(fault) = shared.fault().await {
        return failed(&fault);
    }
    let given = shared.give(&identity, &resource);
    let left = given.claims.exp.saturating_sub(now()).to_string();
    // Every number is a text, as Azure's.
    Json(json!({
        "access_token": given.token,
        "client_id": identity.client_id,
        "expires_in": left,
        "expires_on": given.claims.exp.to_string(),
        "ext_expires_in": left,
        "not_before": given.claims.nbf.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
    .into_response()
}

/// The resource and the identity of a request that is in order.
fn check(shared: &Shared, headers: &HeaderMap, query: &[(String, String)]) -> Result<(String, ManagedIdentity), Wrong> {
    let invalid = |description: &str| ("invalid_request", description.to_owned());
    // Clients look whether there is an IMDS by a request without the header, and expect just this.
    if headers.get("metadata").is_none_or(|value| value != "true") {
        let description = "Required metadata header not specified";
        return Err(("bad_request_102", description.to_owned()));
    }
    if headers.contains_key("x-forwarded-for") {
        return Err(invalid("X-Forwarded-For header is not allowed"));
    }
    let version = asked::value(query, "api-version").ok_or_else(|| invalid("api-version was not specified"))?;
    if !is_version(version) {
        return Err(invalid("api-version is not supported"));
    }
    let resource = asked::value(query, "resource").filter(|resource| !resource.is_empty());
    let resource = resource.ok_or_else(|| invalid("Required audience parameter not specified"))?;
    let asked =
        Asked::of(query).ok_or_else(|| invalid("Only one of client_id, object_id and msi_res_id can be specified"))?;
    shared.azure.read(|state| {
        if !is_resource(resource) || !state.knows_resource(resource) {
            let description = format!("AADSTS500011: {}", state.unknown_resource(resource));
            return Err(("invalid_resource", description));
        }
        let identity = find(state, &state.machine, &asked).map_err(invalid)?;
        Ok((resource.to_owned(), identity.clone()))
    })
}

/// Whether it is written as a version and not too old.
fn is_version(text: &str) -> bool {
    let is_date = text.len() == OLDEST_VERSION.len()
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_date && text >= OLDEST_VERSION
}

/// The identity that is meant: if none is named, the machine's own, or else the only one that there is.
fn find<'a>(
    state: &'a state::State,
    assigned: &'a state::AssignedIdentities,
    asked: &Asked,
) -> Result<&'a ManagedIdentity, &'static str> {
    const NOT_FOUND: &str = "Identity not found";
    let system = asked::system_assigned(state, assigned);
    let mut user = asked::user_assigned(state, assigned);
    match asked {
        Asked::Unnamed => match (system, user.next(), user.next()) {
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
            .find(|identity| asked.means(identity))
            .ok_or(NOT_FOUND),
    }
}

/// A fault in Azure's form.
fn failed(fault: &Fault) -> Response {
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
    use crate::state::AssignedIdentities;

    #[test]
    fn versions_are_dates_from_2018_on() {
        for version in ["2018-02-01", "2019-08-01", "2021-02-01"] {
            assert!(is_version(version));
        }
        for version in ["", "2017-12-01", "2018-02-1", "2018/02/01", "latest"] {
            assert!(!is_version(version));
        }
    }

    #[test]
    fn without_a_name_the_machines_own_identity_or_the_only_one_is_meant() {
        let identities = ["system", "one", "two"].map(|name| ManagedIdentity::new(format!("/x/{name}")));
        let [system, one, two] = identities.clone().map(|identity| identity.principal_id);
        let state = state::State {
            identities: identities.to_vec(),
            ..state::State::default()
        };
        let found = |system, user: &[_]| {
            let user = user.to_vec();
            let assigned = AssignedIdentities { system, user };
            find(&state, &assigned, &Asked::Unnamed).map(|identity| identity.principal_id)
        };
        assert_eq!(found(None, &[]), Err("Identity not found"));
        assert_eq!(found(None, &[one]), Ok(one));
        assert_eq!(found(Some(system), &[one, two]), Ok(system));
        assert!(found(None, &[one, two]).unwrap_err().starts_with("Multiple"));
    }
}
