//! Signing in to Azure without a password.
//!
//! [`credential`] finds the identity of this process and gets tokens for it. [`RefreshedToken`] keeps a token valid for
//! PostgreSQL, which accepts it as a password.

mod credential;
mod token;

pub use self::credential::credential;
pub use self::token::{RefreshedToken, TokenError};

/// The scope of a token for PostgreSQL.
/// <https://learn.microsoft.com/azure/postgresql/security/security-entra-configure>
pub const POSTGRES_SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";
