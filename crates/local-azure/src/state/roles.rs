//! Role-based access control: who may do what where.
//! <https://learn.microsoft.com/azure/role-based-access-control/overview>

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;

/// A role that can be assigned. The roles here are those that matter to the parts that run here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoleDefinition {
    /// Azure's id of the built-in role.
    /// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
    pub id: Uuid,
    /// Its name, as `az role assignment create --role` takes it.
    pub name: &'static str,
    /// Operations of the control plane that it permits, with `*` for any text.
    pub actions: &'static [&'static str],
    /// Operations on data that it permits, with `*` for any text.
    pub data_actions: &'static [&'static str],
}

/// An operation that a role must permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// One of the control plane, such as `Microsoft.Storage/storageAccounts/blobServices/containers/write`.
    Control(&'a str),
    /// One on data, such as `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read`.
    Data(&'a str),
}

/// A role given to a principal for all that lies in a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Its own name.
    pub name: Uuid,
    /// A subscription, a resource group, a resource or a part of one, by its id.
    pub scope: String,
    /// The id of the role.
    pub role: Uuid,
    /// The object id of a user, a group or a service principal.
    pub principal_id: Uuid,
}

impl RoleDefinition {
    /// Every role that is known here.
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

    /// The role with that name, without regard to case, or that id.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let id = Uuid::parse_str(name).ok();
        Self::ALL
            .iter()
            .find(|role| role.name.eq_ignore_ascii_case(name) || Some(role.id) == id)
    }

    /// Whether it permits that operation.
    #[must_use]
    pub fn permits(&self, action: Action<'_>) -> bool {
        let (patterns, action) = match action {
            Action::Control(action) => (self.actions, action),
            Action::Data(action) => (self.data_actions, action),
        };
        patterns.iter().any(|pattern| fits(pattern, action))
    }
}

/// Whether the text fits the pattern, in which one `*` stands for any text. Operations have no case.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

/// Whether `scope` is `resource` or something that it lies in. Ids have no case.
fn contains(scope: &str, resource: &str) -> bool {
    let (scope, resource) = (
        scope.trim_end_matches('/').to_ascii_lowercase(),
        resource.to_ascii_lowercase(),
    );
    resource
        .strip_prefix(&scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl State {
    /// Whether a role that the principal has, itself or by a group, permits that operation on that resource.
    #[must_use]
    pub fn permits(&self, principal: Uuid, action: Action<'_>, resource: &str) -> bool {
        let groups = self.groups_of(principal);
        self.role_assignments.iter().any(|assignment| {
            (assignment.principal_id == principal || groups.contains(&assignment.principal_id))
                && contains(&assignment.scope, resource)
                && RoleDefinition::ALL
                    .iter()
                    .any(|role| role.id == assignment.role && role.permits(action))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Group;
    use super::*;

    const READ: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read");
    const WRITE: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write");
    const TAGS: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags/read");

    #[test]
    fn a_role_permits_what_azures_does() {
        for (role, permitted) in [
            ("Storage Blob Data Reader", [true, false, false]),
            ("storage blob data contributor", [true, true, false]),
            ("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", [true, true, true]),
            // The owner of a resource may do nothing with its data.
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

    #[test]
    fn a_role_counts_in_its_scope_alone() {
        let mut state = State::default();
        let principal = Uuid::new_v4();
        let account = state.resource_id("rg", "Microsoft.Storage/storageAccounts", "photos");
        let container = format!("{account}/blobServices/default/containers/photos");
        let other = state.resource_id("rg2", "Microsoft.Storage/storageAccounts", "photos2");
        for (scope, here, there) in [
            (format!("/subscriptions/{}", state.subscription), true, true),
            (state.group_id("RG").to_uppercase(), true, false),
            (account.clone() + "/", true, false),
            (container.clone(), true, false),
            (account.replace("photos", "photo"), false, false),
            (container.replace("containers/photos", "containers/photo"), false, false),
        ] {
            state.role_assignments = vec![RoleAssignment {
                name: Uuid::new_v4(),
                scope: scope.clone(),
                role: RoleDefinition::find("Storage Blob Data Reader").unwrap().id,
                principal_id: principal,
            }];
            assert_eq!(state.permits(principal, READ, &container), here, "{scope}");
            assert_eq!(state.permits(principal, READ, &other), there, "{scope}");
            assert!(!state.permits(principal, WRITE, &container));
            assert!(!state.permits(Uuid::new_v4(), READ, &container));
        }
    }

    #[test]
    fn a_members_role_comes_from_its_group_too() {
        let mut state = State::default();
        let (principal, group) = (Uuid::new_v4(), Uuid::new_v4());
        state.directory.groups.push(Group {
            id: group,
            display_name: "sites".to_owned(),
            members: vec![principal],
        });
        state.role_assignments.push(RoleAssignment {
            name: Uuid::new_v4(),
            scope: state.group_id("rg"),
            role: RoleDefinition::find("Storage Blob Data Contributor").unwrap().id,
            principal_id: group,
        });
        let account = state.resource_id("rg", "Microsoft.Storage/storageAccounts", "photos");
        assert!(state.permits(principal, WRITE, &account));
    }
}
