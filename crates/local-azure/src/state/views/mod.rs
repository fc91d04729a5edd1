//! Resources as the types that code reads.

mod authentication;
mod connection_strings;
mod identities;
mod plans;
mod postgres;
mod storage;
mod web;

pub use self::authentication::{AUTHENTICATION, Authentication, CLIENT_SECRET, UnauthenticatedAction, time_span};
pub use self::connection_strings::{CONNECTION_STRING_TYPES, ConnectionString};
pub use self::identities::{FEDERATED_CREDENTIALS, ManagedIdentity};
pub use self::plans::Plan;
pub use self::postgres::{ADMINISTRATORS, CONFIGURATIONS, DATABASES, PostgresServer, azure_services};
pub use self::storage::{CONTAINERS, Container, PublicAccess, StorageAccount, new_key};
pub use self::web::{PUBLISHING_PASSWORD, WebApp, new_publishing_password};

use super::State;
use super::resource::Resource;
use super::resource_id::ResourceId;

/// A resource of one type, with the parts of it that code needs.
pub trait View: Sized {
    /// The resource type, such as `Microsoft.Web/sites`.
    const KIND: &'static str;

    /// Its id.
    fn id(&self) -> &ResourceId;

    /// Reads it from a resource of the type and the parts below it.
    fn read(state: &State, resource: &Resource) -> Self;

    /// Writes it to the resource and the parts below it. Properties that it does not contain are left unchanged.
    fn write(&self, state: &mut State);

    /// Its name.
    fn name(&self) -> &str {
        self.id().name()
    }
}

impl State {
    /// Adds what a resource that a person, or an earlier version, wrote into the file needs. Returns whether anything was
    /// missing.
    pub(super) fn complete(&mut self) -> bool {
        // Both have to run.
        let were_incomplete = [self.complete_accounts(), self.complete_apps()];
        were_incomplete.contains(&true)
    }

    /// All resources of the type.
    pub fn all<V: View>(&self) -> impl Iterator<Item = V> {
        self.of_kind(V::KIND).map(|resource| V::read(self, resource))
    }

    /// The names of all resources of the type.
    pub fn names<V: View>(&self) -> impl Iterator<Item = &str> {
        self.of_kind(V::KIND).map(|resource| resource.id.name())
    }

    /// The resource of the type with that name. The case of the name is ignored.
    #[must_use]
    pub fn find<V: View>(&self, name: &str) -> Option<V> {
        let name = name.to_ascii_lowercase();
        let mut all = self.of_kind(V::KIND);
        let found = all.find(|resource| resource.id.key().rsplit('/').next() == Some(&name))?;
        Some(V::read(self, found))
    }

    /// The resource of the type with that id.
    #[must_use]
    pub fn at<V: View>(&self, id: &ResourceId) -> Option<V> {
        let found = self.get(id).filter(|found| found.id.is(V::KIND))?;
        Some(V::read(self, found))
    }

    /// Changes the resource of the type with that name. Returns `None` if it does not exist.
    pub fn edit<V: View, T>(&mut self, name: &str, change: impl FnOnce(&mut V) -> T) -> Option<T> {
        let mut view = self.find::<V>(name)?;
        let answer = change(&mut view);
        view.write(self);
        Some(answer)
    }

    /// Adds or replaces a resource that is given as one of the views.
    pub fn put<V: View>(&mut self, view: &V) {
        view.write(self);
    }

    /// Removes all resources of a view's type.
    pub fn clear<V: View>(&mut self) {
        let ids: Vec<_> = self.all::<V>().map(|one| one.id().clone()).collect();
        for id in ids {
            self.remove(&id);
        }
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Resource> {
        self.resources().filter(move |resource| resource.id.is(kind))
    }

    /// Makes the parts of that kind below a resource those with these names. `set` sets the properties of each.
    fn set_children<'a>(
        &mut self,
        parent: &ResourceId,
        kind: &str,
        names: impl Iterator<Item = &'a str> + Clone,
        set: impl Fn(&str, &mut Resource),
    ) {
        let ids: Vec<_> = names.clone().map(|name| parent.child(kind, name)).collect();
        let existing = self.children(parent, kind).map(|child| child.id.clone());
        let gone: Vec<_> = existing.filter(|id| !ids.contains(id)).collect();
        for id in gone {
            self.remove(&id);
        }
        for (id, name) in ids.into_iter().zip(names) {
            self.update(&id, |child| set(name, child));
        }
    }
}
