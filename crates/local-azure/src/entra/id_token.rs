//! ID tokens, version 2.0: who has signed in to an application.
//! <https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::OAuthError;
use super::shared::Shared;
use crate::state::{State, User};
use crate::tokens::now;

/// How long an ID token is valid.
const LIFETIME: u64 = 75 * 60;

/// Issues an ID token for a user who has authenticated.
///
/// # Errors
///
/// The user is disabled, or has no access to an application that requires an assignment.
pub fn issue(shared: &Shared, user: &User, client: Uuid, nonce: Option<&str>) -> Result<String, OAuthError> {
    if !user.is_enabled() {
        let text = "The user account is disabled.";
        return Err(OAuthError::request("invalid_grant", 50_057, text));
    }
    let azure = &shared.azure;
    let state = azure.state();
    if !state.may_sign_in_to(user.id, client) {
        let text = format!(
            "Your administrator has configured the application '{client}' to block users unless they are specifically \
             granted ('assigned') access to the application. The signed in user '{}' is blocked.",
            user.user_principal_name
        );
        return Err(OAuthError::request("interaction_required", 50_105, text));
    }
    let now = now();
    let lifetime = azure.faults().active().token_lifetime;
    let name = user.properties.get("displayName").and_then(Value::as_str);
    let mut claims = json!({
        "aud": client,
        "iss": format!("{}{}/v2.0", shared.authority, state.tenant),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime.map_or(LIFETIME, |lifetime| lifetime.as_secs()),
        "name": name.unwrap_or(&user.user_principal_name),
        "oid": user.id,
        "preferred_username": user.user_principal_name,
        "sub": user.id,
        "tid": state.tenant,
        "uti": URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    if let Some(mail) = user.properties.get("mail").filter(|mail| mail.is_string()) {
        claims["email"] = mail.clone();
    }
    let roles = state.app_roles(user.id, client);
    if !roles.is_empty() {
        claims["roles"] = roles.into();
    }
    if has_groups(&state, client) {
        claims["groups"] = json!(state.groups_of(user.id));
    }
    Ok(azure.keys().sign(&claims))
}

/// Whether the application asks for the user's groups (`groupMembershipClaims`).
fn has_groups(state: &State, client: Uuid) -> bool {
    let mut all = state.directory.applications.iter();
    let application = all.find(|one| one.client_id == client);
    let claims = application.and_then(|one| one.properties.get("groupMembershipClaims")?.as_str());
    claims.is_some_and(|claims| {
        claims
            .split(',')
            .any(|kind| ["SecurityGroup", "All"].contains(&kind.trim()))
    })
}
