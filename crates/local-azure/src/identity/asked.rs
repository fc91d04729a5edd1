//! Which identity a request names.

use uuid::Uuid;

use crate::state::{AssignedIdentities, ManagedIdentity, State};

/// The identity that a request names.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// None.
    Unnamed,
    /// That with this client id.
    ClientId(String),
    /// That with this object id.
    ObjectId(String),
    /// That with this resource id.
    ResourceId(String),
}

impl Asked {
    /// What the query names; `None` when it names more than one. The parameters exclude each other.
    pub fn of(query: &[(String, String)]) -> Option<Self> {
        let mut named = query.iter().filter_map(|(name, value)| {
            let value = value.clone();
            match name.as_str() {
                "client_id" => Some(Self::ClientId(value)),
                "object_id" | "principal_id" => Some(Self::ObjectId(value)),
                "mi_res_id" | "msi_res_id" => Some(Self::ResourceId(value)),
                _ => None,
            }
        });
        let first = named.next().unwrap_or(Self::Unnamed);
        named.next().is_none().then_some(first)
    }

    /// Whether that identity is meant.
    pub fn means(&self, identity: &ManagedIdentity) -> bool {
        let is = |text: &str, id: Uuid| Uuid::try_parse(text) == Ok(id);
        match self {
            Self::Unnamed => false,
            Self::ClientId(id) => is(id, identity.client_id),
            Self::ObjectId(id) => is(id, identity.principal_id),
            // Resource ids have no case.
            Self::ResourceId(id) => id.eq_ignore_ascii_case(&identity.resource_id),
        }
    }
}

/// The identity with that principal id.
fn find(state: &State, id: Uuid) -> Option<&ManagedIdentity> {
    state.identities.iter().find(|identity| identity.principal_id == id)
}

/// The user-assigned identities that are assigned.
pub fn user_assigned<'a>(
    state: &'a State,
    assigned: &'a AssignedIdentities,
) -> impl Iterator<Item = &'a ManagedIdentity> {
    assigned.user.iter().filter_map(|id| find(state, *id))
}

/// The system-assigned identity, if there is one.
pub fn system_assigned<'a>(state: &'a State, assigned: &AssignedIdentities) -> Option<&'a ManagedIdentity> {
    assigned.system.and_then(|id| find(state, id))
}

/// The first value of that name in a query.
pub fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let pair = query.iter().find(|(key, _)| key == name)?;
    Some(&pair.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Option<Asked> {
        let query: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Asked::of(&query)
    }

    #[test]
    fn one_identity_is_named_or_none() {
        assert_eq!(asked(&[("resource", "x")]), Some(Asked::Unnamed));
        assert_eq!(asked(&[("principal_id", "a")]), Some(Asked::ObjectId("a".to_owned())));
        assert_eq!(asked(&[("client_id", "a"), ("object_id", "b")]), None);
        assert_eq!(asked(&[("client_id", "a"), ("client_id", "a")]), None);
    }

    #[test]
    fn ids_mean_the_identity_in_any_case() {
        let identity = ManagedIdentity::new("/subscriptions/S/x/Site".to_owned());
        let (client, object) = (identity.client_id.to_string(), identity.principal_id.to_string());
        for (asked, means) in [
            (Asked::ClientId(client.to_uppercase()), true),
            (Asked::ObjectId(object.clone()), true),
            (Asked::ResourceId("/SUBSCRIPTIONS/s/X/site".to_owned()), true),
            (Asked::ClientId(object), false),
            (Asked::ObjectId(client), false),
            (Asked::ClientId(String::new()), false),
            (Asked::ResourceId("site".to_owned()), false),
            (Asked::Unnamed, false),
        ] {
            assert_eq!(asked.means(&identity), means, "{asked:?}");
        }
    }
}
