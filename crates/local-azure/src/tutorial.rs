//! The resources that the tutorial's commands create in Azure.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use crate::azure::Azure;
use crate::error::Result;
use crate::server::LOOPBACK;
use crate::state::{
    Container, ManagedIdentity, Plan, PostgresServer, PublicAccess, ResourceId, RoleAssignment, RoleDefinition, State,
    StorageAccount, User, VIRTUAL_MACHINES, View as _, WebApp,
};

/// The region of every resource.
pub const LOCATION: &str = "eastus";
/// The resource group.
pub const GROUP: &str = "restaurant-review";
/// The App Service plan.
pub const PLAN: &str = "restaurant-review-plan";
/// The virtual machine that stands for this machine.
const MACHINE: &str = "this-machine";
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

/// Creates the developer, who owns the subscription.
pub fn provision_developer(azure: &Azure) -> Result<()> {
    azure.change(|state| {
        administrator(state);
        Ok(())
    })
}

/// Creates the tutorial's resources in a new state. Resources that exist are left unchanged. `is_site` is whether
/// the app will be the site of this repository, which has a path for warm-up requests.
pub fn provision(azure: &Azure, is_site: bool) -> Result<()> {
    azure.change(|state| {
        state.add_group(GROUP, LOCATION);
        let administrator = administrator(state);
        let identity = identity(state);
        if state.find::<PostgresServer>(SERVER).is_none() {
            let id = state.resource_id(GROUP, PostgresServer::KIND, SERVER);
            let mut server = PostgresServer::new(id, LOCATION);
            // It cannot sign in until `az postgres flexible-server update` sets its password.
            server.administrator_login = Some("demoadmin".to_owned());
            server.entra_administrators = vec![administrator];
            server.databases = vec![DATABASE.to_owned()];
            state.put(&server);
        }
        if state.find::<StorageAccount>(ACCOUNT).is_none() {
            let account = account(state);
            state.put(&account);
            // Created only together with the account, so that a deleted role assignment is not created again.
            let role = RoleDefinition::find("Storage Blob Data Contributor").expect("a built-in role");
            let assignment = RoleAssignment::new(account.id, role.id, identity.principal_id);
            state.role_assignments.push(assignment);
        }
        if state.find::<WebApp>(APP).is_none() {
            let app = app(state, &identity, is_site);
            state.put(&app);
        }
        Ok(())
    })
}

/// The web app with the settings of `infra/deploy.sh`.
fn app(state: &mut State, identity: &ManagedIdentity, is_site: bool) -> WebApp {
    let plan = state.resource_id(GROUP, Plan::KIND, PLAN);
    let plan = state.at(&plan).unwrap_or_else(|| Plan::new(plan, LOCATION));
    state.put(&plan);
    let mut app = WebApp::new(state.resource_id(GROUP, WebApp::KIND, APP), &plan);
    app.identity.user.push(identity.resource_id.clone());
    "exec sh ./start.sh".clone_into(&mut app.startup_command);
    let mut set = |name: &str, value: &str| drop(app.settings.insert(name.to_owned(), value.to_owned()));
    for (name, value) in [
        ("AZURE_CLIENT_ID", identity.client_id.to_string().as_str()),
        ("DBHOST", &format!("{SERVER}.postgres.database.azure.com")),
        ("DBNAME", DATABASE),
        ("DBUSER", IDENTITY),
        ("SCM_DO_BUILD_DURING_DEPLOYMENT", "false"),
        ("STORAGE_ACCOUNT_NAME", ACCOUNT),
        ("STORAGE_CONTAINER_NAME", CONTAINER),
        ("WEBSITES_CONTAINER_STOP_TIME_LIMIT", "30"),
    ] {
        set(name, value);
    }
    if is_site {
        for (name, value) in [
            ("WEBSITES_CONTAINER_START_TIME_LIMIT", "600"),
            ("WEBSITE_SWAP_WARMUP_PING_PATH", "/readyz"),
            ("WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
            ("WEBSITE_WARMUP_PATH", "/readyz"),
            ("WEBSITE_WARMUP_STATUSES", "200"),
        ] {
            set(name, value);
        }
        app.health_check_path = Some("/readyz".to_owned());
    }
    app
}

/// The variables that give an app addresses on this machine instead of Azure's names, if it has the settings of the
/// tutorial. `root` contains the certificate of the authority.
#[must_use]
pub fn addresses(postgres_port: u16, account_url: &str, root: &Path) -> BTreeMap<String, String> {
    let root = root.display().to_string();
    [
        ("DBHOST", LOOPBACK),
        ("DBPORT", postgres_port.to_string().as_str()),
        ("PGSSLROOTCERT", &root),
        ("STORAGE_ACCOUNT_NAME", account_url),
        ("SSL_CERT_FILE", &root),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The id of the storage account.
#[must_use]
pub fn account_id(state: &State) -> ResourceId {
    state.resource_id(GROUP, StorageAccount::KIND, ACCOUNT)
}

/// The object id of the administrator, who owns the subscription unless somebody else can assign roles in it.
fn administrator(state: &mut State) -> Uuid {
    let users = &mut state.directory.users;
    let existing = users.iter().find(|user| user.user_principal_name == ADMINISTRATOR);
    let id = existing.map(|user| user.id);
    let id = id.unwrap_or_else(|| {
        let user = User::new(ADMINISTRATOR);
        let id = user.id;
        users.push(user);
        id
    });
    if !state.has_administrator() {
        let owner = RoleDefinition::find("Owner").expect("a built-in role").id;
        let subscription = ResourceId::subscription(state.subscription);
        let assignment = RoleAssignment::new(subscription, owner, id);
        state.role_assignments.push(assignment);
    }
    id
}

fn identity(state: &mut State) -> ManagedIdentity {
    let id = state.resource_id(GROUP, ManagedIdentity::KIND, IDENTITY);
    if let Some(identity) = state.at(&id) {
        return identity;
    }
    let identity = ManagedIdentity::new(id.clone());
    state.put(&identity);
    // A program that runs on this machine without App Service can use the identity through IMDS.
    let machine = state.machine().map(|machine| machine.id.clone());
    let machine = machine.unwrap_or_else(|| state.resource_id(GROUP, VIRTUAL_MACHINES, MACHINE));
    state.update(&machine, |machine| machine.identity.user.push(id));
    identity
}

fn account(state: &State) -> StorageAccount {
    let mut account = StorageAccount::new(account_id(state), LOCATION);
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

    fn provisioned() -> (tempfile::TempDir, Azure) {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        provision(&azure, true).unwrap();
        (folder, azure)
    }

    fn site(azure: &Azure) -> WebApp {
        azure.read(|state| state.find(APP)).unwrap()
    }

    #[test]
    fn existing_resources_are_left_unchanged() {
        let (_folder, azure) = provisioned();
        azure
            .change(|state| {
                state.role_assignments.truncate(1); // the owner of the subscription
                state.edit(APP, |app: &mut WebApp| {
                    app.settings.insert("RUST_LOG".to_owned(), "debug".to_owned());
                    app.settings.remove("DBHOST");
                });
                Ok(())
            })
            .unwrap();
        let before = azure.read(|state| serde_json::to_string(state).unwrap());
        provision(&azure, true).unwrap();
        assert_eq!(azure.read(|state| serde_json::to_string(state).unwrap()), before);
    }

    #[test]
    fn an_app_of_another_kind_has_azures_warm_up() {
        let folder = tempfile::tempdir().unwrap();
        let azure = Azure::open(folder.path()).unwrap();
        provision(&azure, false).unwrap();
        let app = site(&azure);
        assert!(app.health_check_path.is_none() && !app.settings.contains_key("WEBSITE_WARMUP_PATH"));
    }

    #[test]
    fn the_app_settings_are_those_of_the_deploy_script() {
        let (_folder, azure) = provisioned();
        let script = include_str!("../../../infra/deploy.sh");
        let (_, command) = script.split_once("az webapp config appsettings set").unwrap();
        let (command, _) = command.split_once("\n\n").unwrap();
        let (_, words) = command.split_once("--settings").unwrap();
        let words = words.split_whitespace().filter(|word| *word != "\\");
        let by_script: BTreeMap<_, _> = words
            .map(|word| word.trim_matches('"').split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let by_us = site(&azure).settings;
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
    fn no_app_setting_is_a_secret() {
        let (_folder, azure) = provisioned();
        let account: StorageAccount = azure.read(|state| state.find(ACCOUNT)).unwrap();
        for (name, value) in &site(&azure).settings {
            assert!(account.keys.iter().all(|key| !value.contains(key)));
            assert!(!name.contains("PASS") && !name.contains("KEY"), "{name}");
        }
    }
}
