//! The tenant's directory of users, groups and applications.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::resource_id::ResourceId;

/// The domain of the tenant.
pub const DOMAIN: &str = "contoso.onmicrosoft.com";

/// Users, groups and applications. Managed identities are resources, which `State::identities` lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// Users.
    #[serde(default)]
    pub users: Vec<User>,
    /// Groups of principals.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Application registrations.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// The service principals of applications.
    #[serde(default)]
    pub service_principals: Vec<ServicePrincipal>,
    /// What applications may do on behalf of users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permission_grants: Vec<PermissionGrant>,
    /// Which users and groups have the roles of applications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_role_assignments: Vec<AppRoleAssignment>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Directory {
    /// Adds an application with a service principal. Returns the service principal.
    pub fn register(&mut self, application: Application) -> ServicePrincipal {
        let principal = ServicePrincipal::new(application.client_id);
        self.applications.push(application);
        self.service_principals.push(principal.clone());
        principal
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The object id.
    pub id: Uuid,
    /// The name that the user signs in with, such as `ada@contoso.onmicrosoft.com`. It is also the name of the user's
    /// database role.
    pub user_principal_name: String,
    /// The salted hash of the password. A user without one signs in on the sign-in page, or in `local-azure shell`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// When the password was set, in seconds since 1970. Older refresh tokens are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_set: Option<u64>,
    /// What clients of Microsoft Graph have set, such as `displayName`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl User {
    /// Creates a user with that name.
    #[must_use]
    pub fn new(user_principal_name: &str) -> Self {
        Self {
            id: Uuid::new_v4(),
            user_principal_name: user_principal_name.to_owned(),
            password: None,
            password_set: None,
            properties: Map::new(),
            other: Map::new(),
        }
    }

    /// Whether the user may sign in.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        is_enabled(&self.properties)
    }
}

/// Whether the property `accountEnabled` of an object is not false.
fn is_enabled(properties: &Map<String, Value>) -> bool {
    properties.get("accountEnabled").and_then(Value::as_bool) != Some(false)
}

/// A group of principals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The object id.
    pub id: Uuid,
    /// Its name.
    pub display_name: String,
    /// The object ids of its members.
    #[serde(default)]
    pub members: Vec<Uuid>,
    /// The object ids of its owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Uuid>,
    /// What clients of Microsoft Graph have set, such as `mailNickname`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Group {
    /// Creates a group with these members.
    #[must_use]
    pub fn new(display_name: &str, members: Vec<Uuid>) -> Self {
        Self {
            id: Uuid::new_v4(),
            display_name: display_name.to_owned(),
            members,
            owners: Vec::new(),
            properties: Map::new(),
            other: Map::new(),
        }
    }
}

/// An application registration: a program outside Azure that has its own credentials, or an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The object id.
    pub id: Uuid,
    /// The client id.
    pub client_id: Uuid,
    /// Its name.
    pub display_name: String,
    /// The resources for which tokens can be requested, such as `api://my-api`.
    #[serde(default)]
    pub identifier_uris: Vec<String>,
    /// Its client secrets.
    #[serde(default)]
    pub secrets: Vec<ClientSecret>,
    /// Certificates that may sign client assertions, in PEM.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// The external tokens that it may authenticate with.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
    /// The object ids of its owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Uuid>,
    /// What clients of Microsoft Graph have set, such as `signInAudience`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A client secret, which itself is shown only when it is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// Its id.
    pub key_id: Uuid,
    /// Its SHA-256 hash in hexadecimal.
    pub hash: String,
    /// Its first characters.
    pub hint: String,
    /// A name for it.
    pub display_name: Option<String>,
    /// When it becomes valid, as RFC 3339.
    pub start: String,
    /// When it expires, as RFC 3339.
    pub end: String,
}

impl Application {
    /// Creates an application that has no credentials yet.
    #[must_use]
    pub fn new(display_name: &str) -> Self {
        Self {
            id: Uuid::new_v4(),
            client_id: Uuid::new_v4(),
            display_name: display_name.to_owned(),
            identifier_uris: Vec::new(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
            owners: Vec::new(),
            properties: Map::new(),
            other: Map::new(),
        }
    }
}

/// The principal of an application in the tenant, to which roles are assigned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePrincipal {
    /// The object id.
    pub id: Uuid,
    /// The client id of the application.
    pub client_id: Uuid,
    /// Client secrets of its own. Those of the application work as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ClientSecret>,
    /// Certificates of its own, in PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// The object ids of its owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Uuid>,
    /// What clients of Microsoft Graph have set, such as `tags`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ServicePrincipal {
    /// Creates the service principal of an application.
    #[must_use]
    pub fn new(client_id: Uuid) -> Self {
        Self {
            id: Uuid::new_v4(),
            client_id,
            secrets: Vec::new(),
            certificates: Vec::new(),
            owners: Vec::new(),
            properties: Map::new(),
            other: Map::new(),
        }
    }

    /// Whether it may sign in.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        is_enabled(&self.properties)
    }
}

/// Consent to what an application may do on behalf of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermissionGrant {
    /// Its id.
    pub id: Uuid,
    /// The object id of the application's service principal.
    pub client_id: Uuid,
    /// `AllPrincipals`, or `Principal` for one user.
    pub consent_type: String,
    /// The object id of that user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Uuid>,
    /// The object id of the API's service principal.
    pub resource_id: Uuid,
    /// The names of the permissions, separated by blanks.
    pub scope: String,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A role of an application that a principal has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppRoleAssignment {
    /// Its id.
    pub id: Uuid,
    /// The object id of the user, group or service principal.
    pub principal_id: Uuid,
    /// The object id of the application's service principal.
    pub resource_id: Uuid,
    /// The id of the role, or nil for access without a role.
    pub app_role_id: Uuid,
    /// Fields that a newer version of Local Azure has added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Trust in the tokens of another issuer (workload identity federation).
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FederatedCredential {
    /// Its name.
    pub name: String,
    /// The token's `iss`, an HTTPS address with a discovery document.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`. Azure recommends `api://AzureADTokenExchange`.
    pub audience: String,
}

/// The kind of a principal, with Azure's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A managed identity or an application.
    ServicePrincipal,
}

impl PrincipalKind {
    /// Azure's name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServicePrincipal => "ServicePrincipal",
        }
    }
}

/// An identity that can hold a token or be assigned a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The object id.
    pub id: Uuid,
    /// Its kind.
    pub kind: PrincipalKind,
    /// The display name. A user's display name is the user principal name.
    pub display_name: String,
    /// The client id. Users and groups do not have one.
    pub client_id: Option<Uuid>,
    /// The id of a managed identity, for the claim `xms_mirid`.
    pub managed_identity: Option<ResourceId>,
}
