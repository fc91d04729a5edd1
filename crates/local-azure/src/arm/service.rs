//! What the handlers share.

use super::operations::Operations;
use super::running::Running;
use super::types::Stored;
use crate::azure::Azure;

/// What the handlers share.
pub struct Arm {
    pub azure: Azure,
    pub stored: Stored,
    pub operations: Operations,
    pub running: Running,
    /// Who calls if a request has no token.
    pub default_caller: Option<String>,
}
