//! The resources in a test's cloud.

use crate::state::{
    ManagedIdentity, Plan, PostgresServer, RoleAssignment, RoleDefinition, State, StorageAccount, View as _, WebApp,
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
    let id = |state: &State, kind, name| state.resource_id(RESOURCE_GROUP, kind, name);
    state.add_group(RESOURCE_GROUP, LOCATION);
    let identity = ManagedIdentity::new(id(state, ManagedIdentity::KIND, IDENTITY));
    state.put(&identity);
    state.put(&PostgresServer::new(
        id(state, PostgresServer::KIND, POSTGRES_SERVER),
        LOCATION,
    ));
    let mut account = StorageAccount::new(id(state, StorageAccount::KIND, STORAGE_ACCOUNT), LOCATION);
    account.allow_shared_key_access = false;
    state.put(&account);
    let role = RoleDefinition::find("Storage Blob Data Contributor").expect("a built-in role");
    let assignment = RoleAssignment::new(account.id, role.id, identity.principal_id);
    state.role_assignments.push(assignment);
    let plan = Plan::new(id(state, Plan::KIND, "plan"), LOCATION);
    state.put(&plan);
    let mut app = WebApp::new(id(state, WebApp::KIND, APP), &plan);
    app.identity.user.push(identity.resource_id.clone());
    let client_id = identity.client_id.to_string();
    app.settings.insert("AZURE_CLIENT_ID".to_owned(), client_id);
    "exec sh ./start.sh".clone_into(&mut app.startup_command);
    state.put(&app);
    identity
}
