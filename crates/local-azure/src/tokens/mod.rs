//! Entra's access tokens: their claims, the keys that sign them, and the reasons why a service rejects a token.
//!
//! [`Azure`](crate::Azure) issues and verifies them.

mod claims;
mod clock;
mod keys;
mod rejection;
mod resources;

pub use self::claims::{AZURE_CLI, Claims};
pub use self::clock::now;
pub use self::keys::SigningKeys;
pub use self::rejection::TokenRejection;
pub use self::resources::{
    APP_SERVICE, AZURE_AUTHORITY, GRAPH, MANAGEMENT, MANAGEMENT_CORE, POSTGRES, STORAGE, TOKEN_EXCHANGE,
};
