//! The reasons why a token is rejected.

use std::fmt;

/// Why a token is rejected. The reason never contains any part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRejection {
    /// It does not consist of three base64url parts, the first two of which are JSON.
    Malformed,
    /// Its `alg` is not RS256.
    Algorithm,
    /// Its `kid` does not belong to a published key.
    UnknownKey,
    /// The signature does not match.
    Signature,
    /// It lacks a claim that every access token has.
    MissingClaims,
    /// Its `iss` or `tid` belongs to another tenant.
    Tenant,
    /// Its `aud` is another service.
    Audience,
    /// Its `nbf` is in the future.
    NotYetValid,
    /// Its `exp` is in the past.
    Expired,
}

impl fmt::Display for TokenRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "this is not a token",
            Self::Algorithm => "the token is not signed with RS256",
            Self::UnknownKey => "the token is signed with a key that is not published",
            Self::Signature => "the token's signature is wrong",
            Self::MissingClaims => "the token lacks required claims",
            Self::Tenant => "the token was issued for another tenant",
            Self::Audience => "the token was issued for another audience",
            Self::NotYetValid => "the token is not valid yet",
            Self::Expired => "the token has expired",
        })
    }
}
