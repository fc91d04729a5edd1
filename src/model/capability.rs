//! Secrets in links: whoever has the link may do what it is for.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::SubmissionId;

/// The length of one, in hexadecimal digits.
const LENGTH: usize = 64;

/// A random key. Only its hash is kept, so that a copy of what is kept opens nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Capability(String);

impl Capability {
    /// A new key, with 244 bits from the generator of random UUIDs, which is made for secrets.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// The key to what this submission adds, for a client that has chosen this secret: the same if it sends it again.
    #[must_use]
    pub fn to_submission(&self, submission: &SubmissionId) -> Self {
        Self(hex::encode(Sha256::digest(format!(
            "{} {}",
            self.0,
            submission.as_str()
        ))))
    }

    /// The key, for a link or a cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it. The key is random, so one round of SHA-256 suffices: there is nothing to guess.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability")
    }
}

impl FromStr for Capability {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_key = text.len() == LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_key { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_and_are_read_back() {
        let key = Capability::random();
        assert_eq!(key.expose().parse(), Ok(key.clone()));
        assert_ne!(key, Capability::random());
        assert_eq!(format!("{key:?}"), "Capability");
    }

    #[test]
    fn each_secret_and_submission_has_a_key_of_its_own() {
        let secrets = [Capability::random(), Capability::random()];
        let submissions = ["1", "2"].map(|id| SubmissionId::of(id, &[]).unwrap());
        let mut keys = HashSet::new();
        for secret in &secrets {
            for submission in &submissions {
                let key = secret.to_submission(submission);
                assert_eq!(key.expose().parse(), Ok(key.clone()));
                assert!(key == secret.to_submission(submission));
                assert!(keys.insert(key.expose().to_owned()));
            }
        }
    }

    #[test]
    fn nothing_else_is_a_key() {
        let key = Capability::random().expose().to_owned();
        for bad in [
            "",
            &key[1..],
            &format!("{key}0"),
            &key.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A"),
            &format!("<{}", &key[1..]),
            &format!("é{}", &key[2..]),
        ] {
            assert!(bad.parse::<Capability>().is_err(), "{bad:?}");
        }
    }
}
