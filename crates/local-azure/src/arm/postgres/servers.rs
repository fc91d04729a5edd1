//! Servers: their properties, and starting and stopping them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::offers::{TIERS, VERSIONS};
use super::shared::{invalid, stopped};
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::arm::locks;
use crate::arm::running::wait;
use crate::arm::service::Arm;
use crate::arm::types::Type;
use crate::entra::is_complex;
use crate::postgres::{check_names, installed_versions, password_verifier};
use crate::state::{PostgresServer, Resource, ResourceId, State, View as _};

/// Servers.
pub const SERVERS: Type = Type {
    kind: PostgresServer::KIND,
    put: put_server,
    show: show_server,
    created: StatusCode::ACCEPTED,
};

fn put_server(state: &State, server: &mut Resource) -> Result<(), ArmError> {
    let existing = state.get(&server.id);
    let is_other =
        |other: &PostgresServer| other.name().eq_ignore_ascii_case(server.id.name()) && other.id != server.id;
    if state.all::<PostgresServer>().any(|other| is_other(&other)) {
        return Err(ArmError::conflict(
            "ServerNameAlreadyExists",
            "Specified server name is already used.",
        ));
    }
    if let Some(mode) = server.properties.remove("createMode")
        && !["Default", "Create", "Update"].iter().any(|known| mode == **known)
    {
        let mode = mode.as_str().unwrap_or_default();
        return Err(invalid(format!(
            "Local Azure creates only new servers: it does not emulate the createMode '{mode}'."
        )));
    }
    if server
        .properties
        .get("cluster")
        .is_some_and(|cluster| !cluster.is_null())
    {
        return Err(invalid("Local Azure does not emulate elastic clusters."));
    }
    for name in [
        "authConfig",
        "backup",
        "dataEncryption",
        "highAvailability",
        "maintenanceWindow",
        "network",
        "replica",
        "storage",
    ] {
        call::optional_object(&server.properties, name)?;
    }
    for name in ["administratorLogin", "availabilityZone", "version"] {
        call::optional(&server.properties, name)?;
    }
    for (name, value) in [
        ("version", json!("17")),
        ("state", json!("Ready")),
        (
            "storage",
            json!({"storageSizeGB": 128, "autoGrow": "Disabled", "type": ""}),
        ),
        (
            "backup",
            json!({"backupRetentionDays": 7, "geoRedundantBackup": "Disabled"}),
        ),
        ("network", json!({"publicNetworkAccess": "Enabled"})),
        ("highAvailability", json!({"mode": "Disabled", "state": "NotEnabled"})),
        (
            "maintenanceWindow",
            json!({"customWindow": "Disabled", "dayOfWeek": 0, "startHour": 0, "startMinute": 0}),
        ),
        ("dataEncryption", json!({"type": "SystemManaged"})),
        ("authConfig", json!({})),
        ("availabilityZone", json!("1")),
        ("replicationRole", json!("Primary")),
        ("replica", json!({"role": "Primary", "capacity": 5})),
        ("privateEndpointConnections", json!([])),
    ] {
        let stored = server.properties.entry(name).or_insert_with(|| json!({}));
        complete(stored, value);
    }
    for (object, name, default) in [
        ("authConfig", "passwordAuth", "Enabled"),
        ("authConfig", "activeDirectoryAuth", "Disabled"),
        ("network", "publicNetworkAccess", "Enabled"),
    ] {
        let value = &mut server.properties[object][name];
        *value = match value.as_str().map(str::to_lowercase).as_deref() {
            None => default.into(),
            Some("enabled") => "Enabled".into(),
            Some("disabled") => "Disabled".into(),
            Some(other) => return Err(invalid(format!("'{other}' is not a valid value of {object}.{name}."))),
        };
    }
    let availability = &mut server.properties["highAvailability"];
    let is_single = availability["mode"] == "Disabled";
    availability["state"] = if is_single { "NotEnabled" } else { "Healthy" }.into();
    server.properties["authConfig"]["tenantId"] = state.tenant.to_string().into();
    if server.properties["authConfig"]["passwordAuth"] == "Disabled"
        && server.properties["authConfig"]["activeDirectoryAuth"] == "Disabled"
    {
        return Err(invalid("At least one method of authentication must be enabled."));
    }
    set_tier(&mut server.properties["storage"])?;
    server
        .sku
        .get_or_insert_with(|| json!({"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}));
    check_version(server, existing)?;
    check_login(server, existing)?;
    check_names(&PostgresServer::read(state, server)).map_err(|error| invalid(format!("{error}.")))
}

/// Gives a disk the performance tier of its size, unless it has a higher one.
fn set_tier(storage: &mut Value) -> Result<(), ArmError> {
    let size = storage["storageSizeGB"].as_u64();
    let of_size = size.and_then(|size| TIERS.iter().position(|tier| size <= tier.gigabytes));
    let of_size = of_size.ok_or_else(|| invalid("storage.storageSizeGB must be a number of up to 32767."))?;
    let wanted = storage["tier"].as_str();
    let wanted = wanted.and_then(|name| TIERS.iter().position(|tier| tier.name == name));
    let tier = &TIERS[of_size.max(wanted.unwrap_or_default())];
    storage["tier"] = tier.name.into();
    storage["iops"] = tier.iops.into();
    Ok(())
}

/// Fills in missing defaults.
fn complete(stored: &mut Value, default: Value) {
    match (stored, default) {
        (Value::Object(stored), Value::Object(default)) => {
            for (name, value) in default {
                let stored = stored.entry(name).or_insert(Value::Null);
                if stored.is_null() {
                    *stored = value;
                }
            }
        }
        (stored, default) if stored.is_null() || *stored == json!({}) => *stored = default,
        _ => {}
    }
}

fn check_version(server: &Resource, existing: Option<&Resource>) -> Result<(), ArmError> {
    let version = server.text("version").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        let known = VERSIONS.join(", ");
        return Err(invalid(format!(
            "Version '{version}' is not supported. The supported versions are {known}."
        )));
    }
    if existing.is_some_and(|existing| existing.text("version") != Some(version)) {
        return Err(invalid("Local Azure does not upgrade the version of a server."));
    }
    if existing.is_some() {
        return Ok(());
    }
    let installed = installed_versions();
    let is_installed = installed.iter().any(|installed| installed.to_string() == version);
    if !is_installed && !installed.is_empty() {
        let installed: Vec<_> = installed.iter().map(ToString::to_string).collect();
        tracing::warn!(
            "PostgreSQL {version} for {} is not installed: the nearest version is used (installed: {})",
            server.id.name(),
            installed.join(", ")
        );
    }
    Ok(())
}

/// Checks the administrator with a password, and replaces the password by its verifier.
fn check_login(server: &mut Resource, existing: Option<&Resource>) -> Result<(), ArmError> {
    let password = server.properties.remove("administratorLoginPassword");
    let password = password.filter(|password| !password.is_null());
    let has_passwords = server.properties["authConfig"]["passwordAuth"] == "Enabled";
    if !has_passwords {
        server.properties.remove("administratorLogin");
        server.secrets.remove("administratorPassword");
        return if password.is_some() {
            Err(invalid(
                "administratorLoginPassword cannot be set, because the authentication with passwords is disabled.",
            ))
        } else {
            Ok(())
        };
    }
    let login = server.text("administratorLogin").unwrap_or_default().to_owned();
    if login.is_empty() {
        return Err(invalid(
            "administratorLogin is required, because the authentication with passwords is enabled.",
        ));
    }
    let former = existing.and_then(|existing| existing.text("administratorLogin"));
    if former.is_some_and(|former| former != login) {
        return Err(invalid("administratorLogin cannot be changed."));
    }
    let Some(password) = password else {
        return if former.is_some() {
            Ok(())
        } else {
            Err(invalid(
                "administratorLoginPassword is required, because the authentication with passwords is enabled.",
            ))
        };
    };
    let password = password.as_str().unwrap_or_default();
    check_password(password, &login)?;
    let verifier = password_verifier(password);
    server.secrets.insert("administratorPassword".to_owned(), verifier);
    Ok(())
}

/// <https://learn.microsoft.com/azure/postgresql/configure-maintain/quickstart-create-server>
fn check_password(password: &str, login: &str) -> Result<(), ArmError> {
    let has_login = password.to_lowercase().contains(&login.to_lowercase());
    if (8..=128).contains(&password.chars().count()) && is_complex(password) && !has_login {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "PasswordNotComplex",
        "Password validation failed. The password must have 8 to 128 characters from three of these kinds: lower-case \
         letters, upper-case letters, digits and other characters. It must not contain the name of the administrator.",
    ))
}

fn show_server(_: &State, server: &mut Value) {
    let name = server["name"].as_str().unwrap_or_default();
    let host = format!("{name}.postgres.database.azure.com");
    let properties = &mut server["properties"];
    properties["fullyQualifiedDomainName"] = host.into();
    if let Some(properties) = properties.as_object_mut() {
        properties.remove("provisioningState");
    }
}

/// `GET …/replicas`: none, because replicas are not emulated.
pub fn replicas(call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, &format!("{}/replicas/read", PostgresServer::KIND), id)?;
    match state.at::<PostgresServer>(id) {
        Some(_) => Answer::list(call, Vec::new()),
        None => Err(ArmError::no_such_resource(id)),
    }
}

/// `POST …/start`, `stop` and `restart`
pub fn operate(arm: &Arm, call: &Call, id: &ResourceId, operation: &str) -> Result<Answer, ArmError> {
    let action = format!("{}/{operation}/action", PostgresServer::KIND);
    let is_stopped = call.change(|state| {
        locks::check_action(call, state, &action, id)?;
        let server: PostgresServer = state.at(id).ok_or_else(|| ArmError::no_such_resource(id))?;
        if operation != "restart" {
            let value = if operation == "stop" { "Stopped" } else { "Ready" };
            state.update(id, |server| server.set("state", value));
        }
        Ok(server.is_stopped)
    })?;
    if operation == "restart" {
        if is_stopped {
            return Err(stopped(id));
        }
        if let Some(server) = arm.running.server(id) {
            wait(server.restart())?;
        }
    }
    Ok(arm.operations.accepted(call, vec![id.clone()]))
}
