//! Refresh tokens, with which a program gets further tokens for a user who has signed in.
//! <https://learn.microsoft.com/entra/identity-platform/refresh-tokens>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::codes::Platform;
use super::error::OAuthError;
use super::form::Form;
use super::scopes::Scopes;
use super::shared::Shared;
use super::user_tokens::{self, Granted};
use super::{client, users};
use crate::azure::Azure;
use crate::state::Principal;
use crate::tokens::Claims;

/// The audience of refresh tokens, which no service accepts.
const REFRESH: &str = "urn:local-azure:refresh-token";
/// Entra's lifetime of refresh tokens.
const LIFETIME: Duration = Duration::from_hours(24 * 90);
/// The same for a page with scripts.
const SPA_LIFETIME: Duration = Duration::from_hours(24);

/// What a refresh token contains.
#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    claims: Claims,
    /// What the address was registered for to which the sign-in led.
    #[serde(default = "public")]
    platform: Platform,
    /// What the program asked for at first.
    #[serde(default)]
    scope: String,
}

fn public() -> Platform {
    Platform::Public
}

/// A refresh token of a user for the Azure CLI, as a sign-in would have left it.
#[must_use]
pub fn refresh_token(azure: &Azure, user: &Principal, client: Uuid) -> String {
    issue(azure, user, client, Platform::Public, "")
}

/// Issues a refresh token.
pub fn issue(azure: &Azure, user: &Principal, client: Uuid, platform: Platform, scope: &str) -> String {
    let (tenant, issuer) = (azure.read(|state| state.tenant), azure.issuer());
    let lifetime = if platform == Platform::Spa {
        SPA_LIFETIME
    } else {
        LIFETIME
    };
    let mut claims = Claims::new(tenant, &issuer, REFRESH, user, lifetime);
    claims.appid = client.to_string();
    azure.keys().sign(&Content {
        claims,
        platform,
        scope: scope.to_owned(),
    })
}

/// The grant by a refresh token. The user must still exist, and the program authenticates as it did at the sign-in.
pub async fn redeem(shared: &Shared, form: &Form, is_cross_origin: bool) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let invalid = |text: &str| OAuthError::request("invalid_grant", 9_002_313, text);
    let token = form.required("refresh_token")?;
    let malformed = "Invalid request. The refresh token is malformed, expired or not valid.";
    let claims = shared.azure.verify(token, &[REFRESH]).map_err(|_| invalid(malformed))?;
    let content: Content = shared.azure.keys().open_token(token).map_err(|_| invalid(malformed))?;
    if Uuid::try_parse(&claims.appid) != Ok(client) {
        return Err(invalid(
            "Invalid request. The refresh token was issued to another client.",
        ));
    }
    content.platform.check_origin(is_cross_origin)?;
    let method = client::authenticate_for_user(shared, form, content.platform).await?;
    let user = users::by_id(shared, claims.oid)?;
    // Both are whole seconds: a token of the same second may be newer than the password.
    if user.password_set.is_some_and(|set| claims.iat < set) {
        return Err(OAuthError::request(
            "invalid_grant",
            50_173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have \
             changed or reset their password.",
        ));
    }
    let scopes = match form.get("scope") {
        Some(scope) => Scopes::parse(scope)?,
        None => Scopes::of_sign_in(&content.scope)?,
    };
    let granted = Granted {
        client,
        platform: content.platform,
        method,
        nonce: None,
        is_refreshed: true,
    };
    user_tokens::answer(shared, &user, &scopes, &granted)
}
