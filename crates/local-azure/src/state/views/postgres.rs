//! PostgreSQL flexible servers.

use serde_json::{Value, json};
use uuid::Uuid;

use super::View;
use crate::state::State;
use crate::state::resource::Resource;
use crate::state::resource_id::ResourceId;

/// The type of the databases below a server.
pub const DATABASES: &str = "databases";
/// The type of the Entra administrators below a server. Their names are their object ids.
pub const ADMINISTRATORS: &str = "administrators";

/// An Azure Database for PostgreSQL flexible server.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresServer {
    /// Its id.
    pub id: ResourceId,
    /// The region.
    pub location: String,
    /// The administrator with a password. `None` means that the server accepts Entra authentication only.
    pub administrator_login: Option<String>,
    /// The object ids of the Entra administrators.
    pub entra_administrators: Vec<Uuid>,
    /// The databases other than `postgres`.
    pub databases: Vec<String>,
    /// Whether it was stopped.
    pub is_stopped: bool,
}

impl PostgresServer {
    /// Creates a server that accepts Entra authentication only.
    #[must_use]
    pub fn new(id: ResourceId, location: &str) -> Self {
        Self {
            id,
            location: location.to_owned(),
            administrator_login: None,
            entra_administrators: Vec::new(),
            databases: Vec::new(),
            is_stopped: false,
        }
    }
}

impl View for PostgresServer {
    const KIND: &'static str = "Microsoft.DBforPostgreSQL/flexibleServers";

    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn read(state: &State, resource: &Resource) -> Self {
        let names = |kind| state.children(&resource.id, kind).map(|child| child.id.name());
        let has_password = resource
            .properties
            .get("authConfig")
            .and_then(|config| config.get("passwordAuth")?.as_str())
            .is_none_or(|value| value.eq_ignore_ascii_case("Enabled"));
        let login = resource.text("administratorLogin").filter(|_| has_password);
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            administrator_login: login.map(str::to_owned),
            entra_administrators: names(ADMINISTRATORS)
                .filter_map(|name| Uuid::try_parse(name).ok())
                .collect(),
            databases: names(DATABASES).map(str::to_owned).collect(),
            is_stopped: resource.text("state") == Some("Stopped"),
        }
    }

    fn write(&self, state: &mut State) {
        let tenant = state.tenant.to_string();
        state.update(&self.id, |resource| {
            resource.location = Some(self.location.clone());
            match &self.administrator_login {
                Some(login) => resource.set("administratorLogin", login.as_str()),
                None => drop(resource.properties.remove("administratorLogin")),
            }
            let has_password = if self.administrator_login.is_some() {
                "Enabled"
            } else {
                "Disabled"
            };
            let config = resource.properties.entry("authConfig").or_insert_with(|| json!({}));
            if !config.is_object() {
                *config = json!({});
            }
            config["passwordAuth"] = has_password.into();
            config["activeDirectoryAuth"] = "Enabled".into();
            config["tenantId"] = Value::String(tenant);
            resource.set("state", if self.is_stopped { "Stopped" } else { "Ready" });
        });
        let administrators: Vec<_> = self.entra_administrators.iter().map(Uuid::to_string).collect();
        let names = administrators.iter().map(String::as_str);
        state.set_children(&self.id, ADMINISTRATORS, names, |name, child| {
            child.set("objectId", name);
        });
        let names = self.databases.iter().map(String::as_str);
        state.set_children(&self.id, DATABASES, names, |_, child| {
            for (name, value) in [("charset", "UTF8"), ("collation", "en_US.utf8")] {
                child.properties.entry(name).or_insert_with(|| value.into());
            }
        });
    }
}
