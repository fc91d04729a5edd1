//! The credentials of the chain, each with the rule that decides whether it is available.
#![allow(
    clippy::needless_update,
    reason = "a later release of azure_identity may add options to those that are set here"
)]

mod azure_powershell;
pub(crate) mod developer_tools;
pub(crate) mod environment;
pub(crate) mod managed_identity;
pub(crate) mod workload_identity;
