//! The resources that the tutorial's commands create in Azure.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use crate::azure::Azure;
use crate::error::Result;
use crate::server::LOOPBACK;
use crate::state::{
    AssignedIdentities, Container, ManagedIdentity, PostgresServer, PublicAccess, ResourceGroup, RoleAssignment,
    RoleDefinition, State, StorageAccount, User, WebApp,
};

/// The region of every resource.
const LOCATION: &str = "eastus";
/// The resource group.
pub const GROUP: &str = "restaurant-review";
/// The web app.
pub const APP: &str = "restaurant-review";
/// The user-assigned managed identity, and its database role.
pub const IDENTITY: &str = "restaurant-review-identity";
/// The database server.
pub const SERVER: &str = "restaurant-review-db";
/// The database.
pub const DATABASE: &str = "restaurant";
/// The storage account.
pub const ACCOUNT: &str = "restaurantreview";
/// The blob container for the photos.
pub const CONTAINER: &str = "photos";
/// The Entra administrator of the database server, who represents the developer at this machine.
pub const ADMINISTRATOR: &str = "developer@contoso.onmicrosoft.com";

/// Creates the tutorial's resources that do not exist yet.
pub fn provision(azure: &Azure) -> Result<()> {
    azure.change(|state| {
        if !state.resource_groups.iter().any(|group| group.name == GROUP) {
            state.resource_groups.push(ResourceGroup::new(GROUP, LOCATION));
        }
        let administrator = administrator(state);
        let identity = identity(state);
        if !state.postgres_servers.iter().any(|server| server.name == SERVER) {
            state.postgres_servers.push(PostgresServer {
                name: SERVER.to_owned(),
                resource_group: GROUP.to_owned(),
                location: LOCATION.to_owned(),
                port: 0,
                // It cannot sign in until `local-azure admin-password` sets its password.
                administrator_login: Some("demoadmin".to_owned()),
                entra_administrators: vec![administrator],
                databases: vec![DATABASE.to_owned()],
            });
        }
        if !state.storage_accounts.iter().any(|account| account.name == ACCOUNT) {
            state.storage_accounts.push(account());
            // Created only together with the account, so that a deleted role assignment is not created again.
            state.role_assignments.push(RoleAssignment {
                name: Uuid::new_v4(),
                scope: account_id(state),
                role: RoleDefinition::find("Storage Blob Data Contributor")
                    .expect("the role is defined")
                    .id,
                principal_id: identity.principal_id,
            });
        }
        if !state.web_apps.iter().any(|app| app.name == APP) {
            state.web_apps.push(WebApp {
                name: APP.to_owned(),
                resource_group: GROUP.to_owned(),
                location: LOCATION.to_owned(),
                identity: AssignedIdentities {
                    system: None,
                    user: vec![identity.principal_id],
                },
                settings: [
                    ("AZURE_CLIENT_ID", identity.client_id.to_string().as_str()),
                    ("DBNAME", DATABASE),
                    ("DBUSER", IDENTITY),
                    ("SCM_DO_BUILD_DURING_DEPLOYMENT", "false"),
                    ("STORAGE_CONTAINER_NAME", CONTAINER),
                    ("WEBSITES_CONTAINER_START_TIME_LIMIT", "600"),
                    ("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "30"),
                    ("WEBSITE_SWAP_WARMUP_PING_PATH", "/readyz"),
                    ("WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
                    ("WEBSITE_WARMUP_PATH", "/readyz"),
                    ("WEBSITE_WARMUP_STATUSES", "200"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
                startup_command: "exec ./start.sh".to_owned(),
                instances: 1,
                health_check_path: Some("/readyz".to_owned()),
                https_only: false,
                client_affinity_enabled: true,
            });
        }
        Ok(())
    })
}

/// The app settings that exist only while the web app has addresses on this machine.
const ADDRESS_SETTINGS: [&str; 3] = ["DBPORT", "PGSSLROOTCERT", "SSL_CERT_FILE"];

/// Sets the app settings that tell the web app where its services are to Azure's names, which is what they are in Azure.
/// Settings that a person has changed stay as they are.
pub fn connect_by_name(azure: &Azure) -> Result<()> {
    change_settings(azure, |settings| {
        if settings.get("DBHOST").is_some_and(|host| host == LOOPBACK) {
            for name in ADDRESS_SETTINGS.into_iter().chain(["DBHOST", "STORAGE_ACCOUNT_NAME"]) {
                settings.remove(name);
            }
        }
        for (name, value) in [
            ("DBHOST", format!("{SERVER}.postgres.database.azure.com")),
            ("STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
        ] {
            settings.entry(name.to_owned()).or_insert(value);
        }
    })
}

/// Sets the app settings that tell the web app where its services are to addresses on this machine, with certificates
/// signed by the authority in `root`.
pub fn connect_by_address(azure: &Azure, postgres_port: u16, account_url: &str, root: &Path) -> Result<()> {
    let root = root.display().to_string();
    change_settings(azure, |settings| {
        for (name, value) in [
            ("DBHOST", LOOPBACK),
            ("DBPORT", postgres_port.to_string().as_str()),
            ("PGSSLROOTCERT", &root),
            ("STORAGE_ACCOUNT_NAME", account_url),
            ("SSL_CERT_FILE", &root),
        ] {
            settings.insert(name.to_owned(), value.to_owned());
        }
    })
}

fn change_settings(azure: &Azure, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<()> {
    azure.change(|state| {
        let app = state.web_apps.iter_mut().find(|app| app.name == APP);
        change(&mut app.expect("`provision` created it").settings);
        Ok(())
    })
}

/// The resource id of the storage account.
#[must_use]
pub fn account_id(state: &State) -> String {
    state.resource_id(GROUP, "Microsoft.Storage/storageAccounts", ACCOUNT)
}

/// The object id of the administrator.
fn administrator(state: &mut State) -> Uuid {
    let users = &mut state.directory.users;
    if let Some(user) = users.iter().find(|user| user.user_principal_name == ADMINISTRATOR) {
        return user.id;
    }
    let id = Uuid::new_v4();
    users.push(User {
        id,
        user_principal_name: ADMINISTRATOR.to_owned(),
    });
    id
}

fn identity(state: &mut State) -> ManagedIdentity {
    let id = state.resource_id(GROUP, "Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY);
    if let Some(identity) = state.identities.iter().find(|identity| identity.resource_id == id) {
        return identity.clone();
    }
    let identity = ManagedIdentity::new(id);
    state.identities.push(identity.clone());
    // A program that runs on this machine without App Service can use the identity through IMDS.
    state.machine.user.push(identity.principal_id);
    identity
}

fn account() -> StorageAccount {
    let mut account = StorageAccount::new(ACCOUNT, GROUP, LOCATION);
    account.allow_shared_key_access = false;
    account.containers.push(Container {
        name: CONTAINER.to_owned(),
        public_access: PublicAccess::None,
    });
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_resources_are_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        provision(&azure).unwrap();
        azure
            .change(|state| {
                state.role_assignments.clear();
                state.web_apps[0]
                    .settings
                    .insert("RUST_LOG".to_owned(), "debug".to_owned());
                Ok(())
            })
            .unwrap();
        let before = azure.read(|state| serde_json::to_string(state).unwrap());
        provision(&azure).unwrap();
        assert_eq!(azure.read(|state| serde_json::to_string(state).unwrap()), before);
    }

    fn provisioned() -> (tempfile::TempDir, Azure) {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        provision(&azure).unwrap();
        (folder, azure)
    }

    fn settings(azure: &Azure) -> BTreeMap<String, String> {
        azure.read(|state| state.web_apps[0].settings.clone())
    }

    #[test]
    fn the_app_settings_are_those_of_the_deploy_script() {
        let (_folder, azure) = provisioned();
        connect_by_name(&azure).unwrap();
        let script = include_str!("../../../infra/deploy.sh");
        let (_, command) = script.split_once("az webapp config appsettings set").unwrap();
        let (command, _) = command.split_once("\n\n").unwrap();
        let (_, words) = command.split_once("--settings").unwrap();
        let words = words.split_whitespace().filter(|word| *word != "\\");
        let by_script: BTreeMap<_, _> = words
            .map(|word| word.trim_matches('"').split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let by_us = settings(&azure);
        assert_eq!(by_us.keys().collect::<Vec<_>>(), by_script.keys().collect::<Vec<_>>());
        for (name, value) in &by_script {
            // The script's variables stand for names that differ from one subscription to another.
            assert!(
                value.starts_with('$') || by_us[name] == *value,
                "{name}: {value}, not {}",
                by_us[name]
            );
        }
        for (name, value) in &by_us {
            let is_local = value.contains("127.0.0.1") || value.contains("localhost") || value.contains(".pem");
            assert!(!is_local, "{name}={value}");
        }
    }

    #[test]
    fn changed_settings_stay_but_addresses_become_names() {
        let (_folder, azure) = provisioned();
        connect_by_name(&azure).unwrap();
        let by_name = settings(&azure);
        connect_by_address(
            &azure,
            7432,
            "https://127.0.0.1:7446/restaurantreview",
            Path::new("/ca.pem"),
        )
        .unwrap();
        assert_eq!(settings(&azure)["DBPORT"], "7432");
        connect_by_name(&azure).unwrap();
        assert_eq!(settings(&azure), by_name);
        change_settings(&azure, |settings| {
            settings.insert("DBHOST".to_owned(), "other.postgres.database.azure.com".to_owned());
            settings.insert("DBPORT".to_owned(), "6432".to_owned());
        })
        .unwrap();
        let changed = settings(&azure);
        connect_by_name(&azure).unwrap();
        assert_eq!(settings(&azure), changed);
    }

    #[test]
    fn no_app_setting_is_a_secret() {
        let (_folder, azure) = provisioned();
        connect_by_name(&azure).unwrap();
        azure.read(|state| {
            for (name, value) in &state.web_apps[0].settings {
                assert!(!value.contains(&state.storage_accounts[0].key));
                assert!(!name.contains("PASS") && !name.contains("KEY"), "{name}");
            }
        });
    }
}
