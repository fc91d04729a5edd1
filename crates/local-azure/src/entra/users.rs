//! Users who sign in, and the programs that sign them in.

use std::time::Instant;

use uuid::Uuid;

use super::error::OAuthError;
use super::form::Form;
use super::secrets::is_password;
use super::shared::Shared;
use crate::azure::Azure;
use crate::state::User;
use crate::tokens::AZURE_CLI;

/// Microsoft's programs that sign users in: the Azure CLI, Azure PowerShell, Visual Studio and Visual Studio Code.
const KNOWN_CLIENTS: [&str; 4] = [
    AZURE_CLI,
    "1950a258-227b-4e31-a9cf-717495945fc2",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1",
    "aebc6443-996d-45c2-90f0-388ff96faa56",
];

/// The code of the error for an account that is locked.
pub const LOCKED: u32 = 50_053;

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
        " In Local Azure, this user has no password yet: sign in with `az login`, or set one with `az ad \
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
