//! What the handlers of PostgreSQL servers share.

use crate::arm::error::ArmError;
use crate::state::ResourceId;

pub fn invalid(message: impl Into<String>) -> ArmError {
    ArmError::bad_request("InvalidParameterValue", message)
}

/// The error for an operation that needs a running server.
pub fn stopped(id: &ResourceId) -> ArmError {
    ArmError::conflict(
        "ServerIsNotReady",
        format!("The server '{}' is not running. Start it, and try again.", id.name()),
    )
}
