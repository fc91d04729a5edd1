//! What runs behind the control plane.

use std::sync::Arc;

use crate::app_service::AppService;
use crate::postgres::{Postgres, Servers};
use crate::state::{PostgresServer, ResourceId, View as _};

/// What the control plane reads from what runs, and waits for. Without any parts, every change has been carried out once
/// it is in the state.
#[derive(Clone, Default)]
pub struct Running {
    /// The PostgreSQL servers.
    pub servers: Option<Servers>,
    /// The web apps.
    pub apps: Option<Arc<AppService>>,
}

impl Running {
    /// Whether what belongs to the resource is what the state says.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(super) fn is_settled(&self, id: &ResourceId) -> Result<bool, String> {
        match (&self.servers, server_of(id)) {
            (Some(servers), Some(name)) => servers.is_settled(name).map_err(|error| error.to_string()),
            _ => Ok(true),
        }
    }

    /// The PostgreSQL server to which the resource belongs, if it runs.
    pub(super) fn server(&self, id: &ResourceId) -> Option<Arc<Postgres>> {
        self.servers.as_ref()?.get(server_of(id)?)
    }
}

/// The name of the PostgreSQL server to which the resource belongs.
fn server_of(id: &ResourceId) -> Option<&str> {
    let kind = id.kind();
    let is_of_server = kind
        .get(..PostgresServer::KIND.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PostgresServer::KIND));
    // /subscriptions/S/resourceGroups/G/providers/Microsoft.DBforPostgreSQL/flexibleServers/NAME
    is_of_server.then(|| id.as_str().split('/').nth(8)).flatten()
}
