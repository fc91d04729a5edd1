//! Roles and role assignments.
//! <https://learn.microsoft.com/azure/role-based-access-control/overview>

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::resource_id::ResourceId;

/// A built-in role. Only the roles that the services of this crate check are defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoleDefinition {
    /// Azure's id of the built-in role.
    /// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
    pub id: Uuid,
    /// Its name, as `az role assignment create --role` accepts it.
    pub name: &'static str,
    /// The control plane operations that it permits. `*` matches any text.
    pub actions: &'static [&'static str],
    /// The data operations that it permits. `*` matches any text.
    pub data_actions: &'static [&'static str],
}

/// An operation that requires permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A control plane operation, such as `Microsoft.Storage/storageAccounts/blobServices/containers/write`.
    Control(&'a str),
    /// A data operation, such as `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read`.
    Data(&'a str),
}

/// Assigns a role to a principal for everything in a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The assignment's own id.
    pub name: Uuid,
    /// The id of a subscription, a resource group, a resource or a part of a resource.
    pub scope: ResourceId,
    /// The id of the role.
    pub role: Uuid,
    /// The object id of a user, a group or a service principal.
    pub principal_id: Uuid,
}

impl RoleDefinition {
    /// Every role that is defined.
    pub const ALL: &'static [Self] = &[
        Self {
            id: uuid::uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
            name: "Owner",
            actions: &["*"],
            data_actions: &[],
        },
        Self {
            id: uuid::uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"),
            name: "Contributor",
            actions: &["*"],
            data_actions: &[],
        },
        Self {
            id: uuid::uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
            name: "Reader",
            actions: &["*/read"],
            data_actions: &[],
        },
        Self {
            id: uuid::uuid!("b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
            name: "Storage Blob Data Owner",
            actions: &[
                "Microsoft.Storage/storageAccounts/blobServices/containers/*",
                "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
            ],
            data_actions: &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
        },
        Self {
            id: uuid::uuid!("ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
            name: "Storage Blob Data Contributor",
            actions: &[
                "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
                "Microsoft.Storage/storageAccounts/blobServices/containers/read",
                "Microsoft.Storage/storageAccounts/blobServices/containers/write",
                "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
            ],
            data_actions: &[
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
                "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
            ],
        },
        Self {
            id: uuid::uuid!("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
            name: "Storage Blob Data Reader",
            actions: &[
                "Microsoft.Storage/storageAccounts/blobServices/containers/read",
                "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
            ],
            data_actions: &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
        },
        Self {
            id: uuid::uuid!("db58b8e5-c6ad-4a2a-8342-4190687cbf4a"),
            name: "Storage Blob Delegator",
            actions: &["Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"],
            data_actions: &[],
        },
    ];

    /// Finds a role by its id or its name. The case of the name is ignored.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let id = Uuid::parse_str(name).ok();
        Self::ALL
            .iter()
            .find(|role| role.name.eq_ignore_ascii_case(name) || Some(role.id) == id)
    }

    /// Whether it permits the operation.
    #[must_use]
    pub fn permits(&self, action: Action<'_>) -> bool {
        let (patterns, action) = match action {
            Action::Control(action) => (self.actions, action),
            Action::Data(action) => (self.data_actions, action),
        };
        patterns.iter().any(|pattern| matches(pattern, action))
    }
}

/// Whether the text matches the pattern, in which one `*` matches any text. The case of operations is ignored.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read");
    const WRITE: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write");
    const TAGS: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags/read");

    #[test]
    fn a_role_permits_what_azures_role_permits() {
        for (role, permitted) in [
            ("Storage Blob Data Reader", [true, false, false]),
            ("storage blob data contributor", [true, true, false]),
            ("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", [true, true, true]),
            // The owner of a resource has no access to its data.
            ("Owner", [false; 3]),
            ("Contributor", [false; 3]),
            ("Storage Blob Delegator", [false; 3]),
        ] {
            let role = RoleDefinition::find(role).unwrap();
            assert_eq!(
                [READ, WRITE, TAGS].map(|action| role.permits(action)),
                permitted,
                "{}",
                role.name
            );
        }
        assert_eq!(RoleDefinition::find("Storage Blob Data"), None);
    }
}
