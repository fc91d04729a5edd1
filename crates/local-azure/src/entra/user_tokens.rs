//! The tokens that a program gets for a user who has signed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::codes::Platform;
use super::error::OAuthError;
use super::scopes::Scopes;
use super::shared::Shared;
use super::{access_token, id_token, refresh_tokens};
use crate::state::User;

/// How a program came to act for a user.
pub struct Granted<'a> {
    pub client: Uuid,
    pub platform: Platform,
    /// How the program authenticated, as the value of the claim `appidacr`.
    pub method: &'static str,
    /// The nonce of the sign-in, for the ID token.
    pub nonce: Option<&'a str>,
    /// Whether the program has presented a refresh token, which is replaced.
    pub is_refreshed: bool,
}

impl Granted<'_> {
    /// A program that has signed the user in without a redirect URI.
    pub fn direct(client: Uuid, platform: Platform, method: &'static str) -> Self {
        Self {
            client,
            platform,
            method,
            nonce: None,
            is_refreshed: false,
        }
    }
}

/// The answer of the token endpoint. It has an ID token if the scopes contain `openid`, and a refresh token if they contain
/// `offline_access` or the program has presented one.
///
/// # Errors
///
/// The user or the application may not have the tokens.
pub fn answer(shared: &Shared, user: &User, scopes: &Scopes, granted: &Granted<'_>) -> Result<Value, OAuthError> {
    let azure = &shared.azure;
    let state = azure.state();
    id_token::check(&state, user, granted.client)?;
    scopes.check(&state, granted.client)?;
    let principal = state
        .principal(user.id)
        .ok_or_else(|| OAuthError::request("invalid_grant", 50_034, "The user account does not exist."))?;
    let mut claims = azure.claims(&principal, &scopes.resource);
    claims.appid = granted.client.to_string();
    granted.method.clone_into(&mut claims.appidacr);
    let permissions = scopes.granted(&state);
    let name = user.properties.get("displayName").and_then(Value::as_str);
    if let Some(name) = name {
        claims.name = Some(name.to_owned());
    }
    let lifetime = claims.exp - claims.iat;
    let client_info = json!({"uid": principal.id, "utid": claims.tid}).to_string();
    claims.scp = Some(permissions.clone());
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": scopes.answer(&permissions),
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access_token::sign(shared, &state, &claims),
        "client_info": URL_SAFE_NO_PAD.encode(client_info),
    });
    if scopes.has("openid") {
        answer["id_token"] = id_token::issue(shared, user, granted.client, scopes, granted.nonce).into();
    }
    if granted.is_refreshed || scopes.has("offline_access") {
        let token = refresh_tokens::issue(azure, &principal, granted.client, granted.platform, &scopes.text());
        answer["refresh_token"] = token.into();
    }
    Ok(answer)
}
