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
    /// Who its clients are.
    pub clients: Clients,
}

/// Who sends requests.
pub enum Clients {
    /// Programs, which need a token.
    Programs,
    /// Programs over plain HTTP that may read without a token.
    Readers(Reader),
    /// The commands of Local Azure, which may name files of this machine.
    Commands,
}

impl Clients {
    /// Who reads if a request has no token.
    pub fn reader(&self) -> Option<&Reader> {
        match self {
            Self::Readers(reader) => Some(reader),
            Self::Programs | Self::Commands => None,
        }
    }
}

/// A principal that reads without a token.
pub struct Reader {
    /// Its name.
    pub name: String,
    /// The host that requests must name.
    pub host: String,
}
