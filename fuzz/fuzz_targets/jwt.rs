//! No token is accepted but those that were signed: neither any text, nor a signed token with a changed byte, another header
//! or other claims. A client assertion of any form is read or refused.
//!
//! The first byte of an input says which.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use libfuzzer_sys::fuzz_target;
use local_azure::entra::assertion::Assertion;
use local_azure::tokens::SigningKeys;
use serde_json::json;

/// The keys of a tenant, and a token that they have signed.
struct Tenant {
    keys: SigningKeys,
    token: String,
    public: DecodingKey,
}

static TENANT: LazyLock<Tenant> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = SigningKeys::open(folder.path()).expect("new keys");
    let id = "72f988bf-0000-0000-0000-2d7cd011db47";
    let token = keys.sign(&json!({
        "aud": "https://storage.azure.com", "iss": "https://sts.windows.net/t/", "iat": 1, "nbf": 1, "exp": 4_000_000_000_u64,
        "aio": "a", "appid": id, "appidacr": "2", "idp": "i", "idtyp": "app", "oid": id, "rh": "r", "sub": id, "tid": id,
        "uti": "u", "ver": "1.0",
    }));
    assert!(keys.open_token::<serde_json::Value>(&token).is_ok());
    let public = DecodingKey::from_jwk(&keys.published().keys[0]).expect("a published key");
    Tenant { keys, token, public }
});

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let token = match kind % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => changed(rest),
        _ => forged(rest),
    };
    let tenant = &*TENANT;
    let is_accepted = tenant.keys.open_token::<serde_json::Value>(&token).is_ok();
    assert_eq!(is_accepted, token == tenant.token, "{token}");
    if let Ok(assertion) = Assertion::read(&token) {
        let _ = assertion.check_time();
        assert!(assertion.claims.audiences().len() <= token.len());
        assert!(
            token == tenant.token || !assertion.is_signed_by(&tenant.public, Algorithm::RS256),
            "{token}"
        );
    }
});

/// The signed token with changed bytes: each change is a position of two bytes and the new byte. What follows the last one
/// is appended.
fn changed(changes: &[u8]) -> String {
    let mut token = TENANT.token.clone().into_bytes();
    let mut changes = changes.chunks_exact(3);
    for change in &mut changes {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % token.len();
        token[at] = change[2];
    }
    token.extend_from_slice(changes.remainder());
    String::from_utf8_lossy(&token).into_owned()
}

/// The signature of the signed token with another header and other claims, which are one in each line. An empty line stands
/// for what was signed, and `KEY` for the name of the key.
fn forged(text: &[u8]) -> String {
    let parts: Vec<&str> = TENANT.token.split('.').collect();
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut part = |signed: &str| match lines.next() {
        None | Some(b"") => signed.to_owned(),
        Some(line) => {
            let key = TENANT.keys.published().keys[0]
                .common
                .key_id
                .clone()
                .unwrap_or_default();
            URL_SAFE_NO_PAD.encode(String::from_utf8_lossy(line).replace("KEY", &key))
        }
    };
    let (header, claims) = (part(parts[0]), part(parts[1]));
    let signature = match lines.next() {
        Some(b"none") => "",
        _ => parts[2],
    };
    format!("{header}.{claims}.{signature}")
}
