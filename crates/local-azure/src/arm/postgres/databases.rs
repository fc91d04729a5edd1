//! The databases of a server.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::shared::{invalid, running, stopped};
use crate::arm::answer::Answer;
use crate::arm::call::{Call, invalid_id};
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::arm::running::wait;
use crate::arm::service::Arm;
use crate::arm::types::Type;
use crate::postgres::Database;
use crate::state::{PostgresServer, Resource, ResourceId, State};

/// The databases of a server.
pub const DATABASES: Type = Type {
    kind: "Microsoft.DBforPostgreSQL/flexibleServers/databases",
    put: put_database,
    show: |_, _| {},
    created: StatusCode::ACCEPTED,
};

/// The databases that belong to Azure.
const SYSTEM_DATABASES: [&str; 3] = ["azure_maintenance", "azure_sys", "postgres"];

fn put_database(state: &State, database: &mut Resource) -> Result<(), ArmError> {
    let name = database.id.name();
    if name.len() > 63 {
        return Err(invalid(format!("The database name '{name}' is longer than 63 bytes.")));
    }
    if state.get(&database.id).is_none() && SYSTEM_DATABASES.contains(&name) {
        return Err(ArmError::conflict(
            "DatabaseAlreadyExists",
            format!("The database '{name}' already exists."),
        ));
    }
    if state
        .get(&database.id)
        .is_some_and(|existing| existing.id.name() != name)
    {
        return Err(ArmError::conflict(
            "DatabaseAlreadyExists",
            format!("There is a database whose name differs from '{name}' only in the case of its letters."),
        ));
    }
    let charset = database.text("charset").unwrap_or("UTF8");
    if !["utf8", "utf-8"].contains(&charset.to_ascii_lowercase().as_str()) {
        return Err(invalid(format!(
            "Local Azure creates databases in UTF8 only: the charset '{charset}' is not supported."
        )));
    }
    database.set("charset", "UTF8");
    database
        .properties
        .entry("collation")
        .or_insert_with(|| "en_US.utf8".into());
    Ok(())
}

/// `GET …/databases`: those that were created by SQL too.
pub fn list(arm: &Arm, call: &Call, server: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, &format!("{}/read", DATABASES.kind), server)?;
    let databases = databases(arm, call, server)?;
    Answer::list(
        call,
        databases
            .iter()
            .map(|database| show_database(server, database))
            .collect(),
    )
}

/// A database, which may have been created by SQL.
pub fn one(arm: &Arm, call: &Call, server: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let id = server.try_child("databases", name).map_err(invalid_id)?;
    if call.method == Method::GET {
        call.check(&state, &format!("{}/read", DATABASES.kind), &id)?;
        let databases = databases(arm, call, server)?;
        let found = databases.iter().find(|database| database.name == name);
        let found = found.ok_or_else(|| ArmError::no_such_resource(&id))?;
        return Ok(Answer::ok(show_database(server, found)));
    }
    call.check(&state, &format!("{}/delete", DATABASES.kind), &id)?;
    locks::check(&state, &id, Change::Delete)?;
    let known: PostgresServer = state.at(server).ok_or_else(|| ArmError::no_such_resource(server))?;
    let running = arm.running.server(server);
    if known.is_stopped {
        return Err(stopped(server));
    }
    let exists = databases(arm, call, server)?
        .iter()
        .any(|database| database.name == name);
    if !exists {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    if SYSTEM_DATABASES.contains(&name) {
        return Err(invalid(format!(
            "The database '{name}' belongs to the server and cannot be deleted."
        )));
    }
    // First from the state, so that it is not created again.
    call.change(|state| {
        if state.get(&id).is_some_and(|stored| stored.id.name() == name) {
            state.remove(&id);
        }
        Ok(())
    })?;
    if let Some(running) = running {
        wait(running.drop_database(name))?;
    }
    Ok(arm.operations.accepted(call, vec![server.clone()]))
}

/// The databases of the running server, or those of the state.
fn databases(arm: &Arm, call: &Call, server: &ResourceId) -> Result<Vec<Database>, ArmError> {
    let state = call.azure.state();
    if let Some(running) = running(arm, &state, server)? {
        return wait(running.databases());
    }
    let children = state.children(server, "databases").map(|child| Database {
        name: child.id.name().to_owned(),
        charset: child.text("charset").unwrap_or("UTF8").to_owned(),
        collation: child.text("collation").unwrap_or("en_US.utf8").to_owned(),
    });
    Ok(children.collect())
}

fn show_database(server: &ResourceId, database: &Database) -> Value {
    json!({
        "id": format!("{server}/databases/{}", database.name),
        "name": database.name,
        "type": DATABASES.kind,
        "properties": {"charset": database.charset, "collation": database.collation},
    })
}
