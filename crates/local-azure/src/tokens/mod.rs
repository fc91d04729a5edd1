//! Entra's access tokens: what they say, who signs them, how a service checks them.

mod claims;
mod keys;
mod resources;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::claims::Claims;
pub use self::keys::SigningKeys;

use crate::state::{Azure, Principal, PrincipalKind};

/// The resource that PostgreSQL is to Entra.
pub const POSTGRES: &str = "https://ossrdbms-aad.database.windows.net";
/// The resource that Blob Storage is to Entra.
pub const STORAGE: &str = "https://storage.azure.com";
/// The resource that the control plane is to Entra.
pub const MANAGEMENT: &str = "https://management.azure.com";

/// How long a managed identity's token lives: a day, as the platform keeps it.
const IDENTITY_LIFETIME: Duration = Duration::from_hours(24);
/// How long a user's or an application's token lives; Entra draws it between 60 and 90 minutes.
const LIFETIME: Duration = Duration::from_mins(75);

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("the clock is right").as_secs()
}

/// Why a token is not taken; without a word of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not of three parts in base64url, with JSON in the first two.
    NoToken,
    /// Its `alg` is another than RS256.
    Algorithm,
    /// Its `kid` is no published key's.
    Key,
    /// The signature does not fit.
    Signature,
    /// It lacks claims that an access token has.
    Claims,
    /// Its `iss` or `tid` is another tenant's.
    Tenant,
    /// Its `aud` is another service.
    Audience,
    /// `nbf` is in the future.
    NotYetValid,
    /// `exp` is in the past.
    Expired,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "this is no token",
            Self::Algorithm => "the token is not signed by RS256",
            Self::Key => "the token is signed by a key that is not published",
            Self::Signature => "the token's signature is wrong",
            Self::Claims => "the token lacks claims",
            Self::Tenant => "the token is of another tenant",
            Self::Audience => "the token is for another audience",
            Self::NotYetValid => "the token is not valid yet",
            Self::Expired => "the token has expired",
        })
    }
}

impl Azure {
    /// Who signs, as tokens of version 1.0 say it. The trailing slash is Entra's.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://sts.windows.net/{}/", self.read(|state| state.tenant))
    }

    /// What a token of that principal for that resource says, valid from now on.
    #[must_use]
    pub fn claims(&self, principal: &Principal, resource: &str) -> Claims {
        let azures = if principal.managed_identity.is_some() {
            IDENTITY_LIFETIME
        } else {
            LIFETIME
        };
        let lifetime = self.faults().now().token_lifetime.unwrap_or(azures);
        let (tenant, groups) = self.read(|state| (state.tenant, state.groups_of(principal.id)));
        let claims = Claims::new(tenant, &self.issuer(), resource, principal, lifetime);
        match principal.kind {
            PrincipalKind::User | PrincipalKind::ServicePrincipal => claims.with_groups(groups),
            PrincipalKind::Group => claims,
        }
    }

    /// A token that says that.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        self.keys().sign(claims)
    }

    /// A token of that principal for that resource.
    #[must_use]
    pub fn token(&self, principal: &Principal, resource: &str) -> String {
        self.sign(&self.claims(principal, resource))
    }

    /// What a token says, when it is one of this tenant for one of these resources and valid now. A trailing slash of
    /// the audience does not count.
    pub fn verify(&self, token: &str, audiences: &[&str]) -> Result<Claims, Refusal> {
        let claims = self.keys().open_token(token)?;
        let now = now();
        if claims.iss != self.issuer() || claims.tid != self.read(|state| state.tenant) {
            Err(Refusal::Tenant)
        } else if !audiences.contains(&claims.aud.strip_suffix('/').unwrap_or(&claims.aud)) {
            Err(Refusal::Audience)
        } else if now < claims.nbf {
            Err(Refusal::NotYetValid)
        } else if now >= claims.exp {
            Err(Refusal::Expired)
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

    fn azure() -> (tempfile::TempDir, Azure, Principal) {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let id =
            azure.read(|state| state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", "site"));
        let identity = ManagedIdentity::new(id);
        let principal = identity.principal();
        azure
            .change(|state| {
                state.identities.push(identity);
                Ok(())
            })
            .unwrap();
        (folder, azure, principal)
    }

    #[test]
    fn only_the_right_token_is_taken() {
        let (_folder, azure, principal) = azure();
        let (_other_folder, other, _) = self::azure();
        let token = azure.token(&principal, STORAGE);
        let claims = azure.verify(&token, &[POSTGRES, STORAGE]).unwrap();
        assert_eq!(claims.oid, principal.id);
        assert_eq!(claims.exp - claims.iat, 24 * 60 * 60);
        assert_eq!(claims.xms_mirid, principal.managed_identity);
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
            (String::new(), Refusal::NoToken),
            ("secret".to_owned(), Refusal::NoToken),
            (format!("{rest}."), Refusal::Signature),
            (format!("{token}."), Refusal::NoToken),
            (format!("{header}.{payload}a.{signature}"), Refusal::Signature),
            (format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)), Refusal::NoToken),
            (
                format!(
                    "{}.{payload}.{signature}",
                    encode(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#))
                ),
                Refusal::Algorithm,
            ),
            (
                format!("{}.{payload}.{signature}", encode(r#"{"alg":"RS256"}"#)),
                Refusal::Key,
            ),
            (other.token(&principal, STORAGE), Refusal::Key),
            (azure.token(&principal, POSTGRES), Refusal::Audience),
            (
                azure.token(&principal, "https://storage.azure.com//"),
                Refusal::Audience,
            ),
            (changed(|claims| claims.exp = now()), Refusal::Expired),
            (changed(|claims| claims.nbf = now() + 60), Refusal::NotYetValid),
            (changed(|claims| claims.tid = Uuid::nil()), Refusal::Tenant),
            (changed(|claims| claims.iss += "v2.0"), Refusal::Tenant),
        ] {
            assert_eq!(azure.verify(&token, &[STORAGE]), Err(why), "{token}");
        }
    }

    #[test]
    fn keys_rotate_and_old_tokens_stay_good() {
        let (folder, azure, principal) = azure();
        let published = azure.keys().published();
        let before = azure.token(&principal, STORAGE);
        azure.keys().rotate().unwrap();
        let after = azure.token(&principal, STORAGE);
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        assert_ne!(kid(&before), kid(&after));
        // A reader that fetched the keys before the rotation knows the new one already.
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
