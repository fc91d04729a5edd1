//! Authorization codes, which wait to be redeemed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long a code is valid.
/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>
const LIFETIME: Duration = Duration::from_mins(10);
/// How many codes may be valid at a time. The oldest one is forgotten for a new one.
const LIMIT: usize = 1000;

/// What an address is registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A web app, which has credentials.
    Web,
    /// A page with scripts, which has none and must use PKCE.
    Spa,
    /// A program on the user's machine, which has none.
    Public,
}

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct Authorized {
    pub client: Uuid,
    /// The object id of the user who signed in.
    pub user: Uuid,
    pub scope: String,
    pub redirect_uri: String,
    pub platform: Platform,
    pub nonce: Option<String>,
    /// The challenge of PKCE (RFC 7636): the SHA-256 hash of the verifier, in base64url.
    pub challenge: Option<String>,
}

/// The codes that wait to be redeemed.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, (Instant, Authorized)>>);

impl Codes {
    /// Issues a code.
    pub fn issue(&self, authorized: Authorized) -> String {
        let code = format!("1.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let now = Instant::now();
        let mut codes = self.0.lock().expect("no thread panics while holding the lock");
        codes.retain(|_, (expires, _)| *expires > now);
        if codes.len() >= LIMIT
            && let Some(oldest) = codes.iter().min_by_key(|(_, (expires, _))| *expires)
        {
            let oldest = oldest.0.clone();
            codes.remove(&oldest);
        }
        codes.insert(code.clone(), (now + LIFETIME, authorized));
        code
    }

    /// Takes what a code stands for. It cannot be redeemed again, whether or not the rest of the request is right.
    pub fn take(&self, code: &str) -> Option<Authorized> {
        let mut codes = self.0.lock().expect("no thread panics while holding the lock");
        let (expires, authorized) = codes.remove(code)?;
        (expires > Instant::now()).then_some(authorized)
    }
}
