//! The token endpoint, with the client credentials grant. The grants for users are in `code_grant`, `device`,
//! `password_grant` and `refresh_grant`.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::client::Client;
use super::error::OAuthError;
use super::form::Form;
use super::shared::{Shared, Tenant};
use super::{access_token, code_grant, device, discovery, password_grant, refresh_grant};
use crate::tokens::Claims;

/// `POST /{tenant}/oauth2/token`, version 1.0: the parameter `resource` names the resource.
pub async fn v1(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&headers, &body);
    respond(&headers, grant(&shared, &tenant, &form, resource_v1).await, |grant| {
        let claims = &grant.claims;
        let lifetime = (claims.exp - claims.iat).to_string();
        json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "expires_on": claims.exp.to_string(),
            "not_before": claims.nbf.to_string(),
            "resource": grant.resource,
            "access_token": grant.token,
        })
    })
}

/// `POST /{tenant}/oauth2/v2.0/token`, version 2.0: the parameter `scope` names the resource.
pub async fn v2(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&headers, &body);
    let kind = form.get("grant_type").unwrap_or_default();
    if FOR_USERS.contains(&kind) {
        // Browsers state the origin of a page whose script sends a request.
        let is_cross_origin = headers.contains_key(header::ORIGIN);
        let granted = match (shared.tenant(&tenant), kind) {
            (None, _) => Err(discovery::unknown_tenant("invalid_request", &tenant)),
            (Some(_), "authorization_code") => code_grant::redeem(&shared, &form, is_cross_origin).await,
            (Some(_), "refresh_token") => refresh_grant::redeem(&shared, &form, is_cross_origin).await,
            (Some(_), "password") => password_grant::redeem(&shared, &form).await,
            (Some(_), _) => device::redeem(&shared, &form).await,
        };
        return match granted {
            Ok(body) => ([(header::CACHE_CONTROL, "no-store, no-cache")], Json(body)).into_response(),
            Err(error) => error.answer(&headers),
        };
    }
    respond(&headers, grant(&shared, &tenant, &form, resource_v2).await, |grant| {
        let lifetime = grant.claims.exp - grant.claims.iat;
        json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": grant.token,
        })
    })
}

/// The grants that issue tokens for a user.
const FOR_USERS: [&str; 4] = [
    "authorization_code",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
];

/// A granted token.
struct Grant {
    token: String,
    claims: Claims,
    resource: String,
}

fn respond(headers: &HeaderMap, result: Result<Grant, OAuthError>, body: impl FnOnce(&Grant) -> Value) -> Response {
    match result {
        Ok(grant) => {
            let body = Json(body(&grant));
            ([(header::CACHE_CONTROL, "no-store, no-cache")], body).into_response()
        }
        Err(error) => error.answer(headers),
    }
}

async fn grant(
    shared: &Shared,
    tenant: &str,
    form: &Form,
    resource: fn(&Form) -> Result<String, OAuthError>,
) -> Result<Grant, OAuthError> {
    match shared.tenant(tenant) {
        Some(Tenant::Own) => {}
        Some(Tenant::Any) => {
            let text = "No tenant-identifying information found in either the request or implied by any provided \
                        credentials.";
            return Err(OAuthError::request("invalid_request", 50059, text));
        }
        None => return Err(discovery::unknown_tenant("invalid_request", tenant)),
    }
    match form.required("grant_type")? {
        "client_credentials" => {}
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(OAuthError::request("unsupported_grant_type", 70003, text));
        }
    }
    let client = Client::find(shared, form.required("client_id")?)?;
    let method = client.authenticate(shared, form).await?;
    let resource = resource(form)?;
    let unknown = shared
        .azure
        .read(|state| (!state.knows_resource(&resource)).then(|| state.unknown_resource(&resource)));
    if let Some(text) = unknown {
        return Err(OAuthError::request("invalid_resource", 500_011, text));
    }
    let mut claims = shared.azure.claims(&client.principal(), &resource);
    method.clone_into(&mut claims.appidacr);
    Ok(Grant {
        token: access_token::sign(shared, &shared.azure.state(), &claims),
        claims,
        resource,
    })
}

/// The resource that a version 1.0 request names.
fn resource_v1(form: &Form) -> Result<String, OAuthError> {
    Ok(form.required("resource")?.to_owned())
}

/// The resource in a scope, which is the part before `/.default`. It may itself end with a slash.
fn resource_v2(form: &Form) -> Result<String, OAuthError> {
    let scope = form.required("scope")?;
    if scope.split_whitespace().count() != 1 {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter \
             'scope' is not valid. The scope {scope} is not valid."
        );
        return Err(OAuthError::request("invalid_scope", 70011, text));
    }
    let resource = scope
        .trim()
        .strip_suffix("/.default")
        .filter(|resource| !resource.is_empty());
    resource.map(ToOwned::to_owned).ok_or_else(|| {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        OAuthError::request("invalid_scope", 1_002_012, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form {
        Form::parse(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn the_resource_is_the_part_before_default() {
        for (scope, resource) in [
            ("https://storage.azure.com/.default", Ok("https://storage.azure.com")),
            (
                "https://management.core.windows.net//.default",
                Ok("https://management.core.windows.net/"),
            ),
            ("", Err(900_144)),
            ("/.default", Err(1_002_012)),
            ("openid", Err(1_002_012)),
            ("https://storage.azure.com/user_impersonation", Err(1_002_012)),
            ("https://a/.default+https://b/.default", Err(70011)),
        ] {
            let found = resource_v2(&form(&format!("scope={scope}"))).map_err(|error| error.code());
            assert_eq!(found, resource.map(ToOwned::to_owned), "{scope}");
        }
    }
}
