//! The official credentials, each with the rule that decides whether it is available.

pub(crate) mod developer_tools;
pub(crate) mod environment;
pub(crate) mod managed_identity;
pub(crate) mod workload_identity;
