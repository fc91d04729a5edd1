//! The state that the endpoints' handlers share.

use std::future::pending;
use std::sync::atomic::AtomicUsize;

use super::cache::{Cache, IssuedToken};
use crate::azure::Azure;
use crate::faults::IdentityFault;
use crate::state::ManagedIdentity;

/// The state that the endpoints' handlers share.
pub struct Shared {
    pub azure: Azure,
    pub cache: Cache,
    pub requests: AtomicUsize,
}

/// An error response that an injected fault causes.
pub struct InjectedError {
    pub status: u16,
    pub retry_after: Option<u64>,
}

impl Shared {
    /// Applies an injected fault to a valid request.
    pub async fn apply(&self, fault: IdentityFault) -> Result<(), InjectedError> {
        match fault {
            // For the fault `Away`, `IdentityEndpoints::stop` closes the port. This request arrived before that, or
            // after the port was opened again.
            IdentityFault::None | IdentityFault::Away => Ok(()),
            IdentityFault::Slow(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            IdentityFault::Status(status) => Err(InjectedError {
                status,
                retry_after: None,
            }),
            IdentityFault::TooManyRequests { retry_after } => Err(InjectedError {
                status: 429,
                retry_after: Some(retry_after),
            }),
            IdentityFault::Hangs => pending().await,
        }
    }

    /// A token for the identity, from the platform's cache or newly issued.
    pub fn token(&self, identity: &ManagedIdentity, resource: &str) -> IssuedToken {
        self.cache.token(&self.azure, &identity.principal(), resource)
    }
}

/// Whether the text is a resource instead of a scope. Clients strip `/.default`, and Entra does not know a resource whose
/// name includes it.
pub fn is_resource(text: &str) -> bool {
    !text.is_empty() && !text.ends_with("/.default")
}
