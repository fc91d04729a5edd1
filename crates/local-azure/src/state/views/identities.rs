//! Managed identities.

use serde_json::json;
use uuid::Uuid;

use super::View;
use crate::state::State;
use crate::state::directory::{FederatedCredential, Principal, PrincipalKind};
use crate::state::resource::{Resource, SystemAssigned};
use crate::state::resource_id::ResourceId;

/// The type of the federated credentials below an identity.
pub const FEDERATED_CREDENTIALS: &str = "federatedIdentityCredentials";

/// A managed identity and its service principal.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedIdentity {
    /// The identity's own id if it is user-assigned; the id of its resource if it is system-assigned.
    pub resource_id: ResourceId,
    /// The region.
    pub location: String,
    /// The client id, for `AZURE_CLIENT_ID`.
    pub client_id: Uuid,
    /// The object id of its service principal.
    pub principal_id: Uuid,
    /// The external tokens that can be exchanged for this identity's tokens.
    pub federated_credentials: Vec<FederatedCredential>,
}

impl ManagedIdentity {
    /// Creates a user-assigned identity.
    #[must_use]
    pub fn new(resource_id: ResourceId) -> Self {
        Self {
            resource_id,
            location: "eastus".to_owned(),
            client_id: Uuid::new_v4(),
            principal_id: Uuid::new_v4(),
            federated_credentials: Vec::new(),
        }
    }

    /// The system-assigned identity of a resource.
    #[must_use]
    pub fn of(resource: &Resource, identity: SystemAssigned) -> Self {
        Self {
            resource_id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            client_id: identity.client_id,
            principal_id: identity.principal_id,
            federated_credentials: Vec::new(),
        }
    }

    /// Its service principal. The display name is the last part of the id.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.principal_id,
            kind: PrincipalKind::ServicePrincipal,
            display_name: self.resource_id.name().to_owned(),
            client_id: Some(self.client_id),
            managed_identity: Some(self.resource_id.clone()),
        }
    }
}

/// User-assigned identities. [`State::identities`] lists the system-assigned ones too.
impl View for ManagedIdentity {
    const KIND: &'static str = "Microsoft.ManagedIdentity/userAssignedIdentities";

    fn id(&self) -> &ResourceId {
        &self.resource_id
    }

    fn read(state: &State, resource: &Resource) -> Self {
        let credential = |child: &Resource| {
            let text = |name| child.text(name).unwrap_or_default().to_owned();
            let audience = child.properties.get("audiences").and_then(|all| all.get(0)?.as_str());
            FederatedCredential {
                name: child.id.name().to_owned(),
                issuer: text("issuer"),
                subject: text("subject"),
                audience: audience.unwrap_or_default().to_owned(),
            }
        };
        Self {
            resource_id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            client_id: resource.guid("clientId").unwrap_or_default(),
            principal_id: resource.guid("principalId").unwrap_or_default(),
            federated_credentials: state
                .children(&resource.id, FEDERATED_CREDENTIALS)
                .map(credential)
                .collect(),
        }
    }

    fn write(&self, state: &mut State) {
        let tenant = state.tenant;
        state.update(&self.resource_id, |resource| {
            resource.location = Some(self.location.clone());
            resource.set("tenantId", tenant.to_string());
            resource.set("clientId", self.client_id.to_string());
            resource.set("principalId", self.principal_id.to_string());
        });
        let credentials = &self.federated_credentials;
        let names = credentials.iter().map(|credential| credential.name.as_str());
        state.set_children(&self.resource_id, FEDERATED_CREDENTIALS, names, |name, child| {
            let mut all = credentials.iter();
            let credential = all.find(|credential| credential.name == name);
            let credential = credential.expect("the names are those of the credentials");
            child.set("issuer", credential.issuer.as_str());
            child.set("subject", credential.subject.as_str());
            child.set("audiences", json!([credential.audience]));
        });
    }
}

impl State {
    /// Every managed identity: user-assigned ones, and the system-assigned ones of all resources.
    pub fn identities(&self) -> impl Iterator<Item = ManagedIdentity> {
        let system = self
            .resources()
            .filter_map(|resource| Some(ManagedIdentity::of(resource, resource.identity.system?)));
        self.all::<ManagedIdentity>().chain(system)
    }
}
