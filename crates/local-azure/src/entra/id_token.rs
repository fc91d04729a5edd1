//! ID tokens, version 2.0: who has signed in to an application.
//! <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::OAuthError;
use super::scopes::Scopes;
use super::shared::Shared;
use crate::state::{State, User};
use crate::tokens::now;

/// How long an ID token is valid.
const LIFETIME: u64 = 75 * 60;

/// Checks that a user may sign in to an application.
///
/// # Errors
///
/// The user or the application is disabled, or the user has no access to an application that requires an assignment.
pub fn check(state: &State, user: &User, client: Uuid) -> Result<(), OAuthError> {
    if !user.is_enabled() {
        let text = "The user account is disabled.";
        return Err(OAuthError::request("invalid_grant", 50_057, text));
    }
    let mut principals = state.directory.service_principals.iter();
    if principals.any(|one| one.client_id == client && !one.is_enabled()) {
        let text = format!("Application '{client}' is disabled.");
        return Err(OAuthError::request("unauthorized_client", 7_000_112, text));
    }
    if state.may_sign_in_to(user.id, client) {
        return Ok(());
    }
    let text = format!(
        "Your administrator has configured the application '{client}' to block users unless they are specifically \
         granted ('assigned') access to the application. The signed in user '{}' is blocked.",
        user.user_principal_name
    );
    Err(OAuthError::request("interaction_required", 50_105, text))
}

/// Issues an ID token for a user who has authenticated. The scopes decide how much it says.
pub fn issue(shared: &Shared, user: &User, client: Uuid, scopes: &Scopes, nonce: Option<&str>) -> String {
    let azure = &shared.azure;
    let state = azure.state();
    let now = now();
    let lifetime = azure.faults().active().token_lifetime;
    let mut claims = json!({
        "aud": client,
        "iss": shared.issuer_v2(),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime.map_or(LIFETIME, |lifetime| lifetime.as_secs()),
        "sub": subject(user.id, client),
        "tid": state.tenant,
        "uti": URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    if scopes.has("profile") {
        let name = user.properties.get("displayName").and_then(Value::as_str);
        claims["name"] = name.unwrap_or(&user.user_principal_name).into();
        claims["oid"] = json!(user.id);
        claims["preferred_username"] = user.user_principal_name.as_str().into();
    }
    if let Some(mail) = user.properties.get("mail").filter(|mail| mail.is_string())
        && scopes.has("email")
    {
        claims["email"] = mail.clone();
    }
    let roles = state.app_roles(user.id, client);
    if !roles.is_empty() {
        claims["roles"] = roles.into();
    }
    let groups = state.claimed_groups(user.id, client);
    if !groups.is_empty() {
        claims["groups"] = json!(groups);
    }
    azure.keys().sign(&claims)
}

/// The subject of a user's ID tokens, which differs between applications.
fn subject(user: Uuid, client: Uuid) -> String {
    let both = [user.into_bytes(), client.into_bytes()].concat();
    URL_SAFE_NO_PAD.encode(Sha256::digest(both))
}
