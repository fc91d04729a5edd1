//! What an instance is started with.

use std::collections::BTreeMap;

use crate::state::{AssignedIdentities, ConnectionString, WebApp};

/// What an instance is started with. A change restarts the app.
#[derive(PartialEq)]
pub(super) struct Configuration {
    settings: BTreeMap<String, String>,
    connection_strings: BTreeMap<String, ConnectionString>,
    startup_command: String,
    runtime: String,
    identity: AssignedIdentities,
}

impl Configuration {
    pub(super) fn of(app: &WebApp) -> Self {
        Self {
            settings: app.settings.clone(),
            connection_strings: app.connection_strings.clone(),
            startup_command: app.startup_command.clone(),
            runtime: app.runtime.clone(),
            identity: app.identity.clone(),
        }
    }
}
