//! PostgreSQL flexible servers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

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
/// The type of the firewall rules below a server.
const FIREWALL_RULES: &str = "firewallRules";
/// The name that the portal gives to the firewall rule for Azure's services.
const AZURE_SERVICES: &str = "AllowAllAzureServicesAndResourcesWithinAzureIps";
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
    /// Whether it is reached at a public address at all.
    pub is_public: bool,
    /// The first and the last public address that each firewall rule admits. One for 0.0.0.0 alone admits Azure's
    /// services.
    pub firewall_rules: BTreeMap<String, [Ipv4Addr; 2]>,
    /// Whether it was stopped.
    pub is_stopped: bool,
}

impl PostgresServer {
    /// Creates a server that accepts Entra authentication only, from Azure's services.
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
            is_public: true,
            firewall_rules: azure_services(),
            is_stopped: false,
        }
    }
}

/// The firewall rule for Azure's services only.
#[must_use]
pub fn azure_services() -> BTreeMap<String, [Ipv4Addr; 2]> {
    [(AZURE_SERVICES.to_owned(), [Ipv4Addr::UNSPECIFIED; 2])].into()
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
        let network = resource.properties.get("network");
        let public_access = network.and_then(|network| network.get("publicNetworkAccess")?.as_str());
        let rule = |child: &Resource| {
            let address = |name| child.text(name)?.parse().ok();
            let range = [address("startIpAddress")?, address("endIpAddress")?];
            Some((child.id.name().to_owned(), range))
        };
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
            is_public: public_access != Some("Disabled"),
            firewall_rules: state.children(&resource.id, FIREWALL_RULES).filter_map(rule).collect(),
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
            let config = object(resource, "authConfig");
            config["passwordAuth"] = word(self.administrator_login.is_some()).into();
            config["activeDirectoryAuth"] = word(self.accepts_entra).into();
            config["tenantId"] = Value::String(tenant);
            object(resource, "network")["publicNetworkAccess"] = word(self.is_public).into();
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
        let names = self.firewall_rules.keys().map(String::as_str);
        state.set_children(&self.id, FIREWALL_RULES, names, |name, child| {
            let [start, end] = self.firewall_rules[name];
            child.set("startIpAddress", start.to_string());
            child.set("endIpAddress", end.to_string());
        });
    }
}

/// A property that is an object.
fn object<'a>(resource: &'a mut Resource, name: &str) -> &'a mut Value {
    let object = resource.properties.entry(name).or_insert_with(|| json!({}));
    if !object.is_object() {
        *object = json!({});
    }
    object
}
