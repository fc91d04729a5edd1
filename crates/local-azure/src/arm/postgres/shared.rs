//! What the handlers of PostgreSQL servers share.

use axum::http::StatusCode;
use tokio::runtime::Handle;

use crate::arm::error::ArmError;
use crate::error::Error;
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

/// Waits for a running server.
pub fn wait<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, ArmError> {
    let done = Handle::current().block_on(work);
    done.map_err(|error| match error {
        Error::Refused(why) => invalid(format!("{why}.")),
        other => {
            tracing::error!("PostgreSQL: {other}");
            ArmError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                other.to_string(),
            )
        }
    })
}
