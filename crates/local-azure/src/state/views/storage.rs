//! Storage accounts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::View;
use crate::state::State;
use crate::state::resource::Resource;
use crate::state::resource_id::ResourceId;

/// The type of the containers below an account.
pub const CONTAINERS: &str = "blobServices/default/containers";

/// A storage account.
#[derive(Clone, PartialEq)]
pub struct StorageAccount {
    /// Its id, whose name consists of 3 to 24 lower-case letters and digits.
    pub id: ResourceId,
    /// The region.
    pub location: String,
    /// Whether requests may be signed with a key (`allowSharedKeyAccess`).
    pub allow_shared_key_access: bool,
    /// Whether containers may allow anonymous reads (`allowBlobPublicAccess`).
    pub allow_blob_public_access: bool,
    /// Its two keys: 64 bytes each, encoded in base64.
    pub keys: [String; 2],
    /// The containers that were created through the control plane.
    pub containers: Vec<Container>,
}

impl StorageAccount {
    /// Creates a storage account with Azure's defaults: with new keys, and closed to anonymous reads.
    #[must_use]
    pub fn new(id: ResourceId, location: &str) -> Self {
        Self {
            id,
            location: location.to_owned(),
            allow_shared_key_access: true,
            allow_blob_public_access: false,
            keys: [new_key(), new_key()],
            containers: Vec::new(),
        }
    }
}

/// A random key.
#[must_use]
pub fn new_key() -> String {
    let mut key = [0; 64];
    aws_lc_rs::rand::fill(&mut key).expect("the system provides random numbers");
    STANDARD.encode(key)
}

impl fmt::Debug for StorageAccount {
    /// Omits the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageAccount")
            .field("id", &self.id)
            .field("containers", &self.containers)
            .finish_non_exhaustive()
    }
}

/// A blob container.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The level of anonymous read access.
    pub public_access: PublicAccess,
}

/// The level of anonymous read access to a container. It applies only if the account allows anonymous reads.
/// <https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicAccess {
    /// Nothing.
    #[default]
    None,
    /// Blobs, but not the list of them.
    Blob,
    /// Blobs, and the list of them.
    Container,
}

impl State {
    /// Adds the keys of accounts that have none. Returns whether there were any.
    pub(super) fn complete_accounts(&mut self) -> bool {
        let has_no_key = |account: &StorageAccount| account.keys.iter().any(String::is_empty);
        let incomplete: Vec<StorageAccount> = self.all().filter(has_no_key).collect();
        for mut account in incomplete.iter().cloned() {
            for key in &mut account.keys {
                if key.is_empty() {
                    *key = new_key();
                }
            }
            self.put(&account);
        }
        !incomplete.is_empty()
    }
}

impl View for StorageAccount {
    const KIND: &'static str = "Microsoft.Storage/storageAccounts";

    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn read(state: &State, resource: &Resource) -> Self {
        let container = |child: &Resource| Container {
            name: child.id.name().to_owned(),
            public_access: child
                .properties
                .get("publicAccess")
                .and_then(|level| serde_json::from_value(level.clone()).ok())
                .unwrap_or_default(),
        };
        let key = |name| resource.secrets.get(name).cloned().unwrap_or_default();
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            allow_shared_key_access: resource.flag("allowSharedKeyAccess").unwrap_or(true),
            allow_blob_public_access: resource.flag("allowBlobPublicAccess").unwrap_or(false),
            keys: ["key1", "key2"].map(key),
            containers: state.children(&resource.id, CONTAINERS).map(container).collect(),
        }
    }

    fn write(&self, state: &mut State) {
        state.update(&self.id, |resource| {
            resource.location = Some(self.location.clone());
            resource.kind.get_or_insert_with(|| "StorageV2".to_owned());
            resource
                .sku
                .get_or_insert_with(|| json!({"name": "Standard_LRS", "tier": "Standard"}));
            resource.set("allowSharedKeyAccess", self.allow_shared_key_access);
            resource.set("allowBlobPublicAccess", self.allow_blob_public_access);
            for (name, key) in ["key1", "key2"].into_iter().zip(&self.keys) {
                resource.secrets.insert(name.to_owned(), key.clone());
            }
        });
        let names = self.containers.iter().map(|container| container.name.as_str());
        state.set_children(&self.id, CONTAINERS, names, |name, child| {
            let mut all = self.containers.iter();
            let container = all.find(|container| container.name == name);
            let level = container.expect("the names are those of the containers").public_access;
            child.set("publicAccess", json!(level));
        });
    }
}
