//! The platform's own cache of tokens.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use uuid::Uuid;

use crate::state::{Azure, Principal};
use crate::tokens::{Claims, now};

/// How many tokens are remembered for [`Cache::issued`].
const REMEMBERED: usize = 1000;

/// The last token of each identity and resource, which comes back until half of its lifetime is over.
///
/// Azure keeps tokens for around 24 hours and has no way to make it forget one, so that a new group membership may not
/// show for so long: <https://learn.microsoft.com/azure/app-service/overview-managed-identity#configure-target-resource>.
/// When a new one comes is not documented. Half of its lifetime is when MSAL asks again (`refresh_in`): then it gets
/// one that lives longer than the one it has.
#[derive(Default)]
pub struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tokens: HashMap<(Uuid, String), Entry>,
    issued: VecDeque<String>,
}

struct Entry {
    given: Given,
    /// The fault that held when it was signed: a changed lifetime is to be seen at once.
    lifetime: Option<Duration>,
}

/// A token and what it says.
#[derive(Clone)]
pub struct Given {
    pub token: String,
    pub claims: Claims,
}

impl Cache {
    /// A token of that principal for that resource.
    pub fn give(&self, azure: &Azure, principal: &Principal, resource: &str) -> Given {
        let lifetime = azure.faults().now().token_lifetime;
        let mut kept = self.0.lock().expect("nobody panics");
        let key = (principal.id, resource.to_owned());
        if let Some(entry) = kept.tokens.get(&key)
            && entry.lifetime == lifetime
            && is_fresh(&entry.given.claims)
        {
            return entry.given.clone();
        }
        let claims = azure.claims(principal, resource);
        let given = Given {
            token: azure.sign(&claims),
            claims,
        };
        if kept.issued.len() == REMEMBERED {
            kept.issued.pop_front();
        }
        kept.issued.push_back(given.token.clone());
        let entry = Entry {
            given: given.clone(),
            lifetime,
        };
        kept.tokens.insert(key, entry);
        given
    }

    /// The tokens that were signed here, newest last.
    pub fn issued(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics").issued.iter().cloned().collect()
    }

    /// Forgets the tokens that would come back.
    pub fn clear(&self) {
        self.0.lock().expect("nobody panics").tokens.clear();
    }
}

/// Whether half of its lifetime is still to come.
fn is_fresh(claims: &Claims) -> bool {
    now() < claims.iat + (claims.exp - claims.iat) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ManagedIdentity;
    use crate::tokens::{POSTGRES, STORAGE};

    #[test]
    fn a_token_comes_back_until_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let [one, two] = ["one", "two"].map(|name| ManagedIdentity::new(format!("/x/{name}")).principal());
        let cache = Cache::default();
        let give = |principal, resource| cache.give(&azure, principal, resource).token;
        let first = give(&one, STORAGE);
        assert_eq!(give(&one, STORAGE), first);
        assert_ne!(give(&two, STORAGE), first);
        assert_ne!(give(&one, POSTGRES), first);

        azure.keys().rotate().unwrap();
        assert_eq!(give(&one, STORAGE), first, "it is still good");
        azure
            .faults()
            .change(|faults| faults.token_lifetime = Some(Duration::from_mins(1)));
        let short = cache.give(&azure, &one, STORAGE);
        assert_eq!(short.claims.exp - short.claims.iat, 60);
        azure.faults().change(|faults| faults.token_lifetime = None);
        let last = give(&one, STORAGE);
        assert_ne!(last, first);
        cache.clear();
        assert_ne!(give(&one, STORAGE), last);
        assert_eq!(cache.issued().len(), 6);
        assert_eq!(cache.issued()[0], first);
    }

    #[test]
    fn half_of_the_lifetime_is_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        let principal = ManagedIdentity::new("/x/one".to_owned()).principal();
        let mut claims = azure.claims(&principal, STORAGE);
        for (age, fresh) in [(0, true), (499, true), (501, false), (1001, false)] {
            claims.iat = now() - age;
            claims.exp = claims.iat + 1000;
            assert_eq!(is_fresh(&claims), fresh, "{age}");
        }
    }
}
