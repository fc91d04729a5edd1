//! The real parts that the site works with in Azure, started by the tests on free loopback ports.

mod azurite;
mod ca;

pub use self::azurite::{Azurite, Container, TestCredential};
pub use self::ca::{Authority, Certificate};
