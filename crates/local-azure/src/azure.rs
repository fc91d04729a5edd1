//! The handle to a running Azure: its folder, state, keys, certificate authority and injected faults.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::certificates::Authority;
use crate::error::{Error, Result};
use crate::faults::Faults;
use crate::folder_lock::lock;
use crate::identity_headers::IdentityHeaders;
use crate::state::{Principal, PrincipalKind, State, Store};
use crate::state_folder::{self, STATE_FILE};
use crate::tokens::{Claims, SigningKeys, TOKEN_EXCHANGE, TokenRejection, now};

/// The lifetime of a managed identity's token: 24 hours, as on Azure.
const IDENTITY_TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// The lifetime of a user's or an application's token. Entra picks a random value between 60 and 90 minutes.
const TOKEN_LIFETIME: Duration = Duration::from_mins(75);

/// A handle to a running Azure. Clones are cheap and share all data.
#[derive(Clone)]
pub struct Azure(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    store: Store,
    keys: SigningKeys,
    authority: Authority,
    faults: Faults,
    headers: IdentityHeaders,
    /// Keeps other processes out of the folder.
    _lock: File,
}

impl Azure {
    /// Opens the Azure in that folder. A folder without a state gets a new, empty subscription.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyRunning`] if another process has opened the folder. [`Error::Refused`] if the folder belongs to
    /// another user.
    pub fn open(folder: &Path) -> Result<Self> {
        crate::tls::choose_provider();
        let folder = state_folder::open(folder)?;
        let lock = lock(&folder)?;
        let store = Store::open(folder.join(STATE_FILE))?;
        Ok(Self(Arc::new(Inner {
            keys: SigningKeys::open(&folder)?,
            authority: Authority::open(&folder)?,
            faults: Faults::default(),
            headers: IdentityHeaders::default(),
            store,
            folder,
            _lock: lock,
        })))
    }

    /// The absolute path of the folder that contains all data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The path of a subfolder, which is created if it does not exist.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.0.folder.join(name);
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        Ok(folder)
    }

    /// The state as it is now. It does not change while the caller holds it.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.0.store.state()
    }

    /// Reads from the state.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state())
    }

    /// Changes the state and saves it. Nothing changes if `change` fails or the file cannot be written.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        self.0.store.change(change)
    }

    /// Like [`Self::change`], for changes that fail with an error of their own.
    pub(crate) fn try_change<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Result<T, E> {
        self.0.store.change(change)
    }

    /// A receiver of each new state.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<State>> {
        self.0.store.changes()
    }

    /// The keys that sign tokens.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.0.keys
    }

    /// The authority that signs certificates.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The secrets that web apps use to request tokens.
    #[must_use]
    pub fn identity_headers(&self) -> &IdentityHeaders {
        &self.0.headers
    }

    /// The injected faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// The `iss` of version 1.0 tokens. Entra's issuer ends with a slash.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://sts.windows.net/{}/", self.read(|state| state.tenant))
    }

    /// The `iss` of version 2.0 tokens. Federated credentials that trust this tenant name it.
    #[must_use]
    pub fn federation_issuer(&self) -> String {
        format!(
            "https://login.microsoftonline.com/{}/v2.0",
            self.read(|state| state.tenant)
        )
    }

    /// The claims of a token that the principal would get for the resource now.
    #[must_use]
    pub fn claims(&self, principal: &Principal, resource: &str) -> Claims {
        let default = if principal.managed_identity.is_some() {
            IDENTITY_TOKEN_LIFETIME
        } else {
            TOKEN_LIFETIME
        };
        let lifetime = self.faults().active().token_lifetime.unwrap_or(default);
        let state = self.state();
        let issuer = if resource.strip_suffix('/').unwrap_or(resource) == TOKEN_EXCHANGE {
            self.federation_issuer()
        } else {
            self.issuer()
        };
        let mut claims = Claims::new(state.tenant, &issuer, resource, principal, lifetime);
        if principal.kind == PrincipalKind::Group {
            return claims;
        }
        // An application gets what it asks for. Local Azure's own services decide by all groups.
        match state.application_of(resource) {
            Some(api) => {
                claims.roles = state.app_roles(principal.id, api.client_id);
                claims.groups = state.claimed_groups(principal.id, api.client_id);
            }
            None => claims.groups = state.groups_of(principal.id),
        }
        claims
    }

    /// Signs a token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        self.keys().sign(claims)
    }

    /// Issues a token for the resource to the principal.
    #[must_use]
    pub fn token(&self, principal: &Principal, resource: &str) -> String {
        self.sign(&self.claims(principal, resource))
    }

    /// Returns a token's claims if this tenant issued it for one of these audiences and it is valid now. A trailing
    /// slash in the token's audience is ignored.
    pub fn verify(&self, token: &str, audiences: &[&str]) -> Result<Claims, TokenRejection> {
        let claims: Claims = self.keys().open_token(token)?;
        let now = now();
        if claims.iss != self.issuer() || claims.tid != self.read(|state| state.tenant) {
            Err(TokenRejection::Tenant)
        } else if !audiences.contains(&claims.aud.strip_suffix('/').unwrap_or(&claims.aud)) {
            Err(TokenRejection::Audience)
        } else if now < claims.nbf {
            Err(TokenRejection::NotYetValid)
        } else if now >= claims.exp {
            Err(TokenRejection::Expired)
        } else {
            Ok(claims)
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use uuid::Uuid;

    use super::*;
    use crate::state::ManagedIdentity;
    use crate::tokens::{POSTGRES, STORAGE};

    #[test]
    fn a_change_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let tenant = azure.read(|state| state.tenant);
        let group = azure.read(|state| state.group_id("rg"));
        azure
            .change(|state| {
                state.add_group("rg", "eastus");
                Ok(())
            })
            .unwrap();
        let refused = azure.change(|state| {
            state.remove(&group);
            Err::<(), _>(Error::Refused("no".to_owned()))
        });
        assert!(refused.is_err());
        let root = fs::read(azure.authority().file()).unwrap();
        drop(azure);

        let azure = Azure::open(folder.path()).unwrap();
        assert_eq!(azure.read(|state| state.tenant), tenant);
        assert!(azure.read(|state| state.get(&group).is_some()));
        assert_eq!(fs::read(azure.authority().file()).unwrap(), root);
    }

    #[test]
    fn a_folder_is_used_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _azure = Azure::open(folder.path()).unwrap();
        let Err(error) = Azure::open(folder.path()) else {
            panic!("the folder was opened twice");
        };
        assert!(matches!(error, Error::AlreadyRunning { .. }), "{error:?}");
        assert!(error.to_string().contains("already running"), "{error}");
    }

    #[test]
    fn an_unreadable_state_is_reported_and_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(STATE_FILE);
        fs::write(&file, "{").unwrap();
        let Err(error) = Azure::open(folder.path()) else {
            panic!("the state was read");
        };
        assert!(error.to_string().contains("state.json"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }

    fn azure() -> (tempfile::TempDir, Azure, Principal) {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let id =
            azure.read(|state| state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", "site"));
        let identity = ManagedIdentity::new(id);
        let principal = identity.principal();
        azure
            .change(|state| {
                state.put(&identity);
                Ok(())
            })
            .unwrap();
        (folder, azure, principal)
    }

    #[test]
    fn only_a_valid_token_is_accepted() {
        let (_folder, azure, principal) = azure();
        let (_other_folder, other, _) = self::azure();
        let token = azure.token(&principal, STORAGE);
        let claims = azure.verify(&token, &[POSTGRES, STORAGE]).unwrap();
        assert_eq!(claims.oid, principal.id);
        assert_eq!(claims.exp - claims.iat, 24 * 60 * 60);
        assert_eq!(
            claims.xms_mirid,
            principal.managed_identity.as_ref().map(ToString::to_string)
        );
        let slash = azure.token(&principal, "https://storage.azure.com/");
        assert!(azure.verify(&slash, &[STORAGE]).is_ok());

        let changed = |change: fn(&mut Claims)| {
            let mut claims = azure.claims(&principal, STORAGE);
            change(&mut claims);
            azure.sign(&claims)
        };
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = rest.split_once('.').unwrap();
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        for (token, why) in [
            (String::new(), TokenRejection::Malformed),
            ("secret".to_owned(), TokenRejection::Malformed),
            (format!("{rest}."), TokenRejection::Signature),
            (format!("{token}."), TokenRejection::Malformed),
            (format!("{header}.{payload}a.{signature}"), TokenRejection::Signature),
            (
                format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)),
                TokenRejection::Malformed,
            ),
            (
                format!(
                    "{}.{payload}.{signature}",
                    encode(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#))
                ),
                TokenRejection::Algorithm,
            ),
            (
                format!("{}.{payload}.{signature}", encode(r#"{"alg":"RS256"}"#)),
                TokenRejection::UnknownKey,
            ),
            (other.token(&principal, STORAGE), TokenRejection::UnknownKey),
            (azure.token(&principal, POSTGRES), TokenRejection::Audience),
            (
                azure.token(&principal, "https://storage.azure.com//"),
                TokenRejection::Audience,
            ),
            (changed(|claims| claims.exp = now()), TokenRejection::Expired),
            (changed(|claims| claims.nbf = now() + 60), TokenRejection::NotYetValid),
            (changed(|claims| claims.tid = Uuid::nil()), TokenRejection::Tenant),
            (changed(|claims| claims.iss += "v2.0"), TokenRejection::Tenant),
        ] {
            assert_eq!(azure.verify(&token, &[STORAGE]), Err(why), "{token}");
        }
    }

    #[test]
    fn tokens_stay_valid_when_keys_rotate() {
        let (folder, azure, principal) = azure();
        let published = azure.keys().published();
        let before = azure.token(&principal, STORAGE);
        azure.keys().rotate().unwrap();
        let after = azure.token(&principal, STORAGE);
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        assert_ne!(kid(&before), kid(&after));
        // A reader that fetched the keys before the rotation already knows the new one.
        assert!(published.find(&kid(&after)).is_some());
        assert!(azure.verify(&before, &[STORAGE]).is_ok());
        assert!(azure.verify(&after, &[STORAGE]).is_ok());
        drop(azure);
        let azure = Azure::open(folder.path()).unwrap();
        assert!(azure.verify(&before, &[STORAGE]).is_ok());
        assert!(azure.verify(&after, &[STORAGE]).is_ok());
        assert_eq!(kid(&azure.token(&principal, STORAGE)), kid(&after));
    }
}
