//! An identity that Azure gives to the machine or the app.

use std::env;
use std::sync::Arc;

use azure_core::Value;
use azure_core::credentials::TokenCredential;
use azure_core::http::StatusCode;
use azure_core::json::from_json;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use super::refusal;
use crate::error::Failure;
use crate::imds;
use crate::options::Settings;

const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

/// True when an environment variable is set in the process, from where the official credential
/// takes it too.
fn is_set(name: &str) -> bool {
    env::var(name).is_ok()
}

/// Available when `IDENTITY_ENDPOINT` is set, as on App Service, or when IMDS answers, as on a
/// virtual machine. With `probe` false IMDS is taken to be there.
pub(crate) async fn credential(settings: &Settings, probe: bool) -> Result<Arc<dyn TokenCredential>, Failure> {
    if is_set(IDENTITY_ENDPOINT) {
        // The official credential would turn to IMDS in silence.
        if !is_set("IDENTITY_HEADER") && !is_set("IMDS_ENDPOINT") {
            return Err(Failure::refused("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not"));
        }
    } else if is_set("MSI_ENDPOINT") {
        // Cloud Shell, a developer's terminal. The official credential does not support it, but the
        // Azure CLI is logged in there.
        if !is_set("MSI_SECRET") {
            return Err(Failure::unavailable(
                "MSI_ENDPOINT is set, as in Cloud Shell, which has no managed identity that this can use",
            ));
        }
    } else if probe {
        imds::probe(&settings.transport(), settings.imds_probe_timeout)
            .await
            .map_err(Failure::unavailable)?;
    }
    let client_id = settings.variables.client_id.clone();
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(UserAssignedId::ClientId),
        client_options: settings.client_options(),
    };
    match ManagedIdentityCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(refusal(settings, &error)),
    }
}

/// What an error of the endpoint means. It is there, so nearly all of them are refusals.
pub(crate) fn failure(settings: &Settings, error: &azure_core::Error) -> Failure {
    let description = settings.secrets.describe(error);
    if description.status != Some(StatusCode::BadRequest) {
        return refusal(settings, error);
    }
    // The official message leaves out which identity, and what the endpoint says about it.
    let client_id = settings.variables.client_id.as_deref();
    let which = match client_id {
        Some(id) => format!("user-assigned, client id {id}, from AZURE_CLIENT_ID"),
        None => "system-assigned, because AZURE_CLIENT_ID is not set".to_owned(),
    };
    // A virtual machine without an identity of its own still has IMDS, which says so by this code. A
    // bad scope has another. With AZURE_CLIENT_ID somebody expects that identity to be there.
    let body = description.body.as_deref().unwrap_or_default();
    let is_invalid_request = from_json::<_, Value>(body).is_ok_and(|body| body["error"] == "invalid_request");
    let has_no_identity = is_invalid_request && client_id.is_none() && !is_set(IDENTITY_ENDPOINT);
    let said = description.body.map(|body| format!("; the endpoint says: {body}"));
    Failure {
        refused: !has_no_identity,
        reason: format!("{} ({which}){}", description.text, said.unwrap_or_default()),
        status: description.status,
    }
}
