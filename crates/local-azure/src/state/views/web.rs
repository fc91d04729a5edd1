//! Web apps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Plan, View};
use crate::state::State;
use crate::state::resource::{AssignedIdentities, Resource};
use crate::state::resource_id::ResourceId;

/// A web app of App Service.
#[derive(Clone, Debug, PartialEq)]
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
    /// The runtime (`linuxFxVersion`), such as `PYTHON|3.13`.
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
            runtime: String::new(),
            startup_command: String::new(),
            health_check_path: None,
            https_only: false,
            client_affinity_enabled: true,
            is_stopped: false,
        }
    }
}

/// A setting as the app sees it. Clients also send numbers and truth values.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The parts of an app with its settings and with its configuration.
const SETTINGS: (&str, &str) = ("config", "appsettings");
const CONFIGURATION: (&str, &str) = ("config", "web");

impl View for WebApp {
    const KIND: &'static str = "Microsoft.Web/sites";

    fn id(&self) -> &ResourceId {
        &self.id
    }

    fn read(state: &State, resource: &Resource) -> Self {
        let part = |(kind, name)| state.get(&resource.id.child(kind, name));
        let configuration = |name| part(CONFIGURATION)?.text(name).filter(|text| !text.is_empty());
        let settings = part(SETTINGS).map(|part| &part.properties).into_iter().flatten();
        let plan = resource.text("serverFarmId").and_then(|plan| plan.parse().ok());
        Self {
            id: resource.id.clone(),
            location: resource.location.clone().unwrap_or_default(),
            plan: plan.unwrap_or_else(|| resource.id.clone()),
            identity: resource.identity.clone(),
            settings: settings.map(|(name, value)| (name.clone(), text(value))).collect(),
            runtime: configuration("linuxFxVersion").unwrap_or_default().to_owned(),
            startup_command: configuration("appCommandLine").unwrap_or_default().to_owned(),
            health_check_path: configuration("healthCheckPath").map(str::to_owned),
            https_only: resource.flag("httpsOnly").unwrap_or(false),
            client_affinity_enabled: resource.flag("clientAffinityEnabled").unwrap_or(true),
            is_stopped: resource.text("state") == Some("Stopped"),
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
        });
        let part = |(kind, name)| self.id.child(kind, name);
        state.update(&part(SETTINGS), |part| {
            let settings = self.settings.iter();
            part.properties = settings
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
        });
        state.update(&part(CONFIGURATION), |part| {
            part.set("linuxFxVersion", self.runtime.as_str());
            part.set("appCommandLine", self.startup_command.as_str());
            part.set("healthCheckPath", self.health_check_path.as_deref().unwrap_or_default());
        });
    }
}

impl State {
    /// The number of instances of an app, which is that of its plan.
    #[must_use]
    pub fn instances(&self, app: &WebApp) -> u32 {
        self.at::<Plan>(&app.plan).map_or(1, |plan| plan.instances)
    }
}
