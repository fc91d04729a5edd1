#![doc = include_str!("../README.md")]

mod error;
mod password;
mod refresh;

pub use error::{NoToken, OpenError};
pub use password::{EntraPassword, Tokens};

/// The scope of tokens for Azure Database for PostgreSQL.
/// <https://learn.microsoft.com/azure/postgresql/security/security-entra-configure>
pub const SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";

/// Whether this SQLSTATE means that the server refuses the token: `invalid_password`, or
/// `invalid_authorization_specification`.
#[must_use]
pub fn is_refusal(sqlstate: Option<&str>) -> bool {
    matches!(sqlstate, Some("28P01" | "28000"))
}
