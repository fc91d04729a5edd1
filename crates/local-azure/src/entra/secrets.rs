//! Client secrets, of which only a hash is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use uuid::Uuid;

use crate::state::Application;

/// Gives the application another client secret, and says it this once: the application keeps a hash alone.
#[must_use]
pub fn add_secret(application: &mut Application) -> String {
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let secret = URL_SAFE_NO_PAD.encode(random);
    application.secrets.push(hash(&secret));
    secret
}

/// Whether that is one of the application's secrets. How long it takes says nothing about them.
pub fn has_secret(application: &Application, secret: &str) -> bool {
    let hash = hash(secret);
    let fits = application.secrets.iter().fold(Choice::from(0), |fits, kept| {
        fits | kept.as_bytes().ct_eq(hash.as_bytes())
    });
    fits.into()
}

/// SHA-256 in hexadecimal. A secret of this many random bits needs no slower hash.
fn hash(secret: &str) -> String {
    super::hexadecimal(&Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_alone() {
        let mut application = Application {
            id: Uuid::new_v4(),
            client_id: Uuid::new_v4(),
            display_name: "app".to_owned(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
        };
        assert!(!has_secret(&application, ""));
        let [one, two] = [add_secret(&mut application), add_secret(&mut application)];
        assert_ne!(one, two);
        assert!(has_secret(&application, &one) && has_secret(&application, &two));
        assert!(!has_secret(&application, &one[1..]));
        assert!(!has_secret(&application, &application.secrets[0]));
        let kept = serde_json::to_string(&application).unwrap();
        assert!(!kept.contains(&one) && !kept.contains(&two));
    }
}
