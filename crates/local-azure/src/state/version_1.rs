//! Reads states of the first version, which had a list for each type of resource and kept loopback addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::directory::{Application, ClientSecret, Directory, FederatedCredential, Group, ServicePrincipal, User};
use super::resource::{AssignedIdentities, SystemAssigned};
use super::resource_id::ResourceId;
use super::roles::RoleAssignment;
use super::views::{
    Container, ManagedIdentity, Plan, PostgresServer, PublicAccess, StorageAccount, View as _, WebApp, new_key,
};
use super::{State, VIRTUAL_MACHINES};

#[derive(Deserialize)]
struct Version1 {
    subscription: Uuid,
    tenant: Uuid,
    #[serde(default)]
    directory: OldDirectory,
    #[serde(default)]
    resource_groups: Vec<OldGroup>,
    #[serde(default)]
    identities: Vec<OldIdentity>,
    #[serde(default)]
    machine: OldAssigned,
    #[serde(default)]
    role_assignments: Vec<OldAssignment>,
    #[serde(default)]
    postgres_servers: Vec<OldServer>,
    #[serde(default)]
    storage_accounts: Vec<OldAccount>,
    #[serde(default)]
    web_apps: Vec<OldApp>,
}

#[derive(Default, Deserialize)]
struct OldDirectory {
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    groups: Vec<Group>,
    #[serde(default)]
    applications: Vec<OldApplication>,
}

/// The object id is that of the service principal.
#[derive(Deserialize)]
struct OldApplication {
    id: Uuid,
    client_id: Uuid,
    display_name: String,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    federated_credentials: Vec<FederatedCredential>,
}

#[derive(Deserialize)]
struct OldGroup {
    name: String,
    location: String,
}

#[derive(Deserialize)]
struct OldIdentity {
    resource_id: String,
    client_id: Uuid,
    principal_id: Uuid,
    #[serde(default)]
    federated_credentials: Vec<FederatedCredential>,
}

/// By the principal ids of the identities.
#[derive(Default, Deserialize)]
struct OldAssigned {
    #[serde(default)]
    system: Option<Uuid>,
    #[serde(default)]
    user: Vec<Uuid>,
}

#[derive(Deserialize)]
struct OldAssignment {
    name: Uuid,
    scope: String,
    role: Uuid,
    principal_id: Uuid,
}

#[derive(Deserialize)]
struct OldServer {
    name: String,
    resource_group: String,
    location: String,
    #[serde(default)]
    administrator_login: Option<String>,
    #[serde(default)]
    entra_administrators: Vec<Uuid>,
    #[serde(default)]
    databases: Vec<String>,
}

#[derive(Deserialize)]
struct OldAccount {
    name: String,
    resource_group: String,
    location: String,
    allow_shared_key_access: bool,
    allow_blob_public_access: bool,
    key: String,
    #[serde(default)]
    containers: Vec<OldContainer>,
}

#[derive(Deserialize)]
struct OldContainer {
    name: String,
    public_access: String,
}

#[derive(Deserialize)]
struct OldApp {
    name: String,
    resource_group: String,
    location: String,
    #[serde(default)]
    identity: OldAssigned,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    startup_command: String,
    instances: u32,
    #[serde(default)]
    health_check_path: Option<String>,
    #[serde(default)]
    https_only: bool,
    #[serde(default)]
    client_affinity_enabled: Option<bool>,
}

/// Reads a state of the first version.
pub(super) fn read(json: Value) -> serde_json::Result<State> {
    let mut old: Version1 = serde_json::from_value(json)?;
    let mut state = State {
        subscription: old.subscription,
        tenant: old.tenant,
        ..State::default()
    };
    state.directory = directory(std::mem::take(&mut old.directory));
    for assignment in &old.role_assignments {
        let scope = id(&assignment.scope)?;
        let new = RoleAssignment::new(scope, assignment.role, assignment.principal_id);
        state.role_assignments.push(RoleAssignment {
            name: assignment.name,
            ..new
        });
    }
    for group in &old.resource_groups {
        state.add_group(&group.name, &group.location);
    }
    for identity in &old.identities {
        let id = id(&identity.resource_id)?;
        if id.is(ManagedIdentity::KIND) {
            let mut view = ManagedIdentity::new(id);
            (view.client_id, view.principal_id) = (identity.client_id, identity.principal_id);
            view.federated_credentials.clone_from(&identity.federated_credentials);
            state.put(&view);
        }
    }
    let machine = assigned(&old, &old.machine)?;
    if !machine.is_empty() {
        let group = old.resource_groups.first().map_or("local-azure", |group| &group.name);
        let id = state.resource_id(group, VIRTUAL_MACHINES, "this-machine");
        state.update(&id, |resource| resource.identity = machine);
    }
    for server in &old.postgres_servers {
        let id = state.resource_id(&server.resource_group, PostgresServer::KIND, &server.name);
        state.put(&PostgresServer {
            administrator_login: server.administrator_login.clone(),
            entra_administrators: server.entra_administrators.clone(),
            databases: server.databases.clone(),
            ..PostgresServer::new(id, &server.location)
        });
    }
    for account in &old.storage_accounts {
        let id = state.resource_id(&account.resource_group, StorageAccount::KIND, &account.name);
        state.put(&StorageAccount {
            id,
            location: account.location.clone(),
            allow_shared_key_access: account.allow_shared_key_access,
            allow_blob_public_access: account.allow_blob_public_access,
            keys: [account.key.clone(), new_key()],
            containers: account.containers.iter().map(container).collect(),
        });
    }
    for app in &old.web_apps {
        let id = state.resource_id(&app.resource_group, Plan::KIND, &format!("{}-plan", app.name));
        let mut plan = Plan::new(id, &app.location);
        plan.instances = app.instances;
        state.put(&plan);
        let id = state.resource_id(&app.resource_group, WebApp::KIND, &app.name);
        let mut view = WebApp::new(id, &plan);
        view.identity = assigned(&old, &app.identity)?;
        view.settings = settings(&old, &app.settings);
        view.startup_command.clone_from(&app.startup_command);
        view.health_check_path.clone_from(&app.health_check_path);
        view.https_only = app.https_only;
        view.client_affinity_enabled = app.client_affinity_enabled.unwrap_or(true);
        state.put(&view);
    }
    // The resources keep their data.
    for resource in state.resources.values_mut() {
        Arc::make_mut(resource).uid = Uuid::nil();
    }
    Ok(state)
}

fn id(text: &str) -> serde_json::Result<ResourceId> {
    text.parse().map_err(serde::de::Error::custom)
}

fn directory(old: OldDirectory) -> Directory {
    let mut directory = Directory {
        users: old.users,
        groups: old.groups,
        ..Directory::default()
    };
    for old in old.applications {
        directory.service_principals.push(ServicePrincipal {
            id: old.id,
            ..ServicePrincipal::new(old.client_id)
        });
        let secret = |hash: String| ClientSecret {
            key_id: Uuid::new_v4(),
            hash,
            hint: String::new(),
            display_name: None,
            start: "2026-01-01T00:00:00Z".to_owned(),
            end: "2099-12-31T00:00:00Z".to_owned(),
        };
        directory.applications.push(Application {
            client_id: old.client_id,
            secrets: old.secrets.into_iter().map(secret).collect(),
            certificates: old.certificates,
            federated_credentials: old.federated_credentials,
            ..Application::new(&old.display_name)
        });
    }
    directory
}

fn assigned(state: &Version1, old: &OldAssigned) -> serde_json::Result<AssignedIdentities> {
    let find = |id: Uuid| state.identities.iter().find(|identity| identity.principal_id == id);
    let user = old.user.iter().filter_map(|one| find(*one));
    Ok(AssignedIdentities {
        system: old.system.and_then(find).map(|identity| SystemAssigned {
            client_id: identity.client_id,
            principal_id: identity.principal_id,
        }),
        user: user
            .map(|identity| id(&identity.resource_id))
            .collect::<Result<_, _>>()?,
        ..AssignedIdentities::default()
    })
}

fn container(old: &OldContainer) -> Container {
    Container {
        name: old.name.clone(),
        public_access: match old.public_access.as_str() {
            "blob" => PublicAccess::Blob,
            "container" => PublicAccess::Container,
            _ => PublicAccess::None,
        },
    }
}

/// The settings with Azure's names in place of addresses of this machine.
fn settings(state: &Version1, old: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut settings = old.clone();
    if old.get("DBHOST").is_some_and(|host| host == "127.0.0.1") {
        for name in ["DBPORT", "PGSSLROOTCERT", "SSL_CERT_FILE"] {
            settings.remove(name);
        }
        if let Some(server) = state.postgres_servers.first() {
            let host = format!("{}.postgres.database.azure.com", server.name);
            settings.insert("DBHOST".to_owned(), host);
        }
        if let Some(account) = state.storage_accounts.first() {
            settings.insert("STORAGE_ACCOUNT_NAME".to_owned(), account.name.clone());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_of_the_first_version_is_read() {
        let subscription = "11111111-1111-1111-1111-111111111111";
        let guid = |digit: u8| Uuid::from_bytes([digit; 16]);
        let identity = format!(
            "/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
        );
        let account = format!(
            "/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/photos"
        );
        let state = read(json!({
            "subscription": subscription,
            "tenant": guid(2),
            "directory": {
                "users": [{"id": guid(3), "user_principal_name": "ada@contoso.onmicrosoft.com"}],
                "applications": [{"id": guid(4), "client_id": guid(5), "display_name": "ci", "secrets": ["hash"]}],
            },
            "resource_groups": [{"name": "rg", "location": "westus"}],
            "identities": [{"resource_id": identity, "client_id": guid(6), "principal_id": guid(7)}],
            "machine": {"user": [guid(7)]},
            "role_assignments": [{"name": guid(8), "scope": account, "role": guid(9), "principal_id": guid(7)}],
            "postgres_servers": [{
                "name": "db", "resource_group": "rg", "location": "westus", "port": 7432,
                "administrator_login": "demoadmin", "entra_administrators": [guid(3)], "databases": ["restaurant"],
            }],
            "storage_accounts": [{
                "name": "photos", "resource_group": "rg", "location": "westus", "allow_shared_key_access": false,
                "allow_blob_public_access": true, "key": "a2V5", "containers": [{"name": "c", "public_access": "blob"}],
            }],
            "web_apps": [{
                "name": "site", "resource_group": "rg", "location": "westus", "identity": {"user": [guid(7)]},
                "settings": {"DBHOST": "127.0.0.1", "DBPORT": "7432", "MINE": "kept"},
                "startup_command": "exec ./start.sh", "instances": 3,
            }],
        }))
        .unwrap();
        assert_eq!(state.find_principal("ci").unwrap().id, guid(4));
        let found = state.principal(guid(7)).unwrap();
        assert_eq!((found.display_name.as_str(), found.client_id), ("i", Some(guid(6))));
        assert_eq!(state.machine().unwrap().identity.user, [id(&identity).unwrap()]);
        let server: PostgresServer = state.find("db").unwrap();
        assert_eq!(server.administrator_login.as_deref(), Some("demoadmin"));
        assert_eq!(
            (server.entra_administrators, server.databases),
            (vec![guid(3)], vec!["restaurant".to_owned()])
        );
        let found: StorageAccount = state.find("photos").unwrap();
        assert_eq!((found.keys[0].as_str(), found.allow_shared_key_access), ("a2V5", false));
        assert_eq!(found.containers[0].public_access, PublicAccess::Blob);
        assert_eq!(state.role_assignments[0].scope, found.id);
        let app: WebApp = state.find("site").unwrap();
        assert_eq!(state.instances(&app), 3);
        assert_eq!(app.identity.user, [id(&identity).unwrap()]);
        assert_eq!(
            app.settings,
            [
                ("DBHOST", "db.postgres.database.azure.com"),
                ("MINE", "kept"),
                ("STORAGE_ACCOUNT_NAME", "photos"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        );
    }
}
