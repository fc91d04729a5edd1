//! PostgreSQL flexible servers.

use std::collections::BTreeMap;

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
/// The type of the server parameters that were set.
pub const CONFIGURATIONS: &str = "configurations";
/// The secret of a server that is the verifier of its administrator's password.
const PASSWORD: &str = "administratorPassword";

/// An Azure Database for PostgreSQL flexible server.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresServer {
    /// Its id.
    pub id: ResourceId,
    /// The region.
    pub location: String,
    /// The major version of PostgreSQL that it should have.
    pub version: Option<u32>,
    /// The administrator with a password. `None` means that the server accepts Entra authentication only.
    pub administrator_login: Option<String>,
    /// The SCRAM verifier of that administrator's password, which was set last through the control plane.
    pub administrator_password: Option<String>,
    /// Whether it accepts Entra's tokens.
    pub accepts_entra: bool,
    /// The object ids of the Entra administrators.
    pub entra_administrators: Vec<Uuid>,
    /// The databases other than `postgres`.
    pub databases: Vec<String>,
    /// The values of the server parameters that were set.
    pub parameters: BTreeMap<String, String>,
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
            version: None,
            administrator_login: None,
            administrator_password: None,
            accepts_entra: true,
            entra_administrators: Vec::new(),
            databases: Vec::new(),
            parameters: BTreeMap::new(),
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
        let is_enabled = |method: &str, default| {
            let config = resource.properties.get("authConfig");
            let value = config.and_then(|config| config.get(method)?.as_str());
            value.map_or(default, |value| value.eq_ignore_ascii_case("Enabled"))
        };
        let login = resource
            .text("administratorLogin")
            .filter(|_| is_enabled("passwordAuth", true));
        let parameter = |child: &Resource| Some((child.id.name().to_owned(), child.text("value")?.to_owned()));
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            version: resource.text("version").and_then(|version| version.parse().ok()),
            administrator_login: login.map(str::to_owned),
            administrator_password: resource.secrets.get(PASSWORD).cloned(),
            accepts_entra: is_enabled("activeDirectoryAuth", false),
            entra_administrators: names(ADMINISTRATORS)
                .filter_map(|name| Uuid::try_parse(name).ok())
                .collect(),
            databases: names(DATABASES).map(str::to_owned).collect(),
            parameters: state
                .children(&resource.id, CONFIGURATIONS)
                .filter_map(parameter)
                .collect(),
            is_stopped: resource.text("state") == Some("Stopped"),
        }
    }

    fn write(&self, state: &mut State) {
        let tenant = state.tenant.to_string();
        state.update(&self.id, |resource| {
            resource.location = Some(self.location.clone());
            if let Some(version) = self.version {
                resource.set("version", version.to_string());
            }
            match &self.administrator_login {
                Some(login) => resource.set("administratorLogin", login.as_str()),
                None => drop(resource.properties.remove("administratorLogin")),
            }
            match &self.administrator_password {
                Some(verifier) => drop(resource.secrets.insert(PASSWORD.to_owned(), verifier.clone())),
                None => drop(resource.secrets.remove(PASSWORD)),
            }
            let word = |is_enabled| if is_enabled { "Enabled" } else { "Disabled" };
            let config = resource.properties.entry("authConfig").or_insert_with(|| json!({}));
            if !config.is_object() {
                *config = json!({});
            }
            config["passwordAuth"] = word(self.administrator_login.is_some()).into();
            config["activeDirectoryAuth"] = word(self.accepts_entra).into();
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
        let names = self.parameters.keys().map(String::as_str);
        state.set_children(&self.id, CONFIGURATIONS, names, |name, child| {
            child.set("value", self.parameters[name].as_str());
        });
    }
}
