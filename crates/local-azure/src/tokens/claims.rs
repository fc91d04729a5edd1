//! What an access token says.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::now;
use crate::state::{Principal, PrincipalKind};

/// The claims of an access token, version 1.0.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The resource it is for.
    pub aud: String,
    /// Who signed it.
    pub iss: String,
    /// When it was signed, in seconds since 1970, as all times here.
    pub iat: u64,
    /// From when on it is valid.
    pub nbf: u64,
    /// From when on it is not valid any more.
    pub exp: u64,
    /// Filled by Entra for itself.
    pub aio: String,
    /// The client id of the program that asked for it.
    pub appid: String,
    /// How that program signed in: `0` not at all, `1` with a secret, `2` with a certificate or a federated token.
    pub appidacr: String,
    /// The groups that the principal is a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Uuid>,
    /// Who signed the principal in.
    pub idp: String,
    /// `app` or `user`.
    pub idtyp: String,
    /// The principal's display name; users' tokens alone have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The principal's object id.
    pub oid: Uuid,
    /// Filled by Entra for itself.
    pub rh: String,
    /// What a program may do for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    /// Who the token is about: the object id.
    pub sub: String,
    /// The tenant.
    pub tid: Uuid,
    /// The user's name to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// The same, by its old name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// Different in every token.
    pub uti: String,
    /// `1.0`.
    pub ver: String,
    /// A managed identity's resource id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xms_mirid: Option<String>,
}

/// The client id of the Azure CLI, by which users here sign in.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

impl Claims {
    /// What a token of that principal for that resource says, valid from now on.
    #[must_use]
    pub fn new(tenant: Uuid, issuer: &str, resource: &str, principal: &Principal, lifetime: Duration) -> Self {
        let now = now();
        let is_user = principal.kind == PrincipalKind::User;
        let random = || URL_SAFE_NO_PAD.encode(Uuid::new_v4());
        let of_user = |text: &str| is_user.then(|| text.to_owned());
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
            name: of_user(&principal.display_name),
            oid: principal.id,
            rh: format!("1.{}.", random()),
            scp: of_user("user_impersonation"),
            sub: principal.id.to_string(),
            tid: tenant,
            upn: of_user(&principal.display_name),
            unique_name: of_user(&principal.display_name),
            uti: random(),
            ver: "1.0".to_owned(),
            xms_mirid: principal.managed_identity.clone(),
        }
    }

    /// The same, of a principal that is a member of these groups.
    #[must_use]
    pub fn with_groups(mut self, groups: Vec<Uuid>) -> Self {
        self.groups = groups;
        self
    }
}
