//! The grant by a refresh token.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token>

use serde_json::Value;
use uuid::Uuid;

use super::error::OAuthError;
use super::form::Form;
use super::scopes::Scopes;
use super::shared::Shared;
use super::user_tokens::{self, Granted};
use super::{client, refresh_tokens, users};

/// The grant by a refresh token. The user must still exist, and the program authenticates as it did at the sign-in.
pub async fn redeem(shared: &Shared, form: &Form, is_cross_origin: bool) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let invalid = |text: &str| OAuthError::request("invalid_grant", 9_002_313, text);
    let token = form.required("refresh_token")?;
    let malformed = "Invalid request. The refresh token is malformed, expired or not valid.";
    let content = refresh_tokens::open(&shared.azure, token).map_err(|_| invalid(malformed))?;
    let claims = &content.claims;
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
