//! The resources in a test's cloud.

use uuid::Uuid;

use crate::state::{
    AssignedIdentities, ManagedIdentity, PostgresServer, ResourceGroup, RoleAssignment, RoleDefinition, State,
    StorageAccount, WebApp,
};

/// The resource group of all resources.
pub const RESOURCE_GROUP: &str = "tests";
/// The web app, whose only identity is [`IDENTITY`].
pub const APP: &str = "app";
/// The user-assigned identity of the app.
pub const IDENTITY: &str = "app-identity";
/// The PostgreSQL server, which accepts only Entra tokens.
pub const POSTGRES_SERVER: &str = "tests";
/// The storage account, whose blobs only the identity may read and write.
pub const STORAGE_ACCOUNT: &str = "testsaccount";

const LOCATION: &str = "eastus";

/// Adds the resources and returns the identity.
pub(super) fn fill(state: &mut State) -> ManagedIdentity {
    let id = |kind, name| state.resource_id(RESOURCE_GROUP, kind, name);
    let identity = ManagedIdentity::new(id("Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY));
    let account_id = id("Microsoft.Storage/storageAccounts", STORAGE_ACCOUNT);
    state.resource_groups.push(ResourceGroup::new(RESOURCE_GROUP, LOCATION));
    state.identities.push(identity.clone());
    state.postgres_servers.push(PostgresServer {
        name: POSTGRES_SERVER.to_owned(),
        resource_group: RESOURCE_GROUP.to_owned(),
        location: LOCATION.to_owned(),
        port: 0,
        administrator_login: None,
        entra_administrators: Vec::new(),
        databases: Vec::new(),
    });
    let mut account = StorageAccount::new(STORAGE_ACCOUNT, RESOURCE_GROUP, LOCATION);
    account.allow_shared_key_access = false;
    state.storage_accounts.push(account);
    let role = RoleDefinition::find("Storage Blob Data Contributor").expect("a built-in role");
    state.role_assignments.push(RoleAssignment {
        name: Uuid::new_v4(),
        scope: account_id,
        role: role.id,
        principal_id: identity.principal_id,
    });
    state.web_apps.push(WebApp {
        name: APP.to_owned(),
        resource_group: RESOURCE_GROUP.to_owned(),
        location: LOCATION.to_owned(),
        identity: AssignedIdentities {
            system: None,
            user: vec![identity.principal_id],
        },
        settings: [("AZURE_CLIENT_ID".to_owned(), identity.client_id.to_string())].into(),
        startup_command: "exec ./start.sh".to_owned(),
        instances: 1,
        health_check_path: None,
        https_only: false,
        client_affinity_enabled: true,
    });
    identity
}
