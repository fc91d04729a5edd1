//! Starting, stopping and restarting web apps.

use axum::http::StatusCode;
use tokio::runtime::Handle;

use super::shared::check_action;
use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::service::Arm;
use crate::error::Error;
use crate::state::ResourceId;

/// `POST …/restart`
pub fn restart(arm: &Arm, call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    check_action(call, &call.azure.state(), site, "restart")?;
    if let Some(apps) = &arm.running.apps {
        match Handle::current().block_on(apps.restart(site.name())) {
            // An app without a package has nothing to restart.
            Ok(()) | Err(Error::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Answer::empty(StatusCode::OK))
}

/// `POST …/start` and `POST …/stop`
pub fn start_or_stop(call: &Call, site: &ResourceId, operation: &str) -> Result<Answer, ArmError> {
    call.change(|state| {
        check_action(call, state, site, operation)?;
        let value = if operation == "stop" { "Stopped" } else { "Running" };
        state.update(site, |app| app.set("state", value));
        Ok(())
    })?;
    Ok(Answer::empty(StatusCode::OK))
}
