//! Resources, by the names that Azure has for their properties.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FederatedCredential, Principal, PrincipalKind};

/// A resource group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceGroup {
    /// Its name; two that differ in case alone are one.
    pub name: String,
    /// The region, such as `eastus`.
    pub location: String,
}

impl ResourceGroup {
    /// A resource group in that region.
    #[must_use]
    pub fn new(name: &str, location: &str) -> Self {
        Self {
            name: name.to_owned(),
            location: location.to_owned(),
        }
    }
}

/// A managed identity, with the service principal that comes with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedIdentity {
    /// The identity's resource id (user-assigned), or that of the resource whose identity it is (system-assigned).
    pub resource_id: String,
    /// The client id, for `AZURE_CLIENT_ID`.
    pub client_id: Uuid,
    /// The object id of its service principal.
    pub principal_id: Uuid,
    /// Whose tokens can be exchanged for this identity's.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
}

impl ManagedIdentity {
    /// A new identity with that resource id.
    #[must_use]
    pub fn new(resource_id: String) -> Self {
        Self {
            resource_id,
            client_id: Uuid::new_v4(),
            principal_id: Uuid::new_v4(),
            federated_credentials: Vec::new(),
        }
    }

    /// The last part of its resource id, which is its display name in the directory.
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

/// The managed identities that a resource may use, by their principal ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AssignedIdentities {
    /// The resource's own, which is asked for by naming none.
    #[serde(default)]
    pub system: Option<Uuid>,
    /// Those that were assigned to it.
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
    /// The port of loopback that it listens on.
    pub port: u16,
    /// The administrator with a password; `None`: Entra authentication only.
    #[serde(default)]
    pub administrator_login: Option<String>,
    /// The object ids of the Entra administrators.
    #[serde(default)]
    pub entra_administrators: Vec<Uuid>,
    /// The databases beside `postgres`.
    #[serde(default)]
    pub databases: Vec<String>,
}

/// A storage account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its name: 3 to 24 lower-case letters and digits.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// The region.
    pub location: String,
    /// Whether its key may sign requests (`allowSharedKeyAccess`).
    pub allow_shared_key_access: bool,
    /// Whether containers may be open to anonymous reads (`allowBlobPublicAccess`).
    pub allow_blob_public_access: bool,
    /// Its key, base64 of 64 bytes.
    pub key: String,
    /// The containers that were made through the control plane.
    #[serde(default)]
    pub containers: Vec<Container>,
}

impl StorageAccount {
    /// A storage account as Azure makes it: with a key, and closed to anonymous reads.
    #[must_use]
    pub fn new(name: &str, resource_group: &str, location: &str) -> Self {
        let mut key = [0; 64];
        aws_lc_rs::rand::fill(&mut key).expect("the system has random numbers");
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

/// A container of blobs, as it is to be made when the account starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What may be read without signing in.
    pub public_access: PublicAccess,
}

/// What may be read without signing in, where the account allows it.
/// <https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicAccess {
    /// Nothing.
    #[default]
    None,
    /// Blobs whose name is known.
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
    /// The app settings, which the app finds in its environment.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The startup command (`appCommandLine`).
    #[serde(default)]
    pub startup_command: String,
    /// How many instances run.
    pub instances: u32,
    /// Where the platform asks every minute whether an instance is well.
    #[serde(default)]
    pub health_check_path: Option<String>,
    /// Whether plain HTTP is redirected to HTTPS.
    #[serde(default)]
    pub https_only: bool,
    /// Whether a visitor stays with one instance, by a cookie (`clientAffinityEnabled`).
    #[serde(default = "yes")]
    pub client_affinity_enabled: bool,
}

fn yes() -> bool {
    true
}
