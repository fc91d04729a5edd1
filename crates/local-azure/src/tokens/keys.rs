//! The keys that sign tokens, and their rotation.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind as TokenError;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::now;
use super::rejection::TokenRejection;
use crate::error::{Error, Result};
use crate::files::write_private;

/// The tenant's signing keys: the current key, the next key, and retired keys whose tokens may still be in use. The next
/// key is published before it signs, so readers that cache keys can verify tokens right after a rotation.
/// <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>
pub struct SigningKeys {
    file: PathBuf,
    keys: RwLock<Vec<Key>>,
}

/// A key as it is stored. The list is ordered from oldest to newest, and the second-to-last key signs.
#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    kid: String,
    pem: String,
    /// When it was retired, in seconds since 1970.
    retired: Option<u64>,
}

struct Key {
    stored: StoredKey,
    private: EncodingKey,
    public: DecodingKey,
    published: Jwk,
}

/// How long a retired key stays published: the longest lifetime of a token.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;

impl SigningKeys {
    /// Opens `keys.json` in that folder, which is created if it does not exist.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("keys.json");
        let stored: Vec<StoredKey> = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| damaged(&file, &error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(file)(error)),
        };
        let opened = stored.into_iter().map(Key::open).collect::<Result<Vec<_>>>();
        let mut keys = opened.map_err(|error| damaged(&file, &error))?;
        if keys.len() < 2 {
            keys = vec![Key::new()?, Key::new()?];
            save(&file, &keys)?;
        }
        Ok(Self {
            file,
            keys: RwLock::new(keys),
        })
    }

    /// Signs a token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let keys = self.keys.read().expect("no thread panics while holding the lock");
        let key = &keys[keys.len() - 2];
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(key.stored.kid.clone());
        header.kid = Some(key.stored.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.private).expect("the claims are valid JSON and the key is RSA")
    }

    /// Returns the claims of a token that is signed with a published key, without checking them any further.
    ///
    /// # Errors
    ///
    /// It is not signed with a published key, or not a token.
    pub fn open_token<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenRejection> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenRejection::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenRejection::Algorithm);
        }
        let keys = self.keys.read().expect("no thread panics while holding the lock");
        let key = keys
            .iter()
            .find(|key| Some(&key.stored.kid) == header.kid.as_ref())
            .ok_or(TokenRejection::UnknownKey)?;
        // The reader chooses the algorithm, not the token. The caller checks the claims.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode::<T>(token, &key.public, &validation);
        token.map(|token| token.claims).map_err(|error| match error.kind() {
            TokenError::InvalidSignature => TokenRejection::Signature,
            TokenError::Json(_) => TokenRejection::MissingClaims,
            _ => TokenRejection::Malformed,
        })
    }

    /// The public keys, in the format of RFC 7517.
    pub fn published(&self) -> JwkSet {
        let keys = self.keys.read().expect("no thread panics while holding the lock");
        JwkSet {
            keys: keys.iter().map(|key| key.published.clone()).collect(),
        }
    }

    /// Makes the next key the signing key, and publishes a new next key.
    pub fn rotate(&self) -> Result<()> {
        let next = Key::new()?;
        let mut keys = self.keys.write().expect("no thread panics while holding the lock");
        let signing = keys.len() - 2;
        let mut changed: Vec<_> = keys.iter().map(|key| key.stored.clone()).collect();
        changed[signing].retired = Some(now());
        changed.retain(|key| key.retired.is_none_or(|at| now() < at + LONGEST_LIFETIME));
        let mut changed = changed.into_iter().map(Key::open).collect::<Result<Vec<_>>>()?;
        changed.push(next);
        save(&self.file, &changed)?;
        *keys = changed;
        Ok(())
    }
}

impl Key {
    fn new() -> Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(unusable)?;
        Self::open(StoredKey {
            kid: URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
            pem: pair.serialize_pem(),
            retired: None,
        })
    }

    fn open(stored: StoredKey) -> Result<Self> {
        let private = EncodingKey::from_rsa_pem(stored.pem.as_bytes()).map_err(unusable)?;
        let mut published = Jwk::from_encoding_key(&private, Algorithm::RS256).map_err(unusable)?;
        published.common.key_id = Some(stored.kid.clone());
        published.common.x509_sha1_fingerprint = Some(stored.kid.clone());
        published.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            public: DecodingKey::from_jwk(&published).map_err(unusable)?,
            private,
            published,
            stored,
        })
    }
}

fn save(file: &Path, keys: &[Key]) -> Result<()> {
    let stored: Vec<_> = keys.iter().map(|key| &key.stored).collect();
    write_private(file, &serde_json::to_vec(&stored).expect("the keys are valid JSON"))
}

fn damaged(file: &Path, error: &impl std::fmt::Display) -> Error {
    Error::Refused(format!(
        "{} is damaged ({error}): restore it, or delete it to get new keys. Tokens that the old keys signed are then invalid",
        file.display()
    ))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::failed("the signing keys of Local Azure", error)
}
