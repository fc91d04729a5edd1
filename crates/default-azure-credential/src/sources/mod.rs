//! The official credentials, each with the rule that says whether it is available here.

pub(crate) mod developer_tools;
pub(crate) mod environment;
pub(crate) mod managed_identity;
pub(crate) mod workload_identity;

use crate::error::Failure;
use crate::options::Settings;

/// An error of a credential that is available.
pub(crate) fn refusal(settings: &Settings, error: &azure_core::Error) -> Failure {
    let description = settings.secrets.describe(error);
    Failure {
        refused: true,
        reason: description.text,
        status: description.status,
    }
}

/// "Not available here": the variables that are missing.
fn not_set(missing: &[&str]) -> Failure {
    Failure::unavailable(format!("not set in the environment: {}", missing.join(", ")))
}
