//! Web apps.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ConnectionString, Plan, View};
use crate::state::State;
use crate::state::resource::{AssignedIdentities, Resource};
use crate::state::resource_id::ResourceId;

/// A web app of App Service.
#[derive(Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are properties of their own on Azure")]
pub struct WebApp {
    /// Its id, whose name is the first label of its host name.
    pub id: ResourceId,
    /// The region.
    pub location: String,
    /// The App Service plan that determines how many instances it has.
    pub plan: ResourceId,
    /// Its identities.
    pub identity: AssignedIdentities,
    /// The app settings, which become environment variables of the app.
    pub settings: BTreeMap<String, String>,
    /// The connection strings by their names. They become environment variables of the app too.
    pub connection_strings: BTreeMap<String, ConnectionString>,
    /// The language and its version (`linuxFxVersion`), such as `PYTHON|3.13`. It may be empty.
    pub runtime: String,
    /// The startup command (`appCommandLine`).
    pub startup_command: String,
    /// The path that the platform requests every minute to check an instance's health.
    pub health_check_path: Option<String>,
    /// Whether plain HTTP is redirected to HTTPS.
    pub https_only: bool,
    /// Whether a cookie keeps a visitor on one instance (`clientAffinityEnabled`).
    pub client_affinity_enabled: bool,
    /// Whether it was stopped.
    pub is_stopped: bool,
    /// The password of the user `$<app>`, who may publish.
    pub publishing_password: String,
    /// Whether the deployment service accepts that password (`basicPublishingCredentialsPolicies/scm`).
    pub allows_basic_publishing: bool,
}

impl WebApp {
    /// Creates an app without settings, with Azure's defaults.
    #[must_use]
    pub fn new(id: ResourceId, plan: &Plan) -> Self {
        Self {
            id,
            location: plan.location.clone(),
            plan: plan.id.clone(),
            identity: AssignedIdentities::default(),
            settings: BTreeMap::new(),
            connection_strings: BTreeMap::new(),
            runtime: String::new(),
            startup_command: String::new(),
            health_check_path: None,
            https_only: false,
            client_affinity_enabled: true,
            is_stopped: false,
            publishing_password: new_publishing_password(),
            allows_basic_publishing: true,
        }
    }
}

impl fmt::Debug for WebApp {
    /// Omits the settings, the connection strings and the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebApp").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A random password of 60 letters and digits, like those of Azure.
#[must_use]
pub fn new_publishing_password() -> String {
    let mut password = String::new();
    while password.len() < 60 {
        let mut bytes = [0; 48];
        aws_lc_rs::rand::fill(&mut bytes).expect("the system provides random numbers");
        password.extend(STANDARD.encode(bytes).chars().filter(char::is_ascii_alphanumeric));
    }
    password.truncate(60);
    password
}

/// A setting as the app sees it. Clients also send numbers and truth values.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The parts of an app.
const SETTINGS: (&str, &str) = ("config", "appsettings");
const CONNECTION_STRINGS: (&str, &str) = ("config", "connectionstrings");
const CONFIGURATION: (&str, &str) = ("config", "web");
const PUBLISHING: (&str, &str) = ("basicPublishingCredentialsPolicies", "scm");

/// The secret of an app that is its publishing password.
pub const PUBLISHING_PASSWORD: &str = "publishingPassword";

impl View for WebApp {
    const KIND: &'static str = "Microsoft.Web/sites";

    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn read(state: &State, resource: &Resource) -> Self {
        let part = |(kind, name)| state.get(&resource.id.child(kind, name));
        let configuration = |name| part(CONFIGURATION)?.text(name).filter(|text| !text.is_empty());
        let settings = part(SETTINGS).map(|part| &part.properties).into_iter().flatten();
        let connection_strings = part(CONNECTION_STRINGS).map(|part| &part.properties);
        let connection_strings = connection_strings.into_iter().flatten();
        let plan = resource.text("serverFarmId").and_then(|plan| plan.parse().ok());
        let password = resource.secrets.get(PUBLISHING_PASSWORD);
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            plan: plan.unwrap_or_else(|| resource.id.clone()),
            identity: resource.identity.clone(),
            settings: settings.map(|(name, value)| (name.clone(), text(value))).collect(),
            connection_strings: connection_strings
                .filter_map(|(name, value)| Some((name.clone(), ConnectionString::read(value)?)))
                .collect(),
            runtime: configuration("linuxFxVersion").unwrap_or_default().trim().to_owned(),
            startup_command: configuration("appCommandLine").unwrap_or_default().to_owned(),
            health_check_path: configuration("healthCheckPath").map(str::to_owned),
            https_only: resource.flag("httpsOnly").unwrap_or(false),
            client_affinity_enabled: resource.flag("clientAffinityEnabled").unwrap_or(true),
            is_stopped: resource.text("state") == Some("Stopped"),
            publishing_password: password.cloned().unwrap_or_default(),
            allows_basic_publishing: part(PUBLISHING).and_then(|part| part.flag("allow")).unwrap_or(true),
        }
    }

    fn write(&self, state: &mut State) {
        state.update(&self.id, |resource| {
            resource.location = Some(self.location.clone());
            resource.kind.get_or_insert_with(|| "app,linux".to_owned());
            resource.identity = self.identity.clone();
            resource.set("serverFarmId", self.plan.to_string());
            resource.set("httpsOnly", self.https_only);
            resource.set("clientAffinityEnabled", self.client_affinity_enabled);
            resource.set("state", if self.is_stopped { "Stopped" } else { "Running" });
            let password = self.publishing_password.clone();
            resource.secrets.insert(PUBLISHING_PASSWORD.to_owned(), password);
        });
        let part = |(kind, name)| self.id.child(kind, name);
        state.update(&part(SETTINGS), |part| {
            let settings = self.settings.iter();
            part.properties = settings
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
        });
        state.update(&part(CONNECTION_STRINGS), |part| {
            let strings = self.connection_strings.iter();
            part.properties = strings
                .map(|(name, string)| (name.clone(), json!({"value": string.value, "type": string.kind})))
                .collect();
        });
        state.update(&part(PUBLISHING), |part| {
            part.set("allow", self.allows_basic_publishing);
        });
        state.update(&part(CONFIGURATION), |part| {
            part.set("linuxFxVersion", self.runtime.as_str());
            part.set("appCommandLine", self.startup_command.as_str());
            part.set("healthCheckPath", self.health_check_path.as_deref().unwrap_or_default());
        });
    }
}

impl State {
    /// Adds the password of apps that have none, and moves what an app was created with to the part that clients change.
    /// Returns whether there was anything to do.
    pub(super) fn complete_apps(&mut self) -> bool {
        let is_incomplete = |app: &Resource| {
            let password = app.secrets.get(PUBLISHING_PASSWORD);
            password.is_none_or(String::is_empty) || app.properties.contains_key("siteConfig")
        };
        let apps = self.resources().filter(|one| one.id.is(WebApp::KIND));
        let incomplete: Vec<_> = apps
            .filter(|app| is_incomplete(app))
            .map(|app| app.id.clone())
            .collect();
        for id in &incomplete {
            let created_with = self.update(id, |app| {
                let password = app.secrets.entry(PUBLISHING_PASSWORD.to_owned()).or_default();
                if password.is_empty() {
                    *password = new_publishing_password();
                }
                app.properties.remove("siteConfig")
            });
            let (kind, name) = CONFIGURATION;
            self.update(&id.child(kind, name), |part| {
                for (name, value) in created_with.as_ref().and_then(Value::as_object).into_iter().flatten() {
                    // Lists of settings had no effect, and are parts of their own.
                    if !value.is_array() && !value.is_null() {
                        part.properties.entry(name).or_insert_with(|| value.clone());
                    }
                }
            });
        }
        !incomplete.is_empty()
    }

    /// The number of instances of an app, which is that of its plan.
    #[must_use]
    pub fn instances(&self, app: &WebApp) -> u32 {
        self.at::<Plan>(&app.plan).map_or(1, |plan| plan.instances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_of_an_earlier_version_is_completed() {
        let mut state = State::default();
        let plan = Plan::new(state.resource_id("rg", Plan::KIND, "plan"), "eastus");
        let mut app = WebApp::new(state.resource_id("rg", WebApp::KIND, "contoso"), &plan);
        app.startup_command = "./new.sh".to_owned();
        state.put(&app);
        assert!(!state.complete_apps());
        state.update(&app.id, |resource| {
            resource.secrets.clear();
            resource.set(
                "siteConfig",
                json!({"linuxFxVersion": "PYTHON|3.13", "appCommandLine": "./old.sh", "appSettings": []}),
            );
        });
        state.update(&app.id.child("config", "web"), |part| {
            part.properties.remove("linuxFxVersion");
        });
        assert!(state.complete_apps() && !state.complete_apps());
        let completed: WebApp = state.at(&app.id).unwrap();
        assert_eq!(completed.publishing_password.len(), 60);
        app.publishing_password.clone_from(&completed.publishing_password);
        app.runtime = "PYTHON|3.13".to_owned();
        assert!(completed == app);
    }
}
