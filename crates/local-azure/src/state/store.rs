//! The state as a whole.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::directory::Directory;
use super::resources::{AssignedIdentities, ManagedIdentity, PostgresServer, ResourceGroup, StorageAccount, WebApp};
use super::roles::RoleAssignment;

/// Everything that is kept on disk. The default is an empty subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The subscription that contains every resource.
    pub subscription: Uuid,
    /// The Entra tenant that contains every principal.
    pub tenant: Uuid,
    /// The tenant's users, groups and applications.
    #[serde(default)]
    pub directory: Directory,
    /// Resource groups.
    #[serde(default)]
    pub resource_groups: Vec<ResourceGroup>,
    /// Managed identities, both user-assigned and system-assigned.
    #[serde(default)]
    pub identities: Vec<ManagedIdentity>,
    /// The identities of this machine, for which the IMDS endpoint issues tokens.
    #[serde(default)]
    pub machine: AssignedIdentities,
    /// Role assignments.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
    /// PostgreSQL flexible servers.
    #[serde(default)]
    pub postgres_servers: Vec<PostgresServer>,
    /// Storage accounts.
    #[serde(default)]
    pub storage_accounts: Vec<StorageAccount>,
    /// Web apps.
    #[serde(default)]
    pub web_apps: Vec<WebApp>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            subscription: Uuid::new_v4(),
            tenant: Uuid::new_v4(),
            directory: Directory::default(),
            resource_groups: Vec::new(),
            identities: Vec::new(),
            machine: AssignedIdentities::default(),
            role_assignments: Vec::new(),
            postgres_servers: Vec::new(),
            storage_accounts: Vec::new(),
            web_apps: Vec::new(),
        }
    }
}

impl State {
    /// The id of a resource group.
    #[must_use]
    pub fn group_id(&self, group: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{group}", self.subscription)
    }

    /// The id of a resource, such as `resource_id("rg", "Microsoft.Web/sites", "app")`.
    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
    #[must_use]
    pub fn resource_id(&self, group: &str, kind: &str, name: &str) -> String {
        format!("{}/providers/{kind}/{name}", self.group_id(group))
    }
}
