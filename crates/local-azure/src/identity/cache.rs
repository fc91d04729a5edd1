//! The platform's token cache.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use uuid::Uuid;

use crate::azure::Azure;
use crate::state::Principal;
use crate::tokens::{Claims, now};

/// The maximum length of [`Cache::issued`].
const ISSUED_LIMIT: usize = 1000;

/// Caches the last token for each identity and resource until half of the token's lifetime has passed.
///
/// Azure caches tokens for about 24 hours and offers no way to clear the cache, so a new group membership can take that
/// long to take effect:
/// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#configure-target-resource>.
/// Azure does not document when it issues a new token. MSAL refreshes a token after half of its lifetime
/// (`refresh_in`). By then this cache returns a token that expires later.
#[derive(Default)]
pub struct Cache(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    tokens: HashMap<(Uuid, String), Entry>,
    issued: VecDeque<String>,
}

struct Entry {
    token: IssuedToken,
    /// The injected lifetime when the token was issued. If that changes, a new token is issued immediately.
    lifetime: Option<Duration>,
}

/// A token and its claims.
#[derive(Clone)]
pub struct IssuedToken {
    pub token: String,
    pub claims: Claims,
}

impl Cache {
    /// Returns a token for the resource, issued to the principal.
    pub fn token(&self, azure: &Azure, principal: &Principal, resource: &str) -> IssuedToken {
        let lifetime = azure.faults().active().token_lifetime;
        let mut entries = self.0.lock().expect("no thread panics while holding the lock");
        let key = (principal.id, resource.to_owned());
        if let Some(entry) = entries.tokens.get(&key)
            && entry.lifetime == lifetime
            && is_fresh(&entry.token.claims)
        {
            return entry.token.clone();
        }
        let claims = azure.claims(principal, resource);
        let issued = IssuedToken {
            token: azure.sign(&claims),
            claims,
        };
        if entries.issued.len() == ISSUED_LIMIT {
            entries.issued.pop_front();
        }
        entries.issued.push_back(issued.token.clone());
        let entry = Entry {
            token: issued.clone(),
            lifetime,
        };
        entries.tokens.insert(key, entry);
        issued
    }

    /// The tokens that were issued, oldest first.
    pub fn issued(&self) -> Vec<String> {
        self.0
            .lock()
            .expect("no thread panics while holding the lock")
            .issued
            .iter()
            .cloned()
            .collect()
    }

    /// Clears the cache.
    pub fn clear(&self) {
        self.0
            .lock()
            .expect("no thread panics while holding the lock")
            .tokens
            .clear();
    }
}

/// Whether less than half of the token's lifetime has passed.
fn is_fresh(claims: &Claims) -> bool {
    now() < claims.iat + (claims.exp - claims.iat) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ManagedIdentity;
    use crate::tokens::{POSTGRES, STORAGE};

    #[test]
    fn a_token_is_cached_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let [one, two] = ["one", "two"]
            .map(|name| ManagedIdentity::new(format!("/subscriptions/{name}").parse().unwrap()).principal());
        let cache = Cache::default();
        let token = |principal, resource| cache.token(&azure, principal, resource).token;
        let first = token(&one, STORAGE);
        assert_eq!(token(&one, STORAGE), first);
        assert_ne!(token(&two, STORAGE), first);
        assert_ne!(token(&one, POSTGRES), first);

        azure.keys().rotate().unwrap();
        assert_eq!(token(&one, STORAGE), first, "it is still valid");
        azure
            .faults()
            .change(|faults| faults.token_lifetime = Some(Duration::from_mins(1)));
        let short = cache.token(&azure, &one, STORAGE);
        assert_eq!(short.claims.exp - short.claims.iat, 60);
        azure.faults().change(|faults| faults.token_lifetime = None);
        let last = token(&one, STORAGE);
        assert_ne!(last, first);
        cache.clear();
        assert_ne!(token(&one, STORAGE), last);
        assert_eq!(cache.issued().len(), 6);
        assert_eq!(cache.issued()[0], first);
    }

    #[test]
    fn a_token_is_fresh_for_half_of_its_lifetime() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let principal = ManagedIdentity::new("/subscriptions/one".parse().unwrap()).principal();
        let mut claims = azure.claims(&principal, STORAGE);
        for (age, fresh) in [(0, true), (490, true), (510, false), (1001, false)] {
            claims.iat = now() - age;
            claims.exp = claims.iat + 1000;
            assert_eq!(is_fresh(&claims), fresh, "{age}");
        }
    }
}
