//! Client secrets, which are stored only as hashes.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::state::ClientSecret;

/// Adds a client secret that is valid for two years, and returns it. Only its hash is stored.
#[must_use]
pub fn add_secret(secrets: &mut Vec<ClientSecret>) -> String {
    let (start, end) = (
        OffsetDateTime::now_utc(),
        OffsetDateTime::now_utc() + Duration::days(730),
    );
    add_secret_with(secrets, None, start, end)
}

/// Adds a client secret with a name and a lifetime.
pub fn add_secret_with(
    secrets: &mut Vec<ClientSecret>,
    display_name: Option<String>,
    start: OffsetDateTime,
    end: OffsetDateTime,
) -> String {
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let secret = URL_SAFE_NO_PAD.encode(random);
    let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    secrets.push(ClientSecret {
        key_id: Uuid::new_v4(),
        hash: hash(&secret),
        hint: secret[..3].to_owned(),
        display_name,
        start: text(start),
        end: text(end),
    });
    secret
}

/// Whether that secret is one of these, and valid now. The comparison takes constant time.
pub fn has_secret(secrets: &[ClientSecret], secret: &str) -> bool {
    let hash = hash(secret);
    let now = OffsetDateTime::now_utc();
    let is_valid = |stored: &&ClientSecret| {
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339);
        time(&stored.start).is_ok_and(|start| start <= now) && time(&stored.end).is_ok_and(|end| now < end)
    };
    let valid = secrets.iter().filter(is_valid);
    let found = valid.fold(Choice::from(0), |found, stored| {
        found | stored.hash.as_bytes().ct_eq(hash.as_bytes())
    });
    found.into()
}

/// Whether a password has characters of three of these kinds: lower-case letters, upper-case letters, digits and others.
pub fn is_complex(password: &str) -> bool {
    let kinds: [fn(char) -> bool; 4] = [char::is_lowercase, char::is_uppercase, char::is_numeric, |c| {
        !c.is_alphanumeric()
    }];
    kinds.iter().filter(|is_one| password.contains(**is_one)).count() >= 3
}

/// How often the hash of a password is repeated.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).expect("it is not zero");

/// The salted hash of a user's password.
#[must_use]
pub fn hash_password(password: &str) -> String {
    let salt = Uuid::new_v4().into_bytes();
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.as_bytes(), &mut key);
    format!("{}:{}", hex::encode(salt), hex::encode(key))
}

/// Whether the hash is that of the password.
#[must_use]
pub fn is_password(hash: &str, password: &str) -> bool {
    let parts = hash
        .split_once(':')
        .and_then(|(salt, key)| Some((hex::decode(salt).ok()?, hex::decode(key).ok()?)));
    parts.is_some_and(|(salt, key)| {
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, password.as_bytes(), &key).is_ok()
    })
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
        let mut secrets = Vec::new();
        assert!(!has_secret(&secrets, ""));
        let [one, two] = [add_secret(&mut secrets), add_secret(&mut secrets)];
        assert_ne!(one, two);
        assert!(has_secret(&secrets, &one) && has_secret(&secrets, &two));
        assert!(!has_secret(&secrets, &one[1..]));
        assert!(!has_secret(&secrets, &secrets[0].hash));
        let stored = serde_json::to_string(&secrets).unwrap();
        assert!(!stored.contains(&one) && !stored.contains(&two));
        "2001-01-01T00:00:00Z".clone_into(&mut secrets[0].end);
        assert!(
            !has_secret(&secrets, &one) && has_secret(&secrets, &two),
            "one has expired"
        );
    }

    #[test]
    fn a_password_is_stored_as_a_salted_hash() {
        let [one, two] = [hash_password("riddle"), hash_password("riddle")];
        assert_ne!(one, two);
        assert!(is_password(&one, "riddle") && is_password(&two, "riddle"));
        assert!(!is_password(&one, "Riddle") && !is_password("", "") && !is_password("x:y", ""));
    }
}
