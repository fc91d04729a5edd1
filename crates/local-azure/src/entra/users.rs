//! Tokens for users: by password, by a code that is confirmed in a browser, and by a refresh token.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth-ropc>

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::OAuthError;
use super::form::Form;
use super::id_token;
use super::secrets::is_password;
use super::shared::Shared;
use crate::azure::Azure;
use crate::state::{Principal, User};
use crate::tokens::{AZURE_CLI, Claims, GRAPH};

/// Microsoft's programs that sign users in: the Azure CLI, Azure PowerShell, Visual Studio and Visual Studio Code.
const KNOWN_CLIENTS: [&str; 4] = [
    AZURE_CLI,
    "1950a258-227b-4e31-a9cf-717495945fc2",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1",
    "aebc6443-996d-45c2-90f0-388ff96faa56",
];

/// The code of the error for an account that is locked.
pub const LOCKED: u32 = 50_053;

/// The audience of refresh tokens, which no service accepts.
const REFRESH: &str = "urn:local-azure:refresh-token";
/// Entra's lifetime of refresh tokens.
const REFRESH_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// The client id of a program that signs users in.
///
/// # Errors
///
/// The tenant does not know the program.
pub fn client(shared: &Shared, form: &Form) -> Result<Uuid, OAuthError> {
    let text = form.required("client_id")?;
    let id = Uuid::try_parse(text).ok();
    let is_registered = |id: Uuid| {
        is_known(id)
            || shared
                .azure
                .read(|state| state.directory.applications.iter().any(|one| one.client_id == id))
    };
    id.filter(|id| is_registered(*id)).ok_or_else(|| {
        let tenant = shared.own_tenant();
        let text = format!("Application with identifier '{text}' was not found in the directory '{tenant}'.");
        OAuthError::request("unauthorized_client", 700_016, text)
    })
}

/// Whether it is the client id of one of Microsoft's programs.
pub fn is_known(client: Uuid) -> bool {
    KNOWN_CLIENTS.iter().any(|known| Uuid::try_parse(known) == Ok(client))
}

/// The grant by user name and password.
pub fn by_password(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = client(shared, form)?;
    let (name, password) = (form.required("username")?, form.required("password")?);
    let user = find(&shared.azure, name)?;
    check_password(shared, &user, password)?;
    answer(shared, &user, client, form.required("scope")?, None)
}

/// The grant by a refresh token. The user must still exist.
pub fn by_refresh_token(shared: &Shared, form: &Form) -> Result<Value, OAuthError> {
    let client = client(shared, form)?;
    let invalid = |text: &str| OAuthError::request("invalid_grant", 9_002_313, text);
    let claims = shared
        .azure
        .verify(form.required("refresh_token")?, &[REFRESH])
        .map_err(|_| invalid("Invalid request. The refresh token is malformed, expired or not valid."))?;
    if Uuid::try_parse(&claims.appid) != Ok(client) {
        return Err(invalid(
            "Invalid request. The refresh token was issued to another client.",
        ));
    }
    let user = by_id(shared, claims.oid)?;
    // Both are whole seconds: a token of the same second may be newer than the password.
    if user.password_set.is_some_and(|set| claims.iat < set) {
        return Err(OAuthError::request(
            "invalid_grant",
            50_173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have \
             changed or reset their password.",
        ));
    }
    answer(shared, &user, client, form.required("scope")?, None)
}

/// A refresh token of a user for the Azure CLI, as a sign-in would have left it.
#[must_use]
pub fn refresh_token(azure: &Azure, user: &Principal, client: Uuid) -> String {
    let (tenant, issuer) = (azure.read(|state| state.tenant), azure.issuer());
    let mut claims = Claims::new(tenant, &issuer, REFRESH, user, REFRESH_LIFETIME);
    claims.appid = client.to_string();
    azure.sign(&claims)
}

/// The user with that object id, who must still exist.
pub fn by_id(shared: &Shared, id: Uuid) -> Result<User, OAuthError> {
    let is_wanted = |user: &&User| user.id == id;
    let found = shared
        .azure
        .read(|state| state.directory.users.iter().find(is_wanted).cloned());
    found.ok_or_else(|| {
        OAuthError::request(
            "invalid_grant",
            50_034,
            "The user account does not exist in the directory any more.",
        )
    })
}

/// # Errors
///
/// The password is wrong, the user has none, or too many wrong ones were sent.
pub fn check_password(shared: &Shared, user: &User, password: &str) -> Result<(), OAuthError> {
    let now = Instant::now();
    if shared.attempts.is_locked(user.id, now) {
        return Err(OAuthError::request(
            "invalid_grant",
            LOCKED,
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
        ));
    }
    let is_right = user.password.as_ref().is_some_and(|hash| is_password(hash, password));
    shared.attempts.record(user.id, is_right, now);
    if is_right {
        return Ok(());
    }
    let hint = if user.password.is_some() {
        ""
    } else {
        " In Local Azure, this user has no password yet: sign in with `az login --use-device-code`, or set one with `az ad \
         user update --id NAME --password PASSWORD`."
    };
    let text = format!("Error validating credentials due to invalid username or password.{hint}");
    Err(OAuthError::request("invalid_grant", 50_126, text))
}

/// The user with that name.
pub fn find(azure: &Azure, name: &str) -> Result<User, OAuthError> {
    let is_named = |user: &&User| user.user_principal_name.eq_ignore_ascii_case(name);
    let found = azure.read(|state| state.directory.users.iter().find(is_named).cloned());
    found.ok_or_else(|| {
        let tenant = azure.read(|state| state.tenant);
        let text = format!(
            "The user account {name} does not exist in the {tenant} directory. To sign into this \
                            application, the account must be added to the directory."
        );
        OAuthError::request("invalid_grant", 50_034, text)
    })
}

/// The tokens for a user who has authenticated. The ID token contains the nonce of the sign-in, if it has one.
pub fn answer(
    shared: &Shared,
    user: &User,
    client: Uuid,
    scope: &str,
    nonce: Option<&str>,
) -> Result<Value, OAuthError> {
    let azure = &shared.azure;
    let id_token = id_token::issue(shared, user, client, nonce)?;
    let resource = resource(scope)?;
    let principal = azure.read(|state| {
        if !state.knows_resource(&resource) {
            let text = state.unknown_resource(&resource);
            return Err(OAuthError::request("invalid_resource", 500_011, text));
        }
        let user = state.principal(user.id);
        user.ok_or_else(|| OAuthError::request("invalid_grant", 50_034, "The user account does not exist."))
    })?;
    let mut claims = azure.claims(&principal, &resource);
    claims.appid = client.to_string();
    let lifetime = claims.exp - claims.iat;
    let client_info = json!({"uid": principal.id, "utid": claims.tid}).to_string();
    Ok(json!({
        "token_type": "Bearer",
        // Clients look for the scope that they asked for.
        "scope": format!("{resource}/user_impersonation {resource}/.default"),
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": azure.sign(&claims),
        "refresh_token": refresh_token(azure, &principal, client),
        "id_token": id_token,
        "client_info": URL_SAFE_NO_PAD.encode(client_info),
    }))
}

/// The resource of the first scope that names one. Scopes without a resource are Microsoft Graph's.
fn resource(scope: &str) -> Result<String, OAuthError> {
    const STANDARD: [&str; 4] = ["openid", "profile", "offline_access", "email"];
    let named = scope.split_whitespace().find(|scope| !STANDARD.contains(scope));
    let Some(named) = named else {
        return Ok(GRAPH.to_owned());
    };
    match named.rsplit_once('/') {
        Some((resource, _)) if resource.contains("://") => Ok(resource.to_owned()),
        Some(_) => {
            let text = format!("The scope {named} is not valid.");
            Err(OAuthError::request("invalid_scope", 70_011, text))
        }
        None => Ok(GRAPH.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_a_resource() {
        for (scope, expected) in [
            (
                "https://management.core.windows.net//.default offline_access openid profile",
                "https://management.core.windows.net/",
            ),
            (
                "openid https://graph.microsoft.com/User.Read",
                "https://graph.microsoft.com",
            ),
            ("offline_access User.Read", "https://graph.microsoft.com"),
            ("openid profile", "https://graph.microsoft.com"),
            ("api://my-api/read", "api://my-api"),
        ] {
            assert_eq!(resource(scope).unwrap(), expected, "{scope}");
        }
        assert!(resource("a/b").is_err());
    }
}
