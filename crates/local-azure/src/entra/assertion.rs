//! Client assertions: signed tokens that authenticate a client (RFC 7523).

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use time::OffsetDateTime;
use time::macros::format_description;

use super::error::OAuthError;
use crate::tokens::now;

/// The only supported `client_assertion_type`.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The tolerated clock skew in seconds.
const SKEW: u64 = 5 * 60;

/// A parsed client assertion. It must not be trusted before its signature was checked.
pub struct Assertion<'a> {
    /// The token itself.
    pub token: &'a str,
    /// Its header.
    pub header: Header,
    /// Its claims.
    pub claims: AssertionClaims,
}

/// The claims that are checked.
#[derive(Deserialize)]
pub struct AssertionClaims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    aud: Audience,
    #[serde(deserialize_with = "seconds")]
    exp: u64,
    #[serde(default, deserialize_with = "seconds")]
    nbf: u64,
}

/// Parses a time in seconds, which may have a fraction (RFC 7519, section 2). Python's clients send fractions.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let time = f64::deserialize(deserializer)?;
    let time = Duration::try_from_secs_f64(time).map_err(D::Error::custom)?;
    Ok(time.as_secs())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl AssertionClaims {
    /// The token's audiences.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        match &self.aud {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Several(audiences) => audiences,
        }
    }
}

impl<'a> Assertion<'a> {
    /// Parses a token without verifying it.
    pub fn read(token: &'a str) -> Result<Self, OAuthError> {
        let malformed = |_| OAuthError::request("invalid_request", 50027, "JWT token is invalid or malformed.");
        Ok(Self {
            token,
            header: jsonwebtoken::decode_header(token).map_err(malformed)?,
            claims: jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(malformed)?,
        })
    }

    /// Whether it is signed with the private key of `key` and with that algorithm.
    #[must_use]
    pub fn is_signed_by(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<AssertionClaims>(self.token, key, &validation).is_ok()
    }

    /// Checks that it is valid now.
    pub fn check_time(&self) -> Result<(), OAuthError> {
        let (now, AssertionClaims { nbf, exp, .. }) = (now(), &self.claims);
        if now + SKEW >= *nbf && now < exp.saturating_add(SKEW) {
            return Ok(());
        }
        let [now, from, to] = [now, *nbf, *exp].map(format_time);
        Err(OAuthError::client(
            700_024,
            format!(
                "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, \
                 expiry time of assertion {to}. Review the documentation at \
                 https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
            ),
        ))
    }
}

/// Formats a time as Entra does.
fn format_time(seconds: u64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].0000000Z");
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    use super::*;

    fn read(claims: &Value) -> Option<(Vec<String>, u64, u64)> {
        let key = EncodingKey::from_secret(b"any");
        let token = jsonwebtoken::encode(&Header::default(), claims, &key).unwrap();
        let AssertionClaims { exp, nbf, .. } = Assertion::read(&token).ok()?.claims;
        Some((Assertion::read(&token).ok()?.claims.audiences().to_vec(), exp, nbf))
    }

    #[test]
    fn fractional_times_and_several_audiences_are_parsed() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let claims = json!({"iss": "i", "sub": "s", "aud": ["a", "b"], "exp": 1600.75, "nbf": 1000});
        assert_eq!(read(&claims), Some((names(&["a", "b"]), 1600, 1000)));
        let claims = json!({"iss": "i", "sub": "s", "aud": "a", "exp": 1600});
        assert_eq!(read(&claims), Some((names(&["a"]), 1600, 0)));
        for exp in [json!(-1), json!("1600"), Value::Null] {
            assert_eq!(read(&json!({"iss": "i", "sub": "s", "aud": "a", "exp": exp})), None);
        }
        assert!(Assertion::read("").is_err());
    }

    #[test]
    fn a_time_is_formatted_as_entra_does() {
        assert_eq!(format_time(0), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(format_time(u64::MAX), u64::MAX.to_string());
    }
}
