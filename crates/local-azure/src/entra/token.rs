//! The token endpoint, with the client credentials grant. The grants for users are in `users` and `device`.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::{self, Assertion};
use super::error::OAuthError;
use super::form::Form;
use super::shared::{Shared, Tenant};
use super::{certificate, device, discovery, secrets, users};
use crate::state::{Application, FederatedCredential, ManagedIdentity, Principal};
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
    let for_user: Option<UserGrant> = match form.get("grant_type") {
        Some("password") => Some(users::by_password),
        Some("refresh_token") => Some(users::by_refresh_token),
        Some("urn:ietf:params:oauth:grant-type:device_code") => Some(device::redeem),
        _ => None,
    };
    if let Some(grant) = for_user {
        let granted = match shared.tenant(&tenant) {
            Some(_) => grant(&shared, &form),
            None => Err(discovery::unknown_tenant("invalid_request", &tenant)),
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

/// A grant that issues tokens for a user.
type UserGrant = fn(&Shared, &Form) -> Result<Value, OAuthError>;

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
        token: shared.azure.sign(&claims),
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

/// The client that requests a token.
enum Client {
    Application(Box<Application>, Principal),
    /// A managed identity, which can authenticate only by federation.
    Identity(ManagedIdentity),
}

impl Client {
    fn find(shared: &Shared, client_id: &str) -> Result<Self, OAuthError> {
        let id = Uuid::try_parse(client_id).ok();
        shared.azure.read(|state| {
            let mut principals = state.directory.service_principals.iter();
            if let Some(disabled) = principals.find(|one| Some(one.client_id) == id && !one.is_enabled()) {
                let name = state.principal(disabled.id).map(|principal| principal.display_name);
                let text = format!("Application '{client_id}'({}) is disabled.", name.unwrap_or_default());
                return Err(OAuthError::request("unauthorized_client", 7_000_112, text));
            }
            let application = || {
                let directory = &state.directory;
                let own = directory.service_principals.iter().find(|one| Some(one.client_id) == id)?;
                let mut applications = directory.applications.iter();
                let mut application = applications.find(|one| Some(one.client_id) == id)?.clone();
                application.secrets.extend(own.secrets.iter().cloned());
                application.certificates.extend(own.certificates.iter().cloned());
                Some(Self::Application(Box::new(application), state.principal(own.id)?))
            };
            application()
                .or_else(|| {
                    let identity = state.identities().find(|identity| Some(identity.client_id) == id)?;
                    Some(Self::Identity(identity))
                })
                .ok_or_else(|| {
                    let text = format!(
                        "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen \
                         if the application has not been installed by the administrator of the tenant or consented to \
                         by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
                        state.tenant
                    );
                    OAuthError::request("unauthorized_client", 700_016, text)
                })
        })
    }

    /// Authenticates the client. Returns the method, as the value of the claim `appidacr`.
    async fn authenticate(&self, shared: &Shared, form: &Form) -> Result<&'static str, OAuthError> {
        if let Some(assertion) = form.get("client_assertion") {
            if form.required("client_assertion_type")? != assertion::TYPE {
                let text = format!("The client_assertion_type must be '{}'.", assertion::TYPE);
                return Err(OAuthError::request("invalid_request", 90023, text));
            }
            // Some clients send the newline at the end of the token's file too.
            self.check_assertion(shared, &Assertion::read(assertion.trim())?)
                .await?;
            return Ok("2");
        }
        let Some(secret) = form.get("client_secret") else {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' \
                        grant type.";
            return Err(OAuthError::client(7_000_216, text));
        };
        if let Self::Application(application, _) = self
            && secrets::has_secret(&application.secrets, secret)
        {
            return Ok("1");
        }
        let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                    value, not the client secret ID, for a secret added to app";
        Err(OAuthError::client(7_000_215, format!("{text} '{}'.", self.client_id())))
    }

    /// Checks an assertion. It is either signed with the application's certificate, or a token of another issuer.
    async fn check_assertion(&self, shared: &Shared, assertion: &Assertion<'_>) -> Result<(), OAuthError> {
        let is_external = assertion.claims.iss.starts_with("https://");
        if let Self::Application(application, _) = self
            && !is_external
        {
            return certificate::check(assertion, application, &shared.audiences());
        }
        let trusted = self.federated_credentials();
        if trusted.is_empty() {
            let (id, name) = (self.client_id(), self.principal().display_name);
            let text = format!("The client '{id}'({name}) has no configured federated identity credentials.");
            return Err(OAuthError::client(70025, text));
        }
        shared.issuers.check(assertion, trusted).await
    }

    fn client_id(&self) -> Uuid {
        match self {
            Self::Application(application, _) => application.client_id,
            Self::Identity(identity) => identity.client_id,
        }
    }

    fn federated_credentials(&self) -> &[FederatedCredential] {
        match self {
            Self::Application(application, _) => &application.federated_credentials,
            Self::Identity(identity) => &identity.federated_credentials,
        }
    }

    fn principal(&self) -> Principal {
        match self {
            Self::Application(_, principal) => principal.clone(),
            Self::Identity(identity) => identity.principal(),
        }
    }
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
