//! The real parts that the site works with in Azure, started by the tests on free loopback ports.

mod azurite;
mod ca;
pub mod cloud;
mod identity;
mod judge;
pub mod postgres;
mod server;
mod token;

pub use self::azurite::{Azurite, Container, TestCredential};
pub use self::ca::Authority;
pub use self::identity::{Behaviour, IdentityEndpoint};
pub use self::judge::{Judge, POSTGRES};
pub use self::token::now;
