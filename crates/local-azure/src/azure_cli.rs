//! The files that make the Azure CLI signed in as the developer in `local-azure shell`.
//!
//! Their form is that of azure-cli and of msal, its library for sign-ins:
//! <https://github.com/AzureAD/microsoft-authentication-library-for-python/blob/dev/msal/token_cache.py>

pub(crate) mod extension;

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::files::write_private;
use crate::tokens::AZURE_CLI;

const PROFILE: &str = "azureProfile.json";
const HOST: &str = "login.microsoftonline.com";

/// Who is signed in, and to what.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// The tenant.
    pub tenant: Uuid,
    /// The subscription.
    pub subscription: Uuid,
    /// The user's object id.
    pub user: Uuid,
    /// The user's name.
    pub name: String,
    /// A refresh token for the Azure CLI.
    pub refresh_token: String,
}

impl SignIn {
    /// Writes the files into the CLI's folder, unless it is already signed in, for example as somebody else.
    pub fn write(&self, folder: &Path) -> Result<()> {
        if is_signed_in(folder) {
            return Ok(());
        }
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(Error::file(folder))?;
        for (name, content) in [
            ("msal_token_cache.json", self.token_cache()),
            // The profile is last, because it is what the next shell looks for.
            (PROFILE, self.profile()),
        ] {
            let text = serde_json::to_vec_pretty(&content).expect("it is valid JSON");
            write_private(&folder.join(name), &text)?;
        }
        Ok(())
    }

    fn profile(&self) -> Value {
        json!({
            "installationId": Uuid::new_v4(),
            "subscriptions": [{
                "id": self.subscription,
                "name": "Local Azure",
                "state": "Enabled",
                "user": {"name": self.name, "type": "user"},
                "isDefault": true,
                "tenantId": self.tenant,
                "environmentName": "AzureCloud",
                "homeTenantId": self.tenant,
                "tenantDefaultDomain": "contoso.onmicrosoft.com",
                "tenantDisplayName": "Contoso",
                "managedByTenants": [],
            }],
        })
    }

    fn token_cache(&self) -> Value {
        let home = format!("{}.{}", self.user, self.tenant);
        json!({
            "Account": {format!("{home}-{HOST}-{}", self.tenant): {
                "home_account_id": home,
                "environment": HOST,
                "realm": self.tenant,
                "local_account_id": self.user,
                "username": self.name,
                "authority_type": "MSSTS",
            }},
            "RefreshToken": {format!("{home}-{HOST}-refreshtoken-{AZURE_CLI}--"): {
                "credential_type": "RefreshToken",
                "secret": self.refresh_token,
                "home_account_id": home,
                "environment": HOST,
                "client_id": AZURE_CLI,
            }},
        })
    }
}

/// Whether the Azure CLI in that folder is signed in: its profile has an account. After `az logout` it has none. A
/// profile that cannot be read is left alone.
#[must_use]
pub fn is_signed_in(folder: &Path) -> bool {
    let Ok(text) = fs::read_to_string(folder.join(PROFILE)) else {
        return fs::exists(folder.join(PROFILE)).unwrap_or_default();
    };
    // The CLI writes a byte order mark.
    let profile: serde_json::Result<Value> = serde_json::from_str(text.trim_start_matches('\u{feff}'));
    profile.map_or(true, |profile| {
        let accounts = profile["subscriptions"].as_array();
        accounts.is_some_and(|accounts| !accounts.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_sign_in_is_kept_until_it_ends() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("azure-cli");
        let sign_in = SignIn {
            tenant: Uuid::new_v4(),
            subscription: Uuid::new_v4(),
            user: Uuid::new_v4(),
            name: "ada@contoso.onmicrosoft.com".to_owned(),
            refresh_token: "secret".to_owned(),
        };
        assert!(!is_signed_in(&folder));
        sign_in.write(&folder).unwrap();
        assert!(is_signed_in(&folder));
        for (profile, is_kept) in [
            ("\u{feff}{\"subscriptions\": [{}]}", true),
            ("not JSON", true),
            ("\u{feff}{\"installationId\": \"x\", \"subscriptions\": []}", false),
            ("{}", false),
        ] {
            fs::write(folder.join(PROFILE), profile).unwrap();
            sign_in.write(&folder).unwrap();
            let after = fs::read_to_string(folder.join(PROFILE)).unwrap();
            assert_eq!(after == profile, is_kept, "{profile}");
            assert!(is_signed_in(&folder));
        }
    }
}
