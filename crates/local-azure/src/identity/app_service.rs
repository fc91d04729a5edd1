//! The managed identity endpoint of App Service.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::asked::{self, Asked};
use super::{Shared, is_resource};
use crate::state::{self, ManagedIdentity};

/// The one version; 2017-09-01, with the header `secret`, is retired.
const VERSION: &str = "2019-08-01";

/// The header that proves that the app itself asks.
const SECRET: &str = "x-identity-header";

/// Azure's answer when the identity is not assigned to the app, and when none is named and the app has none of its own.
const NOT_ASSIGNED: &str =
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

/// `GET /msi/token?api-version=2019-08-01&resource=..[&client_id=..|&principal_id=..|&object_id=..|&mi_res_id=..]`
pub async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let (resource, identity) = match check(&shared, &headers, &query) {
        Ok(asked) => asked,
        Err((status, message)) => return error(status, &message),
    };
    if let Err(fault) = shared.fault().await {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = error(status, "An unexpected error occured while fetching the AAD Token.");
        return match fault.retry_after {
            Some(seconds) => ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response(),
            None => answer,
        };
    }
    let given = shared.give(&identity, &resource);
    Json(json!({
        "access_token": given.token,
        // A text, as Azure's: clients count on it.
        "expires_on": given.claims.exp.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": identity.client_id,
    }))
    .into_response()
}

/// The resource and the identity of a request that is in order.
fn check(
    shared: &Shared,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<(String, ManagedIdentity), (StatusCode, String)> {
    let bad = |message: &str| (StatusCode::BAD_REQUEST, message.to_owned());
    let unauthorized = || {
        let message = "The X-IDENTITY-HEADER is missing or wrong.";
        (StatusCode::UNAUTHORIZED, message.to_owned())
    };
    let secret = headers.get(SECRET).and_then(|value| value.to_str().ok());
    let app = secret.and_then(|secret| shared.azure.identity_headers().app(secret));
    let app = app.ok_or_else(unauthorized)?;
    match asked::value(query, "api-version") {
        Some(VERSION) => {}
        Some(_) => return Err(bad("The api-version is not supported: 2019-08-01 is.")),
        None => return Err(bad("The api-version is missing.")),
    }
    let resource = asked::value(query, "resource").filter(|resource| is_resource(resource));
    let resource = resource.ok_or_else(|| bad("The resource is missing, or is a scope and no resource."))?;
    let asked = Asked::of(query)
        .ok_or_else(|| bad("The request names more than one of client_id, principal_id, object_id and mi_res_id."))?;
    shared.azure.read(|state| {
        if !state.knows_resource(resource) {
            return Err(bad(&format!("AADSTS500011: {}", state.unknown_resource(resource))));
        }
        // The header outlives an app that was deleted meanwhile.
        let mut apps = state.web_apps.iter();
        let app = apps
            .find(|site| site.name.eq_ignore_ascii_case(&app))
            .ok_or_else(unauthorized)?;
        let identity = find(state, &app.identity, &asked).ok_or_else(|| bad(NOT_ASSIGNED))?;
        Ok((resource.to_owned(), identity.clone()))
    })
}

/// The app's own identity if none is named. An id names user-assigned ones alone, as in Azure.
fn find<'a>(
    state: &'a state::State,
    assigned: &'a state::AssignedIdentities,
    asked: &Asked,
) -> Option<&'a ManagedIdentity> {
    match asked {
        Asked::Unnamed => asked::system_assigned(state, assigned),
        _ => asked::user_assigned(state, assigned).find(|identity| asked.means(identity)),
    }
}

/// An error in Azure's form.
fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"statusCode": status.as_u16(), "message": message}))).into_response()
}
