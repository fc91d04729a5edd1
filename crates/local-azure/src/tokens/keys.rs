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
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Claims, Refusal, now};
use crate::state::write_private;
use crate::{Error, Result};

/// The tenant's signing keys: one that signs, one that will, and those whose tokens may still be in use. Readers learn
/// of a key before it signs, so that a rotation breaks nobody.
/// <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>
pub struct SigningKeys {
    file: PathBuf,
    keys: RwLock<Vec<Key>>,
}

/// A key as it is kept, newest last; the last but one signs.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    kid: String,
    pem: String,
    /// When it ceased to sign, in seconds since 1970.
    retired: Option<u64>,
}

struct Key {
    kept: Kept,
    signs: EncodingKey,
    checks: DecodingKey,
    published: Jwk,
}

/// How long a retired key is published: as long as any token lives.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;

impl SigningKeys {
    /// The keys of that folder, in `keys.json`; made at first use.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("keys.json");
        let kept: Vec<Kept> = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(unusable)?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(file)(error)),
        };
        let mut keys = kept.into_iter().map(Key::open).collect::<Result<Vec<_>>>()?;
        if keys.len() < 2 {
            keys = vec![Key::new()?, Key::new()?];
            save(&file, &keys)?;
        }
        Ok(Self {
            file,
            keys: RwLock::new(keys),
        })
    }

    /// A token that says that.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let keys = self.keys.read().expect("no change panics");
        let key = &keys[keys.len() - 2];
        let mut header = Header::new(Algorithm::RS256);
        header.x5t = Some(key.kept.kid.clone());
        header.kid = Some(key.kept.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.signs).expect("claims are JSON, and the key is RSA")
    }

    /// The claims of a token that one of the published keys signed. Nothing else about them is checked.
    pub(super) fn open_token(&self, token: &str) -> Result<Claims, Refusal> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::NoToken)?;
        if header.alg != Algorithm::RS256 {
            return Err(Refusal::Algorithm);
        }
        let keys = self.keys.read().expect("no change panics");
        let key = keys
            .iter()
            .find(|key| Some(&key.kept.kid) == header.kid.as_ref())
            .ok_or(Refusal::Key)?;
        // The one method that counts is the reader's choice, not the token's. What the claims must say is for the
        // service to judge.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode(token, &key.checks, &validation);
        token.map(|token| token.claims).map_err(|error| match error.kind() {
            TokenError::InvalidSignature => Refusal::Signature,
            TokenError::Json(_) => Refusal::Claims,
            _ => Refusal::NoToken,
        })
    }

    /// The public halves, for readers (RFC 7517).
    pub fn published(&self) -> JwkSet {
        let keys = self.keys.read().expect("no change panics");
        JwkSet {
            keys: keys.iter().map(|key| key.published.clone()).collect(),
        }
    }

    /// Lets the next key sign from now on, and announces the one after it.
    pub fn rotate(&self) -> Result<()> {
        let next = Key::new()?;
        let mut keys = self.keys.write().expect("no change panics");
        let signing = keys.len() - 2;
        let mut changed: Vec<_> = keys.iter().map(|key| key.kept.clone()).collect();
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
        Self::open(Kept {
            kid: URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
            pem: pair.serialize_pem(),
            retired: None,
        })
    }

    fn open(kept: Kept) -> Result<Self> {
        let signs = EncodingKey::from_rsa_pem(kept.pem.as_bytes()).map_err(unusable)?;
        let mut published = Jwk::from_encoding_key(&signs, Algorithm::RS256).map_err(unusable)?;
        published.common.key_id = Some(kept.kid.clone());
        published.common.x509_sha1_fingerprint = Some(kept.kid.clone());
        published.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            checks: DecodingKey::from_jwk(&published).map_err(unusable)?,
            signs,
            published,
            kept,
        })
    }
}

fn save(file: &Path, keys: &[Key]) -> Result<()> {
    let kept: Vec<_> = keys.iter().map(|key| &key.kept).collect();
    write_private(file, &serde_json::to_vec(&kept).expect("keys are JSON"))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::failed("the signing keys of Local Azure", error)
}
