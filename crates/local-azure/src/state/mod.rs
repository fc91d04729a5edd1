//! The resources, principals and role assignments of this Azure. [`State`] is everything that is kept on disk.
//!
//! In reading order:
//!
//! - `resource_id` and `resource`: resources of any type, with their properties as Azure names them.
//! - `views`: resources as the types that code reads.
//! - `directory` and `principals`: users, groups, applications and service principals. `app_roles`: the roles that an
//!   application gives to its users.
//! - `roles` and `permissions`: which operations a principal may carry out.
//! - `store`: the file, and changes to it. `version_1` and `version_2`: files of an earlier version.

mod app_roles;
mod directory;
mod permissions;
mod principals;
mod resource;
mod resource_id;
mod roles;
mod store;
mod version_1;
mod version_2;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use self::directory::{
    AppRoleAssignment, Application, ClientSecret, DOMAIN, Directory, FederatedCredential, Group, PermissionGrant,
    Principal, PrincipalKind, ServicePrincipal, User,
};
pub use self::resource::{AssignedIdentities, Resource, SystemAssigned};
pub use self::resource_id::{InvalidResourceId, ResourceId};
pub use self::roles::{Action, Permission, RoleAssignment, RoleDefinition};
pub use self::views::{
    ADMINISTRATORS, AUTHENTICATION, Authentication, CLIENT_SECRET, CONFIGURATIONS, CONNECTION_STRING_TYPES, CONTAINERS,
    ConnectionString, Container, DATABASES, FEDERATED_CREDENTIALS, ManagedIdentity, PUBLISHING_PASSWORD, Plan,
    PostgresServer, PublicAccess, StorageAccount, UnauthenticatedAction, View, WebApp, new_key,
    new_publishing_password, time_span,
};

pub(crate) use self::store::Store;

/// The version of the file's form.
const SCHEMA: u32 = 3;

/// The type of resource groups.
pub const RESOURCE_GROUPS: &str = "Microsoft.Resources/resourceGroups";
/// The type of virtual machines. The first one stands for this machine: IMDS issues tokens for its identities.
pub const VIRTUAL_MACHINES: &str = "Microsoft.Compute/virtualMachines";

/// Everything that is kept on disk. The default is an empty subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The version of the file's form.
    schema: u32,
    /// The subscription that contains every resource.
    pub subscription: Uuid,
    /// The Entra tenant that contains every principal.
    pub tenant: Uuid,
    /// The tenant's users, groups and applications.
    #[serde(default)]
    pub directory: Directory,
    /// Role assignments.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
    /// The roles that users defined.
    #[serde(default)]
    pub role_definitions: Vec<RoleDefinition>,
    /// The namespaces, in lower case, of the providers for which the subscription is not registered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unregistered_providers: BTreeSet<String>,
    /// Resource groups, resources and their parts.
    #[serde(default, serialize_with = "as_list", deserialize_with = "from_list")]
    resources: BTreeMap<ResourceId, Arc<Resource>>,
    /// What a newer version has added.
    #[serde(flatten)]
    other: Map<String, Value>,
}

fn as_list<S: Serializer>(resources: &BTreeMap<ResourceId, Arc<Resource>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(resources.values().map(Arc::as_ref))
}

fn from_list<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<ResourceId, Arc<Resource>>, D::Error> {
    let list = Vec::<Resource>::deserialize(from)?;
    Ok(list
        .into_iter()
        .map(|resource| (resource.id.clone(), Arc::new(resource)))
        .collect())
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            subscription: Uuid::new_v4(),
            tenant: Uuid::new_v4(),
            directory: Directory::default(),
            role_assignments: Vec::new(),
            role_definitions: Vec::new(),
            unregistered_providers: BTreeSet::new(),
            resources: BTreeMap::new(),
            other: Map::new(),
        }
    }
}

impl State {
    /// The id of a resource group.
    ///
    /// # Panics
    ///
    /// Panics if the name is not permitted in an id.
    #[must_use]
    pub fn group_id(&self, group: &str) -> ResourceId {
        let id = format!("/subscriptions/{}/resourceGroups/{group}", self.subscription);
        id.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The id of a resource, such as `resource_id("rg", "Microsoft.Web/sites", "app")`.
    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
    ///
    /// # Panics
    ///
    /// Panics if a name is not permitted in an id.
    #[must_use]
    pub fn resource_id(&self, group: &str, kind: &str, name: &str) -> ResourceId {
        self.group_id(group).resource(kind, name)
    }

    /// The resource with that id.
    #[must_use]
    pub fn get(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.get(id).map(Arc::as_ref)
    }

    /// What distinguishes a resource from a deleted one that had the same id.
    #[must_use]
    pub fn uid(&self, id: &ResourceId) -> Uuid {
        self.get(id).map(|resource| resource.uid).unwrap_or_default()
    }

    /// All resource groups, resources and parts of resources.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values().map(Arc::as_ref)
    }

    /// The parts of that type directly below a resource.
    pub fn children(&self, parent: &ResourceId, kind: &str) -> impl Iterator<Item = &Resource> {
        let prefix = format!("{}/{}/", parent.key(), kind.to_ascii_lowercase());
        let from = self
            .resources
            .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        from.map_while(move |(id, child)| Some((id.key().strip_prefix(&prefix)?.contains('/'), child)))
            .filter(|(is_deeper, _)| !is_deeper)
            .map(|(_, child)| child.as_ref())
    }

    /// Changes the resource with that id, which is created if it does not exist.
    pub fn update<T>(&mut self, id: &ResourceId, change: impl FnOnce(&mut Resource) -> T) -> T {
        let new = || Arc::new(Resource::new(id.clone()));
        change(Arc::make_mut(self.resources.entry(id.clone()).or_insert_with(new)))
    }

    /// Adds a resource group if it does not exist.
    pub fn add_group(&mut self, name: &str, location: &str) {
        let id = self.group_id(name);
        self.update(&id, |group| {
            group.location.get_or_insert_with(|| location.to_owned());
            group
                .properties
                .entry("provisioningState")
                .or_insert_with(|| "Succeeded".into());
        });
    }

    /// Removes a resource, or a resource group, with everything below it and the role assignments there. Returns whether
    /// it existed.
    pub fn remove(&mut self, id: &ResourceId) -> bool {
        let before = self.resources.len();
        self.resources.retain(|existing, _| !id.contains(existing));
        self.role_assignments
            .retain(|assignment| !id.contains(&assignment.scope));
        self.resources.len() != before
    }

    /// The identities of this machine, for which the IMDS endpoint issues tokens.
    #[must_use]
    pub fn machine(&self) -> Option<&Resource> {
        self.resources().find(|resource| resource.id.is(VIRTUAL_MACHINES))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_survives() {
        let mut state = State::default();
        let account = StorageAccount::new(state.resource_id("rg", StorageAccount::KIND, "photos"), "eastus");
        state.put(&account);
        let mut json = serde_json::to_value(&state).unwrap();
        json["plans_of_tomorrow"] = json!([1]);
        json["resources"][0]["zones"] = json!(["1"]);
        json["resources"][0]["properties"]["minimumTlsVersion"] = json!("TLS1_2");
        json["resources"][0]["sku"]["name"] = json!("Standard_GRS");
        let mut state: State = serde_json::from_value(json.clone()).unwrap();
        state.edit("PHOTOS", |account: &mut StorageAccount| {
            account.allow_blob_public_access = true;
        });
        json["resources"][0]["properties"]["allowBlobPublicAccess"] = json!(true);
        assert_eq!(serde_json::to_value(&state).unwrap(), json);
    }

    #[test]
    fn a_resource_is_removed_with_everything_below_it() {
        let mut state = State::default();
        let id = state.resource_id("rg", PostgresServer::KIND, "db");
        let mut server = PostgresServer::new(id.clone(), "eastus");
        server.databases = vec!["one".to_owned(), "two".to_owned()];
        state.put(&server);
        let other = PostgresServer::new(state.resource_id("rg", PostgresServer::KIND, "db2"), "eastus");
        state.put(&other);
        server.databases.remove(0);
        state.put(&server);
        assert_eq!(state.find::<PostgresServer>("DB"), Some(server));
        assert!(state.remove(&id) && !state.remove(&id));
        assert!(state.resources().all(|left| other.id.contains(&left.id)));
        assert_eq!(state.all::<PostgresServer>().collect::<Vec<_>>(), [other]);
    }
}
