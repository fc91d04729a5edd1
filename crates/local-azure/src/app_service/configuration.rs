//! What an instance is started with.

use std::collections::BTreeMap;

use crate::state::{AssignedIdentities, Authentication, ConnectionString, State, WebApp};

/// What an instance is started with. A change restarts the app.
#[derive(PartialEq)]
pub(super) struct Configuration {
    settings: BTreeMap<String, String>,
    connection_strings: BTreeMap<String, ConnectionString>,
    startup_command: String,
    runtime: String,
    identity: AssignedIdentities,
    authentication: Authentication,
}

impl Configuration {
    /// Whether the app was told that the platform removes the headers which a client may not send.
    pub(super) fn has_authentication(&self) -> bool {
        self.authentication.is_enabled
    }

    pub(super) fn of(state: &State, app: &WebApp) -> Self {
        Self {
            settings: app.settings.clone(),
            connection_strings: app.connection_strings.clone(),
            startup_command: app.startup_command.clone(),
            runtime: app.runtime.clone(),
            identity: app.identity.clone(),
            authentication: Authentication::of(state, &app.id),
        }
    }
}
