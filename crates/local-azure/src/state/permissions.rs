//! Decides which operations the role assignments permit.
//! <https://learn.microsoft.com/azure/role-based-access-control/overview>

use uuid::Uuid;

use super::State;
use super::resource_id::ResourceId;
use super::roles::{Action, Permission, RoleDefinition};

impl State {
    /// Every role: the built-in ones and those that users defined.
    pub fn roles(&self) -> impl Iterator<Item = &RoleDefinition> {
        RoleDefinition::built_in().iter().chain(&self.role_definitions)
    }

    /// The role with that id.
    #[must_use]
    pub fn role(&self, id: Uuid) -> Option<&RoleDefinition> {
        self.roles().find(|role| role.id == id)
    }

    /// Whether a role assignment of the principal, or of a group that it belongs to, permits the operation on the
    /// resource.
    #[must_use]
    pub fn permits(&self, principal: Uuid, action: Action<'_>, resource: &ResourceId) -> bool {
        self.permissions(principal, resource)
            .any(|permission| permission.permits(action))
    }

    /// Whether there is a principal with that object id.
    fn exists(&self, principal: Uuid) -> bool {
        let directory = &self.directory;
        directory.users.iter().any(|user| user.id == principal)
            || directory.groups.iter().any(|group| group.id == principal)
            || directory.service_principals.iter().any(|one| one.id == principal)
            || self.identities().any(|identity| identity.principal_id == principal)
    }

    /// Whether somebody who exists and may sign in can assign roles in the subscription.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        let subscription = ResourceId::subscription(self.subscription);
        let action = Action::Control("Microsoft.Authorization/roleAssignments/write");
        self.role_assignments.iter().any(|assignment| {
            let role = self.role(assignment.role);
            assignment.scope.contains(&subscription)
                && assignment.condition.is_none()
                && role.is_some_and(|role| role.permits(action))
                && self.exists(assignment.principal_id)
                && self.is_enabled(assignment.principal_id)
        })
    }

    /// What the principal, and the groups that it belongs to, may do with the resource. A principal that was deleted may
    /// do nothing.
    pub fn permissions(&self, principal: Uuid, resource: &ResourceId) -> impl Iterator<Item = &Permission> {
        let mut holders = self.groups_of(principal);
        holders.push(principal);
        if !self.exists(principal) {
            holders.clear();
        }
        self.role_assignments
            .iter()
            .filter(move |assignment| {
                let is_unconditional = assignment.condition.is_none();
                is_unconditional && holders.contains(&assignment.principal_id) && assignment.scope.contains(resource)
            })
            .filter_map(|assignment| self.role(assignment.role))
            .flat_map(|role| &role.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::Group;
    use super::super::roles::RoleAssignment;
    use super::super::views::ManagedIdentity;
    use super::*;

    const READ: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read");
    const WRITE: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write");

    #[test]
    fn a_role_applies_only_in_its_scope() {
        let mut state = State::default();
        let identity =
            ManagedIdentity::new(state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", "i"));
        state.put(&identity);
        let principal = identity.principal_id;
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
            let role = RoleDefinition::find("Storage Blob Data Reader").unwrap().id;
            state.role_assignments = vec![RoleAssignment::new(scope.clone(), role, principal)];
            assert_eq!(state.permits(principal, READ, &container), here, "{scope}");
            assert_eq!(state.permits(principal, READ, &other), there, "{scope}");
            assert!(!state.permits(principal, WRITE, &container));
            assert!(!state.permits(Uuid::new_v4(), READ, &container));
        }
    }

    #[test]
    fn a_member_has_the_roles_of_its_group() {
        let mut state = State::default();
        let identity =
            ManagedIdentity::new(state.resource_id("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", "i"));
        state.put(&identity);
        let principal = identity.principal_id;
        let group = Group::new("sites", vec![principal]);
        let outer = Group::new("programs", vec![group.id]);
        let outer_id = outer.id;
        state.directory.groups.extend([group, outer]);
        let role = RoleDefinition::find("Storage Blob Data Contributor").unwrap().id;
        let scope = state.group_id("rg");
        state.role_assignments.push(RoleAssignment::new(scope, role, outer_id));
        let account = state.resource_id("rg", "Microsoft.Storage/storageAccounts", "photos");
        assert!(state.permits(principal, WRITE, &account));

        // A role assignment with a condition, which is not evaluated, permits nothing.
        state.role_assignments[0].condition = Some("@Resource[name] StringEquals 'x'".to_owned());
        assert!(!state.permits(principal, WRITE, &account));
        state.role_assignments[0].condition = None;
        // A principal that was deleted has no power, although its role assignments are still there.
        state.remove(&identity.resource_id);
        assert!(!state.permits(principal, WRITE, &account));
    }
}
