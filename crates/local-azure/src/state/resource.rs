//! A resource of any type.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::resource_id::ResourceId;

/// A resource, or a part of one, with its properties as Azure names them. What this crate does not know about it is kept.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Distinguishes it from a deleted resource that had the same id. Nil for a resource of the first version, or for one
    /// that a person wrote into the file: it gets the data that there is.
    #[serde(default)]
    pub uid: Uuid,
    /// The region, such as `eastus`. Parts of resources have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What determines its price and size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Value>,
    /// A variant of its type, such as `StorageV2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The managed identities that it may use.
    #[serde(default, skip_serializing_if = "AssignedIdentities::is_default")]
    pub identity: AssignedIdentities,
    /// The properties of its type, among them `provisioningState`.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// What the control plane never shows as a property, such as the keys of a storage account.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Everything else that a client has set beside the properties, such as `zones`. It is apart from the fields above, so
    /// that a client cannot set those.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub top_level: Map<String, Value>,
    /// What a newer version has added to the file.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Resource {
    /// Creates a resource without properties.
    #[must_use]
    pub fn new(id: ResourceId) -> Self {
        Self {
            id,
            uid: Uuid::new_v4(),
            location: None,
            tags: BTreeMap::new(),
            sku: None,
            kind: None,
            identity: AssignedIdentities::default(),
            properties: Map::new(),
            secrets: BTreeMap::new(),
            top_level: Map::new(),
            other: Map::new(),
        }
    }

    /// A property that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_str()
    }

    /// A property that is true or false.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.properties.get(name)?.as_bool()
    }

    /// A property that is a GUID.
    #[must_use]
    pub fn guid(&self, name: &str) -> Option<Uuid> {
        Uuid::try_parse(self.text(name)?).ok()
    }

    /// Sets a property.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.properties.insert(name.to_owned(), value.into());
    }
}

impl fmt::Debug for Resource {
    /// Omits the properties, which may be the settings of an app, and the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The managed identities that a resource may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssignedIdentities {
    /// The system-assigned identity. It is used for requests that do not name an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemAssigned>,
    /// The user-assigned identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<ResourceId>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl AssignedIdentities {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.system.is_none() && self.user.is_empty()
    }
}

/// The identity that exists as long as its resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemAssigned {
    /// The client id.
    pub client_id: Uuid,
    /// The object id of its service principal.
    pub principal_id: Uuid,
}

impl SystemAssigned {
    /// Creates an identity.
    #[must_use]
    pub fn create() -> Self {
        Self {
            client_id: Uuid::new_v4(),
            principal_id: Uuid::new_v4(),
        }
    }
}
