//! What the handlers of web apps share.

use serde_json::{Value, json};

use crate::app_service::{azure_name, scm_name};
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::state::{Resource, ResourceId, State, View as _, WebApp};

/// The web app with that id.
///
/// # Errors
///
/// It does not exist.
pub fn find<'a>(state: &'a State, site: &ResourceId) -> Result<&'a Resource, ArmError> {
    state.get(site).ok_or_else(|| ArmError::no_such_resource(site))
}

/// Checks the permission to read a part of a web app, such as `config`, and that the app exists.
///
/// # Errors
///
/// The caller may not read it, or the app does not exist.
pub fn check_read<'a>(call: &Call, state: &'a State, site: &ResourceId, part: &str) -> Result<&'a Resource, ArmError> {
    call.check(state, &format!("{}/{part}/read", WebApp::KIND), site)?;
    find(state, site)
}

/// Checks the permission for an operation on a web app, such as `config/list`, that no lock prevents it, and that the app
/// exists.
///
/// # Errors
///
/// The method is not POST, the caller may not carry out the operation, a lock prevents it, or the app does not exist.
pub fn check_action<'a>(
    call: &Call,
    state: &'a State,
    site: &ResourceId,
    operation: &str,
) -> Result<&'a Resource, ArmError> {
    locks::check_action(call, state, &format!("{}/{operation}/action", WebApp::KIND), site)?;
    find(state, site)
}

/// Changes a part of a web app, such as `config`.
///
/// # Errors
///
/// The caller may not write it, a lock prevents it, the app does not exist, or the change fails.
pub fn change(
    call: &Call,
    site: &ResourceId,
    part: &str,
    change: impl FnOnce(&mut State) -> Result<(), ArmError>,
) -> Result<(), ArmError> {
    call.change(|state| {
        call.check(state, &format!("{}/{part}/write", WebApp::KIND), site)?;
        find(state, site)?;
        locks::check(state, site, Change::Write)?;
        change(state)
    })
}

/// A part of a web app as the control plane shows it.
pub fn show(app: &Resource, kind: &str, name: &str, properties: &Value) -> Value {
    json!({
        "id": format!("{}/{kind}/{name}", app.id),
        "name": name,
        "type": format!("{}/{kind}", WebApp::KIND),
        "location": app.location,
        "properties": properties,
    })
}

/// The host names of an app, and of its deployment service.
pub fn hosts(app: &str) -> (String, String) {
    (azure_name(app), scm_name(app))
}
