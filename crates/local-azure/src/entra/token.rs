//! The token endpoint: the client credentials grant.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::assertion::{self, Assertion};
use super::error::Refused;
use super::{Shared, Tenant, certificate, discovery, secrets};
use crate::server::LOOPBACK;
use crate::state::{Application, FederatedCredential, ManagedIdentity, Principal};
use crate::tokens::Claims;

/// `POST /{tenant}/oauth2/token`, version 1.0: the resource is named by `resource`.
pub async fn v1(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&headers, &body);
    answer(
        &headers,
        give(&shared, &tenant, &form, resource_v1).await,
        |token, claims, resource| {
            let lifetime = (claims.exp - claims.iat).to_string();
            json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "expires_on": claims.exp.to_string(),
                "not_before": claims.nbf.to_string(),
                "resource": resource,
                "access_token": token,
            })
        },
    )
}

/// `POST /{tenant}/oauth2/v2.0/token`, version 2.0: the resource is named by `scope`.
pub async fn v2(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&headers, &body);
    answer(
        &headers,
        give(&shared, &tenant, &form, resource_v2).await,
        |token, claims, _| {
            let lifetime = claims.exp - claims.iat;
            json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            })
        },
    )
}

/// A token, what it says, and the resource it is for.
type Given = (String, Claims, String);

fn answer(
    headers: &HeaderMap,
    given: Result<Given, Refused>,
    body: impl FnOnce(&str, &Claims, &str) -> Value,
) -> Response {
    match given {
        Ok((token, claims, resource)) => {
            let body = Json(body(&token, &claims, &resource));
            ([(header::CACHE_CONTROL, "no-store, no-cache")], body).into_response()
        }
        Err(refused) => refused.answer(headers),
    }
}

async fn give(
    shared: &Shared,
    tenant: &str,
    form: &Form,
    resource: fn(&Form) -> Result<String, Refused>,
) -> Result<Given, Refused> {
    match shared.tenant(tenant) {
        Some(Tenant::Own) => {}
        Some(Tenant::Any) => {
            let text = "No tenant-identifying information found in either the request or implied by any provided \
                        credentials.";
            return Err(Refused::request("invalid_request", 50059, text));
        }
        None => return Err(discovery::unknown_tenant("invalid_request", tenant)),
    }
    match form.required("grant_type")? {
        "client_credentials" => {}
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refused::request("unsupported_grant_type", 70003, text));
        }
    }
    let client = Client::find(shared, form.required("client_id")?)?;
    let proof = client.prove(shared, form).await?;
    let resource = resource(form)?;
    let unknown = shared
        .azure
        .read(|state| (!state.knows_resource(&resource)).then(|| state.unknown_resource(&resource)));
    if let Some(text) = unknown {
        return Err(Refused::request("invalid_resource", 500_011, text));
    }
    let mut claims = shared.azure.claims(&client.principal(), &resource);
    proof.clone_into(&mut claims.appidacr);
    Ok((shared.azure.sign(&claims), claims, resource))
}

fn resource_v1(form: &Form) -> Result<String, Refused> {
    Ok(form.required("resource")?.to_owned())
}

/// The resource whose name stands before `/.default`. It may end with a slash of its own.
fn resource_v2(form: &Form) -> Result<String, Refused> {
    let scope = form.required("scope")?;
    if scope.split_whitespace().count() != 1 {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter \
             'scope' is not valid. The scope {scope} is not valid."
        );
        return Err(Refused::request("invalid_scope", 70011, text));
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
        Refused::request("invalid_scope", 1_002_012, text)
    })
}

/// Who asks.
enum Client {
    Application(Application),
    /// A managed identity takes part in federation; it has no secrets.
    Identity(ManagedIdentity),
}

impl Client {
    fn find(shared: &Shared, client_id: &str) -> Result<Self, Refused> {
        let id = Uuid::try_parse(client_id).ok();
        shared.azure.read(|state| {
            let mut applications = state.directory.applications.iter();
            let mut identities = state.identities.iter();
            applications
                .find(|application| Some(application.client_id) == id)
                .map(|application| Self::Application(application.clone()))
                .or_else(|| {
                    let identity = identities.find(|identity| Some(identity.client_id) == id)?;
                    Some(Self::Identity(identity.clone()))
                })
                .ok_or_else(|| {
                    let text = format!(
                        "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen \
                         if the application has not been installed by the administrator of the tenant or consented to \
                         by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
                        state.tenant
                    );
                    Refused::request("unauthorized_client", 700_016, text)
                })
        })
    }

    /// How the client proved who it is: the value of the claim `appidacr`.
    async fn prove(&self, shared: &Shared, form: &Form) -> Result<&'static str, Refused> {
        if let Some(assertion) = form.get("client_assertion") {
            if form.required("client_assertion_type")? != assertion::TYPE {
                let text = format!("The client_assertion_type must be '{}'.", assertion::TYPE);
                return Err(Refused::request("invalid_request", 90023, text));
            }
            self.check_assertion(shared, &Assertion::read(assertion)?).await?;
            return Ok("2");
        }
        let Some(secret) = form.get("client_secret") else {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' \
                        grant type.";
            return Err(Refused::client(7_000_216, text));
        };
        if let Self::Application(application) = self
            && secrets::has_secret(application, secret)
        {
            return Ok("1");
        }
        let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                    value, not the client secret ID, for a secret added to app";
        Err(Refused::client(7_000_215, format!("{text} '{}'.", self.client_id())))
    }

    /// An application signs its own assertions with a certificate; any other is a token of another issuer.
    async fn check_assertion(&self, shared: &Shared, assertion: &Assertion<'_>) -> Result<(), Refused> {
        let is_of_another = assertion.claims.iss.starts_with("https://");
        if let Self::Application(application) = self
            && !is_of_another
        {
            return certificate::check(assertion, application, &shared.audiences());
        }
        let trusted = self.federated_credentials();
        if trusted.is_empty() {
            let (id, name) = (self.client_id(), self.principal().display_name);
            let text = format!("The client '{id}'({name}) has no configured federated identity credentials.");
            return Err(Refused::client(70025, text));
        }
        shared.issuers.check(assertion, trusted).await
    }

    fn client_id(&self) -> Uuid {
        match self {
            Self::Application(application) => application.client_id,
            Self::Identity(identity) => identity.client_id,
        }
    }

    fn federated_credentials(&self) -> &[FederatedCredential] {
        match self {
            Self::Application(application) => &application.federated_credentials,
            Self::Identity(identity) => &identity.federated_credentials,
        }
    }

    fn principal(&self) -> Principal {
        match self {
            Self::Application(application) => application.principal(),
            Self::Identity(identity) => identity.principal(),
        }
    }
}

impl Shared {
    /// What the `aud` of a client assertion may be: a token endpoint or an issuer of the tenant, by either host name.
    fn audiences(&self) -> Vec<String> {
        let tenant = self.own_tenant();
        let other = self.authority.replace("localhost", LOOPBACK);
        let mut audiences = vec![self.azure.issuer()];
        for host in [&self.authority, &other] {
            for path in ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""] {
                audiences.push(format!("{host}{tenant}/{path}"));
            }
        }
        audiences
    }
}

/// The parameters of a request.
struct Form(Vec<(String, String)>);

impl Form {
    /// Those of the body, and the client's id and secret where they come by HTTP Basic (RFC 6749, section 2.3.1).
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let decode = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        let mut pairs = decode(body);
        let basic = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, text)| String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok());
        if let Some((id, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
            // Both are encoded as a form is.
            pairs.extend(decode(format!("client_id={id}&client_secret={secret}").as_bytes()));
        }
        Self(pairs)
    }

    /// The first value of that name; an empty one counts for none.
    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| Refused::missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Form {
        Form::read(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn the_resource_stands_before_default() {
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
            let found = resource_v2(&form(&format!("scope={scope}"))).map_err(|refused| refused.code());
            assert_eq!(found, resource.map(ToOwned::to_owned), "{scope}");
        }
    }

    #[test]
    fn a_client_may_sign_in_by_http_basic() {
        let mut headers = HeaderMap::new();
        let text = format!("basic {}", STANDARD.encode("id:a%2Bb:c"));
        headers.insert(header::AUTHORIZATION, text.parse().unwrap());
        let form = Form::read(&headers, b"grant_type=client_credentials");
        assert_eq!(form.get("client_id"), Some("id"));
        assert_eq!(form.get("client_secret"), Some("a+b:c"));
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), None);
    }
}
