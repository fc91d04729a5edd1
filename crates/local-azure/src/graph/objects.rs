//! All objects of the directory by their ids.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use super::built_in::{APIS, Api};
use super::error::GraphError;
use super::shown;
use crate::state::{Application, Group, ManagedIdentity, ServicePrincipal, State, User};

/// An index of the directory, which a request builds once.
pub struct Objects<'a> {
    state: &'a State,
    by_id: HashMap<Uuid, Object<'a>>,
}

enum Object<'a> {
    User(&'a User),
    Group(&'a Group),
    Application(&'a Application),
    ServicePrincipal(&'a ServicePrincipal, Option<&'a Application>),
    Identity(Box<ManagedIdentity>),
    Api(&'static Api),
}

impl<'a> Objects<'a> {
    pub fn of(state: &'a State) -> Self {
        let directory = &state.directory;
        let mut by_id = HashMap::new();
        by_id.extend(directory.users.iter().map(|one| (one.id, Object::User(one))));
        by_id.extend(directory.groups.iter().map(|one| (one.id, Object::Group(one))));
        let mut by_client_id = HashMap::new();
        for one in &directory.applications {
            by_id.insert(one.id, Object::Application(one));
            by_client_id.insert(one.client_id, one);
        }
        by_id.extend(directory.service_principals.iter().map(|one| {
            let application = by_client_id.get(&one.client_id).copied();
            (one.id, Object::ServicePrincipal(one, application))
        }));
        let identities = state.identities();
        by_id.extend(identities.map(|one| (one.principal_id, Object::Identity(Box::new(one)))));
        by_id.extend(APIS.iter().map(|api| (api.id(state), Object::Api(api))));
        Self { state, by_id }
    }

    /// The object as Graph shows it.
    pub fn show(&self, id: Uuid) -> Option<Value> {
        Some(match self.by_id.get(&id)? {
            Object::User(one) => shown::user(one),
            Object::Group(one) => shown::group(one),
            Object::Application(one) => shown::application(one),
            Object::ServicePrincipal(one, application) => shown::service_principal(self.state, one, *application),
            Object::Identity(one) => shown::identity(one),
            Object::Api(one) => one.show(self.state),
        })
    }

    /// Those of the objects that exist.
    pub fn show_all<'b>(&self, ids: impl IntoIterator<Item = &'b Uuid>) -> Vec<Value> {
        ids.into_iter().filter_map(|id| self.show(*id)).collect()
    }
}

/// Whether there is an object with that id.
pub fn exists(state: &State, id: Uuid) -> bool {
    state.principal(id).is_some() || state.directory.applications.iter().any(|one| one.id == id)
}

/// The application with that id, to change it.
pub fn application_mut(state: &mut State, id: Uuid) -> Result<&mut Application, GraphError> {
    let found = state.directory.applications.iter_mut().find(|one| one.id == id);
    found.ok_or_else(|| GraphError::not_found(&id.to_string()))
}
