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
    /// Who reads if a request has no token.
    pub reader: Option<Reader>,
}

/// A principal that reads without a token.
pub struct Reader {
    /// Its name.
    pub name: String,
    /// The host that requests must name.
    pub host: String,
}
