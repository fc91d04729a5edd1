//! App Service's managed identity endpoint.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::selector::{self, IdentitySelector};
use super::shared::{Shared, is_resource};
use crate::state::{self, ManagedIdentity, Resource, View as _, WebApp};

/// The only supported version. 2017-09-01, which uses the header `secret`, is retired.
const VERSION: &str = "2019-08-01";

/// The header that proves that the request comes from the app.
const SECRET: &str = "x-identity-header";

/// Azure's message if the identity is not assigned to the app, or if the request names no identity and the app has no
/// system-assigned one.
const NOT_ASSIGNED: &str =
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

/// `GET /msi/token?api-version=2019-08-01&resource=..[&client_id=..|&principal_id=..|&object_id=..|&mi_res_id=..]`
pub async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (app, resource, identity) = match check(&shared, &headers, &query) {
        Ok(checked) => checked,
        Err((status, message)) => return error(status, &message),
    };
    if let Err(fault) = shared.apply(shared.azure.faults().active().identity_of(&app)).await {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = error(status, "An unexpected error occured while fetching the AAD Token.");
        return match fault.retry_after {
            Some(seconds) => ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response(),
            None => answer,
        };
    }
    let issued = shared.token(&identity, &resource);
    Json(json!({
        "access_token": issued.token,
        // A string, as on Azure: clients depend on it.
        "expires_on": issued.claims.exp.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": identity.client_id,
    }))
    .into_response()
}

/// Validates a request. Returns the app, the resource and the identity.
fn check(
    shared: &Shared,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<(String, String, ManagedIdentity), (StatusCode, String)> {
    let bad = |message: &str| (StatusCode::BAD_REQUEST, message.to_owned());
    let unauthorized = || {
        let message = "The X-IDENTITY-HEADER is missing or wrong.";
        (StatusCode::UNAUTHORIZED, message.to_owned())
    };
    let secret = headers.get(SECRET).and_then(|value| value.to_str().ok());
    let app = secret.and_then(|secret| shared.azure.identity_headers().app(secret));
    let app = app.ok_or_else(unauthorized)?;
    match selector::value(query, "api-version") {
        Some(VERSION) => {}
        Some(_) => {
            return Err(bad(
                "The api-version is not supported. The supported version is 2019-08-01.",
            ));
        }
        None => return Err(bad("The api-version is missing.")),
    }
    let resource = selector::value(query, "resource").filter(|resource| is_resource(resource));
    let resource = resource.ok_or_else(|| bad("The resource is missing, or is a scope instead of a resource."))?;
    let selector = IdentitySelector::parse(query)
        .ok_or_else(|| bad("The request names more than one of client_id, principal_id, object_id and mi_res_id."))?;
    shared.azure.read(|state| {
        if !state.knows_resource(resource) {
            return Err(bad(&format!("AADSTS500011: {}", state.unknown_resource(resource))));
        }
        // The app may have been deleted since its header was created.
        let site: WebApp = state.find(&app).ok_or_else(unauthorized)?;
        let site = state.get(site.id()).ok_or_else(unauthorized)?;
        let identity = find(state, site, &selector).ok_or_else(|| bad(NOT_ASSIGNED))?;
        Ok((app, resource.to_owned(), identity))
    })
}

/// Selects the system-assigned identity if the request names no identity. As on Azure, ids select only user-assigned
/// identities.
fn find(state: &state::State, app: &Resource, selector: &IdentitySelector) -> Option<ManagedIdentity> {
    match selector {
        IdentitySelector::Unnamed => selector::system_assigned(app),
        _ => selector::user_assigned(state, app).find(|identity| selector.matches(identity)),
    }
}

/// An error in Azure's form.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"statusCode": status.as_u16(), "message": message}))).into_response()
}
