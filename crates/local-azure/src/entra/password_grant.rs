//! The grant by user name and password.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc>

use serde_json::Value;

use super::error::OAuthError;
use super::form::Form;
use super::scopes::Scopes;
use super::shared::Shared;
use super::user_tokens::{self, Granted};
use super::{client, users};

/// The grant by user name and password.
pub async fn redeem(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = users::client(shared, form)?;
    let platform = client::fallback_platform(shared, client);
    let method = client::authenticate_for_user(shared, form, platform).await?;
    let (name, password) = (form.required("username")?, form.required("password")?);
    let user = users::find(&shared.azure, name)?;
    users::check_password(shared, &user, password)?;
    let scopes = Scopes::parse(form.required("scope")?)?;
    user_tokens::answer(shared, &user, &scopes, &Granted::direct(client, platform, method))
}
