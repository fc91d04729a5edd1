//! What runs behind the control plane.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::error::ArmError;
use crate::app_service::AppService;
use crate::error::Error;
use crate::postgres::{Postgres, Servers};
use crate::state::{PostgresServer, ResourceId, StorageAccount, View as _, WebApp};
use crate::storage::BlobStorage;

/// The services that the control plane reads from and waits for. If there are none, a change is complete once it is in the
/// state.
#[derive(Clone, Default)]
pub struct Running {
    /// The PostgreSQL servers.
    pub servers: Option<Servers>,
    /// The blob services.
    pub blobs: Option<Arc<BlobStorage>>,
    /// The web apps.
    pub apps: Option<Arc<AppService>>,
}

impl Running {
    /// Whether the service of the resource matches the state.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(super) fn is_settled(&self, id: &ResourceId) -> Result<bool, String> {
        if id.is(StorageAccount::KIND) {
            return Ok(self.blobs.as_ref().is_none_or(|blobs| blobs.is_settled()));
        }
        if let Some(apps) = self.apps.as_ref().filter(|_| id.is(WebApp::KIND)) {
            return Ok(!apps.is_being_deleted(id.name()));
        }
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

/// Blocks until the work is done. A refusal is reported as the client's error.
pub fn wait<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, ArmError> {
    let done = Handle::current().block_on(work);
    done.map_err(|error| match error {
        Error::Refused(why) => ArmError::bad_request("InvalidParameterValue", format!("{why}.")),
        other => {
            tracing::error!("the control plane: {other}");
            ArmError::internal()
        }
    })
}
