//! Looks up principals.

use std::collections::HashMap;

use uuid::Uuid;

use super::State;
use super::directory::{Directory, Principal, PrincipalKind, ServicePrincipal, User};
use super::views::ManagedIdentity;

impl State {
    /// Every principal of the tenant.
    pub fn principals(&self) -> impl Iterator<Item = Principal> {
        let Directory {
            users,
            groups,
            applications,
            service_principals,
            ..
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
        let mut names = None;
        let of_applications = service_principals.iter().map(move |principal| {
            // Most callers find what they look for before they come to the applications.
            let names = names.get_or_insert_with(|| {
                let all = applications.iter();
                all.map(|one| (one.client_id, one.display_name.as_str()))
                    .collect::<HashMap<_, _>>()
            });
            Principal {
                id: principal.id,
                kind: PrincipalKind::ServicePrincipal,
                display_name: (*names.get(&principal.client_id).unwrap_or(&"")).to_owned(),
                client_id: Some(principal.client_id),
                managed_identity: None,
            }
        });
        let identities = self.identities().map(|identity: ManagedIdentity| identity.principal());
        users.chain(groups).chain(of_applications).chain(identities)
    }

    /// The principal with that object id.
    #[must_use]
    pub fn principal(&self, id: Uuid) -> Option<Principal> {
        self.principals().find(|principal| principal.id == id)
    }

    /// Whether a principal may sign in and use its tokens: false for a user or a service principal that is disabled.
    #[must_use]
    pub fn is_enabled(&self, principal: Uuid) -> bool {
        let Directory {
            users,
            service_principals,
            ..
        } = &self.directory;
        let user = users.iter().find(|user| user.id == principal).map(User::is_enabled);
        user.or_else(|| {
            let found = service_principals.iter().find(|one| one.id == principal);
            found.map(ServicePrincipal::is_enabled)
        })
        .unwrap_or(true)
    }

    /// Finds a principal by its object id, client id or display name. The case of the display name is ignored.
    #[must_use]
    pub fn find_principal(&self, name: &str) -> Option<Principal> {
        let id = Uuid::parse_str(name).ok();
        self.principals().find(|principal| {
            id.is_some_and(|id| principal.id == id || principal.client_id == Some(id))
                || principal.display_name.eq_ignore_ascii_case(name)
        })
    }

    /// The object ids of the groups that a principal is a member of, directly or as a member of another group.
    #[must_use]
    pub fn groups_of(&self, id: Uuid) -> Vec<Uuid> {
        let mut found = Vec::new();
        let mut members = vec![id];
        while let Some(member) = members.pop() {
            for group in &self.directory.groups {
                if group.members.contains(&member) && !found.contains(&group.id) {
                    found.push(group.id);
                    members.push(group.id);
                }
            }
        }
        found
    }
}
