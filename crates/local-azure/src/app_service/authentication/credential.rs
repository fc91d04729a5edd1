//! How an app authenticates when it redeems a code.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-managed-identity-instead-of-a-secret-preview>

use uuid::Uuid;

use super::visit::Visit;
use crate::state::ManagedIdentity;
use crate::tokens::TOKEN_EXCHANGE;

/// The app setting that names a managed identity in place of a client secret.
const IDENTITY_SETTING: &str = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID";

/// The type of a token that takes the place of a secret (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the app proves which application it is.
pub(super) enum Credential<'a> {
    /// By the client secret of its app setting, or the one that the classic form has set.
    Secret(&'a str),
    /// By a token of the managed identity with this client id, which the application trusts.
    Identity(&'a str),
}

impl<'a> Credential<'a> {
    /// The one that the app has configured.
    pub(super) fn of(visit: &Visit<'a>) -> Option<Self> {
        let setting = visit.settings.secret_setting.as_deref();
        let value = setting.and_then(|name| visit.web_app.settings.get(name));
        // The secret of the classic form cannot be the client id of an identity.
        let classic = visit
            .settings
            .secret
            .as_ref()
            .filter(|_| setting != Some(IDENTITY_SETTING));
        let value = value.or(classic).filter(|value| !value.is_empty())?;
        Some(match setting {
            Some(IDENTITY_SETTING) => Self::Identity(value),
            _ => Self::Secret(value),
        })
    }

    /// Its parameters of a request for tokens.
    ///
    /// # Errors
    ///
    /// The app does not have that identity.
    pub(super) fn parameters(&self, visit: &Visit<'_>) -> Result<Vec<(&'static str, String)>, String> {
        let client_id = match self {
            Self::Secret(secret) => return Ok(vec![("client_secret", (*secret).to_owned())]),
            Self::Identity(client_id) => Uuid::try_parse(client_id).ok(),
        };
        let azure = &visit.platform.azure;
        let identity = azure.read(|state| {
            let mut assigned = visit.web_app.identity.user.iter();
            assigned.find_map(|id| {
                let identity: ManagedIdentity = state.at(id)?;
                (Some(identity.client_id) == client_id).then_some(identity)
            })
        });
        let identity = identity.ok_or_else(|| {
            format!("{IDENTITY_SETTING} is not the client id of a managed identity that is assigned to the app")
        })?;
        Ok(vec![
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", azure.token(&identity.principal(), TOKEN_EXCHANGE)),
        ])
    }
}
