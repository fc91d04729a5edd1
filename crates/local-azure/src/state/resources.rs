//! Resources. Their properties have Azure's names.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::directory::{FederatedCredential, Principal, PrincipalKind};

/// A resource group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceGroup {
    /// Its name. Names that differ only in case are the same.
    pub name: String,
    /// The region, such as `eastus`.
    pub location: String,
}

impl ResourceGroup {
    /// Creates a resource group in that region.
    #[must_use]
    pub fn new(name: &str, location: &str) -> Self {
        Self {
            name: name.to_owned(),
            location: location.to_owned(),
        }
    }
}

/// A managed identity and its service principal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedIdentity {
    /// The identity's own resource id if it is user-assigned; the id of its resource if it is system-assigned.
    pub resource_id: String,
    /// The client id, for `AZURE_CLIENT_ID`.
    pub client_id: Uuid,
    /// The object id of its service principal.
    pub principal_id: Uuid,
    /// The external tokens that can be exchanged for this identity's tokens.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
}

impl ManagedIdentity {
    /// Creates an identity with that resource id.
    #[must_use]
    pub fn new(resource_id: String) -> Self {
        Self {
            resource_id,
            client_id: Uuid::new_v4(),
            principal_id: Uuid::new_v4(),
            federated_credentials: Vec::new(),
        }
    }

    /// Its display name in the directory: the last part of its resource id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.resource_id.rsplit('/').next().unwrap_or_default()
    }

    /// Its service principal.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.principal_id,
            kind: PrincipalKind::ServicePrincipal,
            display_name: self.name().to_owned(),
            client_id: Some(self.client_id),
            managed_identity: Some(self.resource_id.clone()),
        }
    }
}

/// The principal ids of the managed identities that a resource may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssignedIdentities {
    /// The system-assigned identity. It is used for requests that do not name an identity.
    #[serde(default)]
    pub system: Option<Uuid>,
    /// The user-assigned identities.
    #[serde(default)]
    pub user: Vec<Uuid>,
}

/// An Azure Database for PostgreSQL flexible server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostgresServer {
    /// Its name.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// The region.
    pub location: String,
    /// The loopback port that it listens on.
    pub port: u16,
    /// The administrator with a password. `None` means that the server accepts Entra authentication only.
    #[serde(default)]
    pub administrator_login: Option<String>,
    /// The object ids of the Entra administrators.
    #[serde(default)]
    pub entra_administrators: Vec<Uuid>,
    /// The databases other than `postgres`.
    #[serde(default)]
    pub databases: Vec<String>,
}

/// A storage account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its name: 3 to 24 lower-case letters and digits.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// The region.
    pub location: String,
    /// Whether requests may be signed with its key (`allowSharedKeyAccess`).
    pub allow_shared_key_access: bool,
    /// Whether containers may allow anonymous reads (`allowBlobPublicAccess`).
    pub allow_blob_public_access: bool,
    /// Its key: 64 bytes, encoded in base64.
    pub key: String,
    /// The containers that were created through the control plane.
    #[serde(default)]
    pub containers: Vec<Container>,
}

impl StorageAccount {
    /// Creates a storage account with Azure's defaults: with a new key, and closed to anonymous reads.
    #[must_use]
    pub fn new(name: &str, resource_group: &str, location: &str) -> Self {
        let mut key = [0; 64];
        aws_lc_rs::rand::fill(&mut key).expect("the system provides random numbers");
        Self {
            name: name.to_owned(),
            resource_group: resource_group.to_owned(),
            location: location.to_owned(),
            allow_shared_key_access: true,
            allow_blob_public_access: false,
            key: STANDARD.encode(key),
            containers: Vec::new(),
        }
    }
}

impl fmt::Debug for StorageAccount {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageAccount")
            .field("name", &self.name)
            .field("resource_group", &self.resource_group)
            .field("containers", &self.containers)
            .finish_non_exhaustive()
    }
}

/// A blob container, which is created when the account starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The level of anonymous read access.
    pub public_access: PublicAccess,
}

/// The level of anonymous read access to a container. It applies only if the account allows anonymous reads.
/// <https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicAccess {
    /// Nothing.
    #[default]
    None,
    /// Blobs, but not the list of them.
    Blob,
    /// Blobs, and the list of them.
    Container,
}

/// A web app of App Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebApp {
    /// Its name, which is the first label of its host name.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// The region.
    pub location: String,
    /// Its identities.
    #[serde(default)]
    pub identity: AssignedIdentities,
    /// The app settings, which become environment variables of the app.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The startup command (`appCommandLine`).
    #[serde(default)]
    pub startup_command: String,
    /// The number of instances.
    pub instances: u32,
    /// The path that the platform requests every minute to check an instance's health.
    #[serde(default)]
    pub health_check_path: Option<String>,
    /// Whether plain HTTP is redirected to HTTPS.
    #[serde(default)]
    pub https_only: bool,
    /// Whether a cookie keeps a visitor on one instance (`clientAffinityEnabled`).
    #[serde(default = "yes")]
    pub client_affinity_enabled: bool,
}

fn yes() -> bool {
    true
}
