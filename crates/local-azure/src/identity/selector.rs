//! Selects the identity that a request names.

use uuid::Uuid;

use crate::state::{ManagedIdentity, Resource, ResourceId, State};

/// How a request names an identity.
#[derive(Debug, PartialEq, Eq)]
pub enum IdentitySelector {
    /// It does not name one.
    Unnamed,
    /// By its client id.
    ClientId(String),
    /// By its object id.
    ObjectId(String),
    /// By its resource id.
    ResourceId(String),
}

impl IdentitySelector {
    /// Parses a query. Returns `None` if it names more than one identity.
    pub fn parse(query: &[(String, String)]) -> Option<Self> {
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

    /// Whether it selects the identity.
    pub fn matches(&self, identity: &ManagedIdentity) -> bool {
        let is = |text: &str, id: Uuid| Uuid::try_parse(text) == Ok(id);
        match self {
            Self::Unnamed => false,
            Self::ClientId(id) => is(id, identity.client_id),
            Self::ObjectId(id) => is(id, identity.principal_id),
            // The case of resource ids is ignored.
            Self::ResourceId(id) => id.parse().is_ok_and(|id: ResourceId| id == identity.resource_id),
        }
    }
}

/// The user-assigned identities of a resource.
pub fn user_assigned(state: &State, resource: &Resource) -> impl Iterator<Item = ManagedIdentity> {
    resource.identity.user.iter().filter_map(|id| state.at(id))
}

/// The system-assigned identity of a resource.
pub fn system_assigned(resource: &Resource) -> Option<ManagedIdentity> {
    Some(ManagedIdentity::of(resource, resource.identity.system?))
}

/// The first value of a parameter of the query.
pub fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let pair = query.iter().find(|(key, _)| key == name)?;
    Some(&pair.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(pairs: &[(&str, &str)]) -> Option<IdentitySelector> {
        let query: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        IdentitySelector::parse(&query)
    }

    #[test]
    fn a_query_names_at_most_one_identity() {
        assert_eq!(selector(&[("resource", "x")]), Some(IdentitySelector::Unnamed));
        assert_eq!(
            selector(&[("principal_id", "a")]),
            Some(IdentitySelector::ObjectId("a".to_owned()))
        );
        assert_eq!(selector(&[("client_id", "a"), ("object_id", "b")]), None);
        assert_eq!(selector(&[("client_id", "a"), ("client_id", "a")]), None);
    }

    #[test]
    fn the_case_of_ids_is_ignored() {
        let identity = ManagedIdentity::new("/subscriptions/S/resourceGroups/Site".parse().unwrap());
        let (client, object) = (identity.client_id.to_string(), identity.principal_id.to_string());
        for (selector, matches) in [
            (IdentitySelector::ClientId(client.to_uppercase()), true),
            (IdentitySelector::ObjectId(object.clone()), true),
            (
                IdentitySelector::ResourceId("/SUBSCRIPTIONS/s/RESOURCEGROUPS/site".to_owned()),
                true,
            ),
            (IdentitySelector::ClientId(object), false),
            (IdentitySelector::ObjectId(client), false),
            (IdentitySelector::ClientId(String::new()), false),
            (IdentitySelector::ResourceId("site".to_owned()), false),
            (IdentitySelector::Unnamed, false),
        ] {
            assert_eq!(selector.matches(&identity), matches, "{selector:?}");
        }
    }
}
