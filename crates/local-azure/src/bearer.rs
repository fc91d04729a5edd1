//! The token in a request's header `Authorization`.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::azure::Azure;
use crate::state::Principal;
use crate::tokens::TokenRejection;

/// Why a request has no known caller.
pub enum Unauthenticated {
    /// There is no header.
    Missing,
    /// The header is not of the scheme `Bearer`.
    Scheme,
    /// The token is not valid.
    Token(TokenRejection),
    /// The token's principal was deleted or disabled.
    Principal,
}

/// The principal whose token the request carries. The token must be for one of the audiences.
///
/// # Errors
///
/// There is no valid token, or its principal was deleted or disabled.
pub fn principal(azure: &Azure, headers: &HeaderMap, audiences: &[&str]) -> Result<Principal, Unauthenticated> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let value = value.ok_or(Unauthenticated::Missing)?;
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| token.trim());
    let token = token.ok_or(Unauthenticated::Scheme)?;
    let claims = azure.verify(token, audiences).map_err(Unauthenticated::Token)?;
    let found = azure.read(|state| state.principal(claims.oid).filter(|_| state.is_enabled(claims.oid)));
    found.ok_or(Unauthenticated::Principal)
}
