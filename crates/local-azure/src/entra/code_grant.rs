//! The grant by an authorization code.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#redeem-a-code-for-an-access-token>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::client::Client;
use super::codes::Platform;
use super::error::OAuthError;
use super::form::Form;
use super::shared::Shared;
use super::users;

/// Redeems a code. A web app authenticates as well. A code that was issued with a challenge needs its verifier.
pub async fn redeem(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let redirect_uri = form.required("redirect_uri")?;
    let invalid = |code, text: &str| OAuthError::request("invalid_grant", code, text);
    let unknown = || {
        invalid(
            70_008,
            "The provided authorization code is expired, was redeemed before, or is not valid.",
        )
    };
    let authorized = shared.codes.take(form.required("code")?).ok_or_else(unknown)?;
    if authorized.client != client {
        return Err(unknown());
    }
    if authorized.redirect_uri != redirect_uri {
        let text = "The reply address of the request differs from the one that the code was requested for.";
        return Err(invalid(50_011, text));
    }
    let verifier = form.get("code_verifier");
    match (&authorized.challenge, verifier) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) => {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
            if !bool::from(hash.as_bytes().ct_eq(challenge.as_bytes())) {
                let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
                return Err(invalid(501_481, text));
            }
        }
        (Some(_), None) => {
            let text = "PKCE was used for the authorization request, so the code_verifier is required.";
            return Err(invalid(50_148, text));
        }
        (None, Some(_)) => {
            let text = "A code_verifier was sent, but the authorization request had no code_challenge.";
            return Err(invalid(50_148, text));
        }
    }
    if authorized.platform == Platform::Web {
        let client = Client::find(shared, form.required("client_id")?)?;
        client.authenticate(shared, form).await?;
    }
    let user = users::by_id(shared, authorized.user)?;
    let scope = form.get("scope").unwrap_or(&authorized.scope);
    users::answer(shared, &user, client, scope, authorized.nonce.as_deref())
}
