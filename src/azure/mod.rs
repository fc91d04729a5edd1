//! Signing in to Azure without a password.
//!
//! [`credential`] finds the identity that this process has, and gets tokens for it; [`KeptToken`] keeps
//! one of them valid for PostgreSQL, which takes it as a password.

mod credential;
mod token;

pub use self::credential::credential;
pub use self::token::{KeptToken, TokenError};

/// What a token for PostgreSQL is asked for.
/// <https://learn.microsoft.com/azure/postgresql/security/security-entra-configure>
pub const POSTGRES_SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";
