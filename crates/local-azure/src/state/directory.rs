//! The tenant's directory: who there is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ManagedIdentity, State};

/// Users, groups and applications. Managed identities are resources: they stand in [`State::identities`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// People.
    #[serde(default)]
    pub users: Vec<User>,
    /// Groups of principals.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Application registrations with their service principals.
    #[serde(default)]
    pub applications: Vec<Application>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The object id.
    pub id: Uuid,
    /// The name to sign in with, such as `ada@contoso.onmicrosoft.com`; the display name as well.
    pub user_principal_name: String,
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
}

/// An application registration with its service principal: a program outside Azure that signs in by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The object id of its service principal.
    pub id: Uuid,
    /// The client id.
    pub client_id: Uuid,
    /// Its name.
    pub display_name: String,
    /// SHA-256 of each client secret, in hexadecimal. The secret itself is shown once, when it is made.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Certificates that may sign client assertions, in PEM.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Whose tokens it may sign in with.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
}

impl Application {
    /// Its service principal.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.id,
            kind: PrincipalKind::ServicePrincipal,
            display_name: self.display_name.clone(),
            client_id: Some(self.client_id),
            managed_identity: None,
        }
    }
}

impl Application {
    /// A new application with that name, which cannot sign in yet.
    #[must_use]
    pub fn new(display_name: &str) -> Self {
        Self {
            id: Uuid::new_v4(),
            client_id: Uuid::new_v4(),
            display_name: display_name.to_owned(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
        }
    }
}

/// Trust in tokens of another issuer (workload identity federation).
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FederatedCredential {
    /// Its name.
    pub name: String,
    /// The `iss` of the token, an HTTPS address with a discovery document.
    pub issuer: String,
    /// The `sub` of the token.
    pub subject: String,
    /// The `aud` of the token; Azure recommends `api://AzureADTokenExchange`.
    pub audience: String,
}

/// What a principal is, as Azure names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A group.
    Group,
    /// A managed identity or an application.
    ServicePrincipal,
}

/// Somebody that a role can be given to, or that can hold a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The object id.
    pub id: Uuid,
    /// What it is.
    pub kind: PrincipalKind,
    /// The display name; a user's is the user principal name.
    pub display_name: String,
    /// The client id; users and groups have none.
    pub client_id: Option<Uuid>,
    /// The resource id of a managed identity: its `xms_mirid`.
    pub managed_identity: Option<String>,
}

impl State {
    /// Every principal of the tenant.
    pub fn principals(&self) -> impl Iterator<Item = Principal> {
        let Directory {
            users,
            groups,
            applications,
        } = &self.directory;
        let users = users.iter().map(|user| Principal {
            id: user.id,
            kind: PrincipalKind::User,
            display_name: user.user_principal_name.clone(),
            client_id: None,
            managed_identity: None,
        });
        let groups = groups.iter().map(|group| Principal {
            id: group.id,
            kind: PrincipalKind::Group,
            display_name: group.display_name.clone(),
            client_id: None,
            managed_identity: None,
        });
        let applications = applications.iter().map(Application::principal);
        let identities = self.identities.iter().map(ManagedIdentity::principal);
        users.chain(groups).chain(applications).chain(identities)
    }

    /// The principal with that object id.
    #[must_use]
    pub fn principal(&self, id: Uuid) -> Option<Principal> {
        self.principals().find(|principal| principal.id == id)
    }

    /// The principal that is meant by an object id, a client id or a display name; the last without regard to case.
    #[must_use]
    pub fn find_principal(&self, name: &str) -> Option<Principal> {
        let id = Uuid::parse_str(name).ok();
        self.principals().find(|principal| {
            id.is_some_and(|id| principal.id == id || principal.client_id == Some(id))
                || principal.display_name.eq_ignore_ascii_case(name)
        })
    }

    /// The object ids of the groups that a principal is a member of.
    #[must_use]
    pub fn groups_of(&self, id: Uuid) -> Vec<Uuid> {
        let groups = self.directory.groups.iter();
        groups
            .filter(|group| group.members.contains(&id))
            .map(|group| group.id)
            .collect()
    }
}
