//! The discovery documents: Entra's endpoints and signing keys.
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document>

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::error::OAuthError;
use super::shared::{Shared, Tenant};

/// How long clients may cache the keys. A new key is published before it signs tokens.
const KEEP_KEYS: &str = "max-age=86400, private";

/// `GET /{tenant}/.well-known/openid-configuration`, for tokens of version 1.0, which Azure's services accept.
pub async fn configuration_v1(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&shared, &tenant, &headers, |tenant| {
        let issuer = match tenant {
            Tenant::Own => shared.azure.issuer(),
            Tenant::Any => "https://sts.windows.net/{tenantid}/".to_owned(),
        };
        let host = &shared.authority;
        let tenant = shared.name(tenant);
        let mut document = common(&shared, &format!("{host}{tenant}/oauth2"));
        document["issuer"] = json!(issuer);
        document["jwks_uri"] = json!(format!("{host}common/discovery/keys"));
        document["microsoft_multi_refresh_token"] = json!(true);
        document["check_session_iframe"] = json!(format!("{host}{tenant}/oauth2/checksession"));
        document
    })
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
pub async fn configuration_v2(
    State(shared): State<Arc<Shared>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&shared, &tenant, &headers, |tenant| {
        let host = &shared.authority;
        // Entra uses this placeholder if the tenant is not given.
        let issuer = match tenant {
            Tenant::Own => shared.name(tenant),
            Tenant::Any => "{tenantid}".to_owned(),
        };
        let tenant = shared.name(tenant);
        let mut document = common(&shared, &format!("{host}{tenant}/oauth2/v2.0"));
        document["issuer"] = json!(format!("{host}{issuer}/v2.0"));
        document["jwks_uri"] = json!(format!("{host}{tenant}/discovery/v2.0/keys"));
        document["request_uri_parameter_supported"] = json!(false);
        document
    })
}

/// The properties that both documents have in common.
fn common(shared: &Shared, oauth2: &str) -> Value {
    json!({
        "token_endpoint": format!("{oauth2}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "authorization_endpoint": format!("{oauth2}/authorize"),
        "device_authorization_endpoint": format!("{oauth2}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{oauth2}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email",
        ],
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "tenant_region_scope": null,
        "cloud_instance_name": shared.host(),
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

/// `GET /{tenant}/discovery/keys` and `GET /{tenant}/discovery/v2.0/keys`
pub async fn keys(State(shared): State<Arc<Shared>>, Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    let answer = answer(&shared, &tenant, &headers, |_| json!(shared.azure.keys().published()));
    ([(header::CACHE_CONTROL, KEEP_KEYS)], answer).into_response()
}

/// The query of [`instance`].
#[derive(Deserialize)]
pub struct InstanceQuery {
    authorization_endpoint: Option<String>,
}

/// `GET /common/discovery/instance`: the hosts of one cloud. Clients request it before they trust an authority.
pub async fn instance(State(shared): State<Arc<Shared>>, Query(query): Query<InstanceQuery>) -> Response {
    let endpoint = query.authorization_endpoint.and_then(|url| Url::parse(&url).ok());
    let tenant = endpoint
        .as_ref()
        .and_then(|url| url.path_segments()?.find(|segment| !segment.is_empty()))
        .unwrap_or("common");
    let (host, authority) = (shared.host(), &shared.authority);
    Json(json!({
        "tenant_discovery_endpoint": format!("{authority}{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
    .into_response()
}

/// `GET /common/userrealm/{user}`: how users of a domain sign in.
pub async fn user_realm(Path((_, user)): Path<(String, String)>) -> Response {
    let domain = user.split_once('@').map_or("", |(_, domain)| domain);
    Json(json!({
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
    .into_response()
}

fn answer(shared: &Shared, tenant: &str, headers: &HeaderMap, document: impl FnOnce(Tenant) -> Value) -> Response {
    match shared.tenant(tenant) {
        Some(tenant) => Json(document(tenant)).into_response(),
        None => unknown_tenant("invalid_tenant", tenant).answer(headers),
    }
}

/// The error for an unknown tenant.
pub fn unknown_tenant(error: &'static str, tenant: &str) -> OAuthError {
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
         correct cloud. Check with your subscription administrator, this may happen if there are no active \
         subscriptions for the tenant."
    );
    OAuthError::request(error, 90002, text)
}
