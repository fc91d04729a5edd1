//! Refresh tokens, with which a program gets further tokens for a user who has signed in.
//! <https://learn.microsoft.com/entra/identity-platform/refresh-tokens>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codes::Platform;
use crate::azure::Azure;
use crate::state::Principal;
use crate::tokens::{Claims, TokenRejection};

/// The audience of refresh tokens, which no service accepts.
const REFRESH: &str = "urn:local-azure:refresh-token";
/// Entra's lifetime of refresh tokens.
const LIFETIME: Duration = Duration::from_hours(24 * 90);
/// The same for a page with scripts.
const SPA_LIFETIME: Duration = Duration::from_hours(24);

/// What a refresh token contains.
#[derive(Serialize, Deserialize)]
pub struct Content {
    #[serde(flatten)]
    pub claims: Claims,
    /// What the address was registered for to which the sign-in led.
    #[serde(default = "public")]
    pub platform: Platform,
    /// What the program asked for at first.
    #[serde(default)]
    pub scope: String,
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

/// Returns what a refresh token contains, which must be valid now.
///
/// # Errors
///
/// Why it is not accepted.
pub fn open(azure: &Azure, token: &str) -> Result<Content, TokenRejection> {
    azure.verify(token, &[REFRESH])?;
    azure.keys().open_token(token)
}
