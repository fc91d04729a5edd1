//! The real parts that the site works with in Azure, started by the tests on free loopback ports.

mod ca;
pub mod postgres;

pub use self::ca::{Authority, Certificate};
