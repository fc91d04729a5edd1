//! The resources, principals and role assignments of this Azure. [`State`] is everything that is kept on disk.

mod directory;
mod permissions;
mod principals;
mod resources;
mod roles;
mod store;

pub use self::directory::{Application, Directory, FederatedCredential, Group, Principal, PrincipalKind, User};
pub use self::resources::{
    AssignedIdentities, Container, ManagedIdentity, PostgresServer, PublicAccess, ResourceGroup, StorageAccount, WebApp,
};
pub use self::roles::{Action, RoleAssignment, RoleDefinition};
pub use self::store::State;
