//! Tokens in the form of Entra's, signed by a key that lives as long as the test.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// The directory that every token of the rig is of.
pub const TENANT: &str = "11111111-1111-4111-8111-111111111111";

/// Who signs, as its tokens say it. The trailing slash is Entra's.
pub fn issuer() -> String {
    format!("https://sts.windows.net/{TENANT}/")
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a token of a managed identity says (access tokens, version 1.0).
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The resource it is for.
    pub aud: String,
    pub iss: String,
    pub iat: u64,
    pub nbf: u64,
    pub exp: u64,
    /// The identity's client id.
    pub appid: String,
    /// `2`: it signed in with a certificate, as managed identities do.
    pub appidacr: String,
    pub idp: String,
    pub idtyp: String,
    /// The identity's object id.
    pub oid: String,
    pub sub: String,
    pub tid: String,
    /// Different in every token.
    pub uti: String,
    pub ver: String,
    /// The identity as a resource of Azure.
    pub xms_mirid: String,
}

impl Claims {
    /// A token of this identity for that resource, valid from now on.
    pub fn new(client_id: &str, object_id: &str, resource: &str, lifetime: u64) -> Self {
        let now = now();
        Self {
            aud: resource.to_owned(),
            iss: issuer(),
            iat: now,
            nbf: now,
            exp: now + lifetime,
            appid: client_id.to_owned(),
            appidacr: "2".to_owned(),
            idp: issuer(),
            idtyp: "app".to_owned(),
            oid: object_id.to_owned(),
            sub: object_id.to_owned(),
            tid: TENANT.to_owned(),
            uti: URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
            ver: "1.0".to_owned(),
            xms_mirid: "/subscriptions/22222222-2222-4222-8222-222222222222/resourcegroups/restaurants/providers/\
                        Microsoft.ManagedIdentity/userAssignedIdentities/restaurant-review"
                .to_owned(),
        }
    }
}

/// A key that signs tokens.
pub struct Key {
    pair: KeyPair,
    id: String,
}

impl Key {
    pub fn new() -> Self {
        Self {
            pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
            id: URL_SAFE_NO_PAD.encode(Uuid::new_v4()),
        }
    }

    pub fn sign(&self, claims: &Claims) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": self.id, "kid": self.id});
        let claims = serde_json::to_vec(claims).unwrap();
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string()) + "." + &URL_SAFE_NO_PAD.encode(claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .unwrap();
        token.push('.');
        token + &URL_SAFE_NO_PAD.encode(signature)
    }

    /// What others know of it.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.pair.public_key().as_ref().to_vec())
    }
}

/// A key that tells whether the other half signed a token.
#[derive(Clone)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// The claims of a token that was signed by this key, or what is wrong with it.
    pub fn open(&self, token: &str) -> Result<Claims, &'static str> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err("this is no token");
        };
        let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| "this is no token");
        let json: Value = serde_json::from_slice(&decode(header)?).map_err(|_| "this is no token")?;
        // The one method that counts is the reader's choice, not the token's.
        if json["alg"] != "RS256" {
            return Err("the token is not signed by RS256");
        }
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(
                &token.as_bytes()[..header.len() + 1 + claims.len()],
                &decode(signature)?,
            )
            .map_err(|_| "the token's signature is not of the known key")?;
        serde_json::from_slice(&decode(claims)?).map_err(|_| "the token's claims cannot be read")
    }
}
