//! `local-azure app create --database --container`: a server and an account for an app, which accept tokens of its
//! identity, but no password and no key.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::control_plane::ControlPlane;
use super::database;
use super::group::in_group;
use super::parts::Parts;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::state::{PostgresServer, Principal, ResourceId, RoleDefinition, StorageAccount, View as _};
use crate::tutorial;

/// The versions of the APIs.
const RESOURCES: &str = "2025-08-01";
const ROLES: &str = "2022-04-01";

/// Creates a PostgreSQL server with the name of the app, and a database where the app's identity has a role. Returns the
/// settings by which the app finds it.
pub async fn create_database(
    azure: &Azure,
    parts: &Parts,
    app: &str,
    identity: &Principal,
    database: &str,
) -> Result<[String; 3]> {
    let server = in_group(&azure.state(), PostgresServer::KIND, app)?;
    let body = json!({
        "location": tutorial::LOCATION,
        "properties": {"authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"}},
    });
    put(&parts.control_plane, server.as_str(), RESOURCES, &body).await?;
    let administrator = azure.read(|state| state.find_principal(tutorial::ADMINISTRATOR));
    let administrator = administrator.map_or_else(Uuid::nil, |administrator| administrator.id);
    let path = format!("{server}/administrators/{administrator}");
    put(&parts.control_plane, &path, RESOURCES, &json!({"properties": {}})).await?;
    // The rule that admits Azure's services, as the portal calls it.
    let path = format!("{server}/firewallRules/AllowAllAzureServicesAndResourcesWithinAzureIps");
    let rule = json!({"properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}});
    put(&parts.control_plane, &path, RESOURCES, &rule).await?;
    parts.servers.started(app).await?;
    let stopped = || {
        Error::Refused(format!(
            "the PostgreSQL server {app} does not run: see `local-azure logs postgres`"
        ))
    };
    let running = parts.servers.get(app).ok_or_else(stopped)?;
    let path = format!("{server}/databases/{database}");
    put(&parts.control_plane, &path, RESOURCES, &json!({"properties": {}})).await?;
    parts.servers.reconcile().await?;
    database::grant(azure, &running, database, &identity.display_name).await?;
    Ok([
        format!("PGHOST={app}.postgres.database.azure.com"),
        format!("PGDATABASE={database}"),
        format!("PGUSER={}", identity.display_name),
    ])
}

/// Creates a storage account with the name of the app, and a container, whose blobs the app's identity may read and write.
/// Returns the setting by which the app finds it.
pub async fn create_container(
    azure: &Azure,
    parts: &Parts,
    app: &str,
    identity: &Principal,
    container: &str,
) -> Result<String> {
    // Names of accounts have no hyphens.
    let name = app.replace('-', "");
    let account = in_group(&azure.state(), StorageAccount::KIND, &name)?;
    let body = json!({"location": tutorial::LOCATION, "properties": {"allowSharedKeyAccess": false}});
    let control_plane = &parts.control_plane;
    put(control_plane, account.as_str(), RESOURCES, &body).await?;
    // Azurite is restarted with the new account, which would interrupt the next request.
    parts.blobs.reconcile().await?;
    let path = format!("{account}/blobServices/default/containers/{container}");
    put(control_plane, &path, RESOURCES, &json!({})).await?;
    assign_role(azure, control_plane, &account, identity).await?;
    Ok(format!("STORAGE_URL=https://{name}.blob.core.windows.net"))
}

async fn assign_role(azure: &Azure, control_plane: &ControlPlane, account: &ResourceId, to: &Principal) -> Result<()> {
    let role = RoleDefinition::find("Storage Blob Data Contributor").expect("a built-in role");
    let subscription = ResourceId::subscription(azure.state().subscription);
    let role = subscription.resource("Microsoft.Authorization/roleDefinitions", &role.id.to_string());
    let assignment = account.resource("Microsoft.Authorization/roleAssignments", &Uuid::new_v4().to_string());
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": to.id}});
    put(control_plane, assignment.as_str(), ROLES, &body).await
}

async fn put(control_plane: &ControlPlane, path: &str, version: &str, body: &Value) -> Result<()> {
    control_plane.send(Method::PUT, path, version, Some(body)).await?;
    Ok(())
}
