//! The roles that an application gives to its users, and the groups that it asks for.
//! <https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps>

use serde_json::Value;
use uuid::Uuid;

use super::State;
use super::directory::{AppRoleAssignment, ServicePrincipal};

impl State {
    /// The service principal of an application.
    fn service_principal(&self, client_id: Uuid) -> Option<&ServicePrincipal> {
        let mut all = self.directory.service_principals.iter();
        all.find(|one| one.client_id == client_id)
    }

    /// A user's assignments to an application, also as a direct member of a group.
    fn assignments<'a>(&'a self, user: Uuid, to: &'a ServicePrincipal) -> impl Iterator<Item = &'a AppRoleAssignment> {
        let groups = self.directory.groups.iter();
        let mut holders: Vec<_> = groups
            .filter(|group| group.members.contains(&user))
            .map(|group| group.id)
            .collect();
        holders.push(user);
        let all = self.directory.app_role_assignments.iter();
        all.filter(move |one| one.resource_id == to.id && holders.contains(&one.principal_id))
    }

    /// The values of the roles that a user has in an application, in order and each once.
    #[must_use]
    pub fn app_roles(&self, user: Uuid, client_id: Uuid) -> Vec<String> {
        let Some(principal) = self.service_principal(client_id) else {
            return Vec::new();
        };
        let mut applications = self.directory.applications.iter();
        let defined = applications
            .find(|one| one.client_id == client_id)
            .and_then(|one| one.properties.get("appRoles"));
        let defined = defined.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let value_of = |id: Uuid| {
            let is_wanted = |role: &&Value| {
                let role_id = role["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
                role_id == Some(id) && role["isEnabled"] != false
            };
            defined.iter().find(is_wanted)?["value"].as_str().map(str::to_owned)
        };
        let assignments = self.assignments(user, principal);
        let mut roles: Vec<_> = assignments.filter_map(|one| value_of(one.app_role_id)).collect();
        roles.sort();
        roles.dedup();
        roles
    }

    /// The object ids of a principal's groups that an application asks for (`groupMembershipClaims`).
    #[must_use]
    pub fn claimed_groups(&self, principal: Uuid, client_id: Uuid) -> Vec<Uuid> {
        let mut applications = self.directory.applications.iter();
        let application = applications.find(|one| one.client_id == client_id);
        let claims = application.and_then(|one| one.properties.get("groupMembershipClaims")?.as_str());
        let asks_for =
            |kinds: &[&str]| claims.is_some_and(|all| all.split(',').any(|kind| kinds.contains(&kind.trim())));
        if asks_for(&["All", "SecurityGroup"]) {
            return self.groups_of(principal);
        }
        if !asks_for(&["ApplicationGroup"]) {
            return Vec::new();
        }
        // Those that are assigned to the application.
        let Some(to) = self.service_principal(client_id) else {
            return Vec::new();
        };
        let assigned = |group: &Uuid| {
            let mut all = self.directory.app_role_assignments.iter();
            all.any(|one| one.resource_id == to.id && one.principal_id == *group)
        };
        let mut groups = self.groups_of(principal);
        groups.retain(assigned);
        groups
    }

    /// Whether a user may sign in to an application: always, unless it requires an assignment (`appRoleAssignmentRequired`).
    #[must_use]
    pub fn may_sign_in_to(&self, user: Uuid, client_id: Uuid) -> bool {
        self.service_principal(client_id).is_none_or(|principal| {
            let is_required = principal.properties.get("appRoleAssignmentRequired") == Some(&true.into());
            !is_required || self.assignments(user, principal).next().is_some()
        })
    }
}
