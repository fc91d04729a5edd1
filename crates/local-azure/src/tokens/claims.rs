//! The claims of an access token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::now;
use crate::state::{Principal, PrincipalKind};

/// The claims of an access token, version 1.0.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The resource that the token is for.
    pub aud: String,
    /// The issuer.
    pub iss: String,
    /// When it was issued. All times are in seconds since 1970.
    pub iat: u64,
    /// When its validity starts.
    pub nbf: u64,
    /// When it expires.
    pub exp: u64,
    /// An opaque value for Entra's own use.
    pub aio: String,
    /// The client id of the program that requested the token.
    pub appid: String,
    /// How that program authenticated: `0` not at all, `1` with a secret, `2` with a certificate or a federated token.
    pub appidacr: String,
    /// The groups that the principal is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Uuid>,
    /// The identity provider that authenticated the principal.
    pub idp: String,
    /// `app` or `user`.
    pub idtyp: String,
    /// The principal's display name. Only users' tokens contain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The principal's object id.
    pub oid: Uuid,
    /// An opaque value for Entra's own use.
    pub rh: String,
    /// The roles that the principal has in the application that the token is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The permissions that a program has on behalf of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    /// The subject of the token: the principal's object id.
    pub sub: String,
    /// The tenant.
    pub tid: Uuid,
    /// The name that the user signs in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// An older claim with the same value as `upn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// The token's own id.
    pub uti: String,
    /// The token's version, `1.0`.
    pub ver: String,
    /// A managed identity's resource id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xms_mirid: Option<String>,
}

/// The client id of the Azure CLI. Users' tokens are issued as if it had requested them.
pub const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

impl Claims {
    /// The claims of a token for the resource that is issued to the principal and valid from now on.
    #[must_use]
    pub fn new(tenant: Uuid, issuer: &str, resource: &str, principal: &Principal, lifetime: Duration) -> Self {
        let now = now();
        let is_user = principal.kind == PrincipalKind::User;
        let random = || URL_SAFE_NO_PAD.encode(Uuid::new_v4());
        let only_for_user = |text: &str| is_user.then(|| text.to_owned());
        let appid = principal
            .client_id
            .map_or_else(|| AZURE_CLI.to_owned(), |id| id.to_string());
        let appidacr = match (&principal.managed_identity, is_user) {
            (Some(_), _) => "2",
            (None, true) => "0",
            (None, false) => "1",
        };
        Self {
            aud: resource.to_owned(),
            iss: issuer.to_owned(),
            iat: now,
            nbf: now,
            exp: now + lifetime.as_secs(),
            aio: random(),
            appid,
            appidacr: appidacr.to_owned(),
            groups: Vec::new(),
            idp: issuer.to_owned(),
            idtyp: if is_user { "user" } else { "app" }.to_owned(),
            name: only_for_user(&principal.display_name),
            oid: principal.id,
            rh: format!("1.{}.", random()),
            roles: Vec::new(),
            scp: only_for_user("user_impersonation"),
            sub: principal.id.to_string(),
            tid: tenant,
            upn: only_for_user(&principal.display_name),
            unique_name: only_for_user(&principal.display_name),
            uti: random(),
            ver: "1.0".to_owned(),
            xms_mirid: principal.managed_identity.as_ref().map(ToString::to_string),
        }
    }
}
