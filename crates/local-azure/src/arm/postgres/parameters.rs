//! Server parameters.

use axum::http::Method;
use serde_json::{Value, json};

use super::shared::{running, stopped};
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call, invalid_id};
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::arm::running::wait;
use crate::arm::service::Arm;
use crate::postgres::Parameter;
use crate::state::{CONFIGURATIONS, PostgresServer, ResourceId, State, View as _};

/// `GET …/configurations`
pub fn list(arm: &Arm, call: &Call, server: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, &format!("{}/configurations/read", PostgresServer::KIND), server)?;
    let parameters = parameters(arm, call, server)?;
    let values = parameters
        .iter()
        .map(|parameter| show_parameter(&state, server, parameter));
    Answer::list(call, values.collect())
}

/// A server parameter.
pub fn one(arm: &Arm, call: &Call, server: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let id = server.try_child(CONFIGURATIONS, name).map_err(invalid_id)?;
    let is_change = match call.method {
        Method::GET => false,
        Method::PUT | Method::PATCH => true,
        _ => return Err(call.unsupported()),
    };
    let action = if is_change { "write" } else { "read" };
    call.check(
        &state,
        &format!("{}/configurations/{action}", PostgresServer::KIND),
        &id,
    )?;
    let parameters = parameters(arm, call, server)?;
    let found = parameters
        .iter()
        .find(|parameter| parameter.name.eq_ignore_ascii_case(name));
    let found = found.ok_or_else(|| ArmError::no_such_resource(&id))?;
    if !is_change {
        return Ok(Answer::ok(show_parameter(&state, server, found)));
    }
    locks::check(&state, &id, Change::Write)?;
    let properties = call.properties()?;
    let is_reset = properties.get("source").and_then(Value::as_str) == Some("system-default");
    let value = call::optional(properties, "value")?;
    if value.is_none() && !is_reset {
        return Err(ArmError::invalid_content(
            "The request content was invalid: the property 'value' is required.",
        ));
    }
    let value = value.filter(|value| !is_reset && *value != found.default_value);
    if let (Some(value), Some(running)) = (value, arm.running.server(server)) {
        wait(running.check_parameter(&found.name, value))?;
    }
    let id = server.child(CONFIGURATIONS, &found.name);
    call.change(|state| {
        match value {
            Some(value) => state.update(&id, |parameter| parameter.set("value", value)),
            None => drop(state.remove(&id)),
        }
        Ok(())
    })?;
    Ok(arm.operations.accepted(call, vec![server.clone()]))
}

fn parameters(arm: &Arm, call: &Call, server: &ResourceId) -> Result<Vec<Parameter>, ArmError> {
    let running = running(arm, &call.azure.state(), server)?;
    let mut parameters = wait(running.ok_or_else(|| stopped(server))?.parameters())?;
    parameters.push(mirroring());
    Ok(parameters)
}

/// Mirroring to Microsoft Fabric, which PostgreSQL itself does not know. The CLI asks for it before it enables high
/// availability.
fn mirroring() -> Parameter {
    Parameter {
        name: "azure.fabric_mirror_enabled".to_owned(),
        value: "off".to_owned(),
        default_value: "off".to_owned(),
        kind: "bool".to_owned(),
        allowed_values: "on,off".to_owned(),
        unit: None,
        description: "Specifies whether the server is mirrored to Microsoft Fabric.".to_owned(),
        is_dynamic: false,
        is_read_only: true,
        is_pending: false,
    }
}

fn show_parameter(state: &State, server: &ResourceId, parameter: &Parameter) -> Value {
    let id = server.child(CONFIGURATIONS, &parameter.name);
    let set = state.get(&id).and_then(|stored| stored.text("value"));
    let kind = match parameter.kind.as_str() {
        "bool" => "Boolean",
        "enum" => "Enumeration",
        "integer" => "Integer",
        "real" => "Numeric",
        _ => "String",
    };
    json!({
        "id": id,
        "name": parameter.name,
        "type": format!("{}/configurations", PostgresServer::KIND),
        "properties": {
            "value": set.unwrap_or(&parameter.value),
            "description": parameter.description,
            "defaultValue": parameter.default_value,
            "dataType": kind,
            "allowedValues": parameter.allowed_values,
            "source": if set.is_some() { "user-override" } else { "system-default" },
            "isDynamicConfig": parameter.is_dynamic,
            "isReadOnly": parameter.is_read_only,
            "isConfigPendingRestart": parameter.is_pending,
            "unit": parameter.unit,
        },
    })
}
