//! The grant by an authorization code.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::codes::Authorized;
use super::error::OAuthError;
use super::form::Form;
use super::scopes::Scopes;
use super::shared::Shared;
use super::user_tokens::{self, Granted};
use super::{client, users};

/// Redeems a code. A web app authenticates as well. A code that was issued with a challenge needs its verifier.
/// `is_cross_origin` tells whether a page with scripts has sent the request.
pub async fn redeem(shared: &Shared, form: &Form, is_cross_origin: bool) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let redirect_uri = form.required("redirect_uri")?;
    let authorized = shared.codes.take(form.required("code")?)?;
    if authorized.client != client {
        let text = "The provided authorization code was issued to another client.";
        return Err(OAuthError::request("invalid_grant", 70_000, text));
    }
    if authorized.redirect_uri != redirect_uri && authorized.redirect_uri_in_azure.as_deref() != Some(redirect_uri) {
        let text = format!(
            "The reply address '{redirect_uri}' does not match the reply address '{}' provided when requesting \
             Authorization code.",
            authorized.redirect_uri
        );
        return Err(OAuthError::client(500_112, text));
    }
    authorized.platform.check_origin(is_cross_origin)?;
    check_verifier(&authorized, form.get("code_verifier"))?;
    let method = client::authenticate_for_user(shared, form, authorized.platform).await?;
    let user = users::by_id(shared, authorized.user)?;
    let scopes = match form.get("scope") {
        Some(scope) => Scopes::parse(scope)?,
        None => Scopes::of_sign_in(&authorized.scope)?,
    };
    let granted = Granted {
        client,
        platform: authorized.platform,
        method,
        nonce: authorized.nonce.as_deref(),
        is_refreshed: false,
    };
    user_tokens::answer(shared, &user, &scopes, &granted)
}

fn check_verifier(authorized: &Authorized, verifier: Option<&str>) -> Result<(), OAuthError> {
    let (code, text) = match (&authorized.challenge, verifier) {
        (None, None) => return Ok(()),
        (Some(challenge), Some(verifier)) => {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
            if bool::from(hash.as_bytes().ct_eq(challenge.as_bytes())) {
                return Ok(());
            }
            (
                501_481,
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
            )
        }
        (Some(_), None) => (
            50_148,
            "PKCE was used for the authorization request, so the code_verifier is required.",
        ),
        (None, Some(_)) => (
            50_148,
            "A code_verifier was sent, but the authorization request had no code_challenge.",
        ),
    };
    Err(OAuthError::request("invalid_grant", code, text))
}
