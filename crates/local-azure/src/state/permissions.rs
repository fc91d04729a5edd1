//! Decides which operations the role assignments permit.
//! <https://learn.microsoft.com/azure/role-based-access-control/overview>

use uuid::Uuid;

use super::State;
use super::resource_id::ResourceId;
use super::roles::{Action, RoleDefinition};

impl State {
    /// Whether a role assignment of the principal, or of a group that it belongs to, permits the operation on the
    /// resource.
    #[must_use]
    pub fn permits(&self, principal: Uuid, action: Action<'_>, resource: &ResourceId) -> bool {
        let groups = self.groups_of(principal);
        self.role_assignments.iter().any(|assignment| {
            (assignment.principal_id == principal || groups.contains(&assignment.principal_id))
                && assignment.scope.contains(resource)
                && RoleDefinition::ALL
                    .iter()
                    .any(|role| role.id == assignment.role && role.permits(action))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::Group;
    use super::super::roles::RoleAssignment;
    use super::*;

    const READ: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read");
    const WRITE: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write");

    #[test]
    fn a_role_applies_only_in_its_scope() {
        let mut state = State::default();
        let principal = Uuid::new_v4();
        let account = state.resource_id("rg", "Microsoft.Storage/storageAccounts", "photos");
        let container = account.child("blobServices/default/containers", "photos");
        let other = state.resource_id("rg2", "Microsoft.Storage/storageAccounts", "photos2");
        for (scope, here, there) in [
            (ResourceId::subscription(state.subscription), true, true),
            (state.group_id("RG"), true, false),
            (account.clone(), true, false),
            (container.clone(), true, false),
            (
                state.resource_id("rg", "Microsoft.Storage/storageAccounts", "photo"),
                false,
                false,
            ),
            (account.child("blobServices/default/containers", "photo"), false, false),
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
    fn a_member_has_the_roles_of_its_group() {
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
