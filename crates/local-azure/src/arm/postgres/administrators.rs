//! The Entra administrators of a server.

use axum::http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::shared::invalid;
use crate::arm::error::ArmError;
use crate::arm::scopes;
use crate::arm::types::Type;
use crate::state::{PostgresServer, Resource, State};

/// The Entra administrators of a server.
pub const ADMINISTRATORS: Type = Type {
    kind: "Microsoft.DBforPostgreSQL/flexibleServers/administrators",
    put: put_administrator,
    show: show_administrator,
    created: StatusCode::ACCEPTED,
};

fn put_administrator(state: &State, administrator: &mut Resource) -> Result<(), ArmError> {
    let name = administrator.id.name().to_owned();
    let server: Option<PostgresServer> = state.at(&scopes::parent(&administrator.id));
    if server.is_some_and(|server| !server.accepts_entra) {
        return Err(ArmError::bad_request(
            "AadAuthOperationCannotBePerformedWhenAadAuthDisabled",
            "Microsoft Entra administrators cannot be changed, because the authentication with Microsoft Entra is disabled.",
        ));
    }
    let id = Uuid::try_parse(&name)
        .ok()
        .filter(|id| id.to_string().eq_ignore_ascii_case(&name));
    let id = id.ok_or_else(|| invalid(format!("The object id '{name}' is not a GUID.")))?;
    let principal = state.principal(id).ok_or_else(|| {
        invalid(format!(
            "The principal '{name}' does not exist in the directory {}.",
            state.tenant
        ))
    })?;
    if administrator.text("principalName").is_none_or(str::is_empty) {
        administrator.set("principalName", principal.display_name.as_str());
    }
    let kind = principal.kind.name();
    match administrator.text("principalType").filter(|kind| !kind.is_empty()) {
        Some(wanted) if wanted != kind => {
            return Err(invalid(format!(
                "The principal '{name}' has the type {kind}, not {wanted}."
            )));
        }
        _ => administrator.set("principalType", kind),
    }
    administrator.set("objectId", name.to_ascii_lowercase());
    administrator.set("tenantId", state.tenant.to_string());
    Ok(())
}

fn show_administrator(state: &State, administrator: &mut Value) {
    let id = administrator["name"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let principal = id.and_then(|id| state.principal(id));
    let properties = &mut administrator["properties"];
    if let Some(principal) = principal {
        properties["principalName"] = principal.display_name.into();
        properties["principalType"] = principal.kind.name().into();
    }
    properties["tenantId"] = state.tenant.to_string().into();
}
