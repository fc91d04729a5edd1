//! Client secrets, which are stored only as hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use uuid::Uuid;

use crate::state::Application;

/// Adds a client secret to the application and returns it. The application stores only its hash.
#[must_use]
pub fn add_secret(application: &mut Application) -> String {
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let secret = URL_SAFE_NO_PAD.encode(random);
    application.secrets.push(hash(&secret));
    secret
}

/// Whether the application has that secret. The comparison takes constant time.
pub fn has_secret(application: &Application, secret: &str) -> bool {
    let hash = hash(secret);
    let found = application.secrets.iter().fold(Choice::from(0), |found, stored| {
        found | stored.as_bytes().ct_eq(hash.as_bytes())
    });
    found.into()
}

/// The SHA-256 hash in hexadecimal. A random secret of this length does not need a slow password hash.
fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hash_of_a_secret_is_stored() {
        let mut application = Application::new("ci");
        assert!(!has_secret(&application, ""));
        let [one, two] = [add_secret(&mut application), add_secret(&mut application)];
        assert_ne!(one, two);
        assert!(has_secret(&application, &one) && has_secret(&application, &two));
        assert!(!has_secret(&application, &one[1..]));
        assert!(!has_secret(&application, &application.secrets[0]));
        let stored = serde_json::to_string(&application).unwrap();
        assert!(!stored.contains(&one) && !stored.contains(&two));
    }
}
