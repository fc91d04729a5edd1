//! An identity that Azure assigns to a machine or an app.

use std::env;
use std::sync::Arc;

use azure_core::Value;
use azure_core::credentials::TokenCredential;
use azure_core::http::StatusCode;
use azure_core::json::from_json;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

use crate::error::Failure;
use crate::imds;
use crate::settings::Settings;

const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";

/// Whether a variable is set in the process's environment, where the official credential reads it.
fn is_set(name: &str) -> bool {
    env::var(name).is_ok()
}

/// Available if `IDENTITY_ENDPOINT` is set, as on App Service, or if IMDS answers, as on a virtual machine. If
/// `probe` is false, IMDS is assumed to be available.
pub(crate) async fn credential(settings: &Settings, probe: bool) -> Result<Arc<dyn TokenCredential>, Failure> {
    if is_set(IDENTITY_ENDPOINT) {
        // Without the header the official credential would silently use IMDS.
        if !is_set("IDENTITY_HEADER") && !is_set("IMDS_ENDPOINT") {
            return Err(Failure::refused("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not"));
        }
    } else if is_set("MSI_ENDPOINT") {
        // Cloud Shell, a developer's terminal. The official credential does not support it, but its Azure CLI is
        // signed in.
        if !is_set("MSI_SECRET") {
            return Err(Failure::unavailable(
                "MSI_ENDPOINT is set, as in Cloud Shell, whose managed identity is not supported",
            ));
        }
    } else if probe {
        imds::probe(&settings.transport(), settings.options.imds_probe_timeout)
            .await
            .map_err(Failure::unavailable)?;
    }
    let client_id = settings.variables.client_id.clone().map(UserAssignedId::ClientId);
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: settings.options.managed_identity_id.clone().or(client_id),
        client_options: settings.client_options(),
        ..Default::default()
    };
    match ManagedIdentityCredential::new(Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}

/// Classifies an error of the endpoint. The endpoint exists, so nearly all errors are refusals.
pub(crate) fn failure(settings: &Settings, error: &azure_core::Error) -> Failure {
    let description = settings.secrets.describe(error);
    if description.status != Some(StatusCode::BadRequest) {
        return Failure::refused_with(error, &settings.secrets);
    }
    // The official message omits which identity was requested and what the endpoint said.
    let (option, variable) = (&settings.options.managed_identity_id, &settings.variables.client_id);
    let identity = match (option, variable) {
        (Some(UserAssignedId::ClientId(id)), _) => format!("user-assigned, client id {id}"),
        (Some(UserAssignedId::ObjectId(id)), _) => format!("user-assigned, object id {id}"),
        (Some(UserAssignedId::ResourceId(id)), _) => format!("user-assigned, resource id {id}"),
        (Some(id), _) => format!("user-assigned, {id:?}"),
        (None, Some(id)) => format!("user-assigned, client id {id}, from AZURE_CLIENT_ID"),
        (None, None) => "system-assigned, because AZURE_CLIENT_ID is not set".to_owned(),
    };
    // A virtual machine without an identity still has IMDS, which then answers with this code. For a bad scope, it
    // answers with another code. If an identity is requested by its id, it is expected to exist.
    let body = description.body.as_deref().unwrap_or_default();
    let is_invalid_request = from_json::<_, Value>(body).is_ok_and(|body| body["error"] == "invalid_request");
    let has_no_identity = is_invalid_request && option.is_none() && variable.is_none() && !is_set(IDENTITY_ENDPOINT);
    let response = description.body.map(|body| format!("; the endpoint says: {body}"));
    Failure {
        refused: !has_no_identity,
        reason: format!("{} ({identity}){}", description.text, response.unwrap_or_default()),
        status: description.status,
    }
}
