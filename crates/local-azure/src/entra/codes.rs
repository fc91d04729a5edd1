//! Authorization codes, which wait to be redeemed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::OAuthError;

/// How long a code is valid.
/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>
const LIFETIME: Duration = Duration::from_mins(10);
/// How many codes may be valid at a time. The oldest one is forgotten for a new one.
const LIMIT: usize = 1000;

/// What an address is registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Platform {
    /// A web app, which has credentials.
    Web,
    /// A page with scripts, which has none and must use PKCE.
    Spa,
    /// A program on the user's machine, which has none.
    Public,
}

impl Platform {
    /// Checks whether a page with scripts has sent the request for tokens. Browsers state the origin of such a page.
    ///
    /// # Errors
    ///
    /// It has, and the tokens are not for one; or the other way round.
    pub fn check_origin(self, is_cross_origin: bool) -> Result<(), OAuthError> {
        let (code, text) = match (self, is_cross_origin) {
            (Self::Spa, false) => (
                9_002_327,
                "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin \
                 requests.",
            ),
            (Self::Web | Self::Public, true) => (
                9_002_326,
                "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.",
            ),
            _ => return Ok(()),
        };
        Err(OAuthError::request("invalid_request", code, text))
    }
}

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct Authorized {
    pub client: Uuid,
    /// The object id of the user who signed in.
    pub user: Uuid,
    pub scope: String,
    pub redirect_uri: String,
    /// The address in Azure that `redirect_uri` stands for, if it is that of a web app on this machine.
    pub redirect_uri_in_azure: Option<String>,
    pub platform: Platform,
    pub nonce: Option<String>,
    /// The challenge of PKCE (RFC 7636): the SHA-256 hash of the verifier, in base64url.
    pub challenge: Option<String>,
}

/// The codes that wait to be redeemed, and those that were redeemed and have not expired, without what they stood for.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, (Instant, Option<Authorized>)>>);

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
        codes.insert(code.clone(), (now + LIFETIME, Some(authorized)));
        code
    }

    /// Takes what a code stands for. It cannot be redeemed again, whether or not the rest of the request is right.
    ///
    /// # Errors
    ///
    /// The code was redeemed before, or is unknown or expired.
    pub fn take(&self, code: &str) -> Result<Authorized, OAuthError> {
        let mut codes = self.0.lock().expect("no thread panics while holding the lock");
        let now = Instant::now();
        let invalid = |code, text: &str| Err(OAuthError::request("invalid_grant", code, text));
        match codes.get_mut(code) {
            Some((expires, authorized)) if *expires > now => match authorized.take() {
                Some(authorized) => Ok(authorized),
                None => invalid(
                    54_005,
                    "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                     existing refresh token.",
                ),
            },
            _ => invalid(70_008, "The provided authorization code is expired or not valid."),
        }
    }
}
