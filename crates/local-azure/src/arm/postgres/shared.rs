//! What the handlers of PostgreSQL servers share.

use std::sync::Arc;

use crate::arm::error::ArmError;
use crate::arm::service::Arm;
use crate::postgres::Postgres;
use crate::state::{PostgresServer, ResourceId, State};

pub fn invalid(message: impl Into<String>) -> ArmError {
    ArmError::bad_request("InvalidParameterValue", message)
}

/// The running server, unless it is stopped.
///
/// # Errors
///
/// There is no such server.
pub fn running(arm: &Arm, state: &State, id: &ResourceId) -> Result<Option<Arc<Postgres>>, ArmError> {
    let known: PostgresServer = state.at(id).ok_or_else(|| ArmError::no_such_resource(id))?;
    Ok(arm.running.server(id).filter(|_| !known.is_stopped))
}

/// The error for an operation that needs a running server.
pub fn stopped(id: &ResourceId) -> ArmError {
    ArmError::conflict(
        "ServerIsNotReady",
        format!("The server '{}' is not running. Start it, and try again.", id.name()),
    )
}
