//! The configuration of an app (`siteConfig`), which the app's own body and that of its part `config/web` contain.
//! <https://learn.microsoft.com/rest/api/appservice/web-apps/create-or-update-configuration>

use serde_json::{Map, Value, json};

use super::values::{self, Values, by_name};
use crate::arm::error::ArmError;
use crate::state::{Plan, Resource, ResourceId, State, View as _, WebApp};

/// The name of the configuration in the body of an app.
pub const SITE_CONFIG: &str = "siteConfig";

/// What a configuration changes.
pub struct SiteConfig {
    /// By their names. Null restores a default.
    web: Map<String, Value>,
    /// The parts of an app that are replaced: their names, and their new contents.
    parts: Vec<(&'static str, Values)>,
}

impl SiteConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// A property has a type that it cannot have.
    pub fn read(configuration: &Map<String, Value>) -> Result<Self, ArmError> {
        let defaults = defaults();
        let mut read = Self {
            web: Map::new(),
            parts: Vec::new(),
        };
        for (name, value) in configuration {
            let field = |one: &Values, name: &str| one.get(name).cloned().unwrap_or_default();
            match name.as_str() {
                "appSettings" => {
                    let list = by_name(value, name, |one| field(one, "value"))?;
                    read.parts.push(("appsettings", values::settings(&list)?));
                }
                "connectionStrings" => {
                    let list = by_name(
                        value,
                        name,
                        |one| json!({"value": field(one, "connectionString"), "type": field(one, "type")}),
                    )?;
                    read.parts
                        .push(("connectionstrings", values::connection_strings(&list)?));
                }
                "metadata" => {
                    let list = by_name(value, name, |one| field(one, "value"))?;
                    read.parts.push(("metadata", values::texts(&list)?));
                }
                // These follow from the app.
                "publishingUsername" | "machineKey" => {}
                _ => {
                    let known = defaults.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                    let (name, value) = match known {
                        Some((known, default)) => (known, typed(known, value, default)?),
                        None => (name, value.clone()),
                    };
                    check(name, &value)?;
                    read.web.insert(name.clone(), value);
                }
            }
        }
        Ok(read)
    }

    /// # Errors
    ///
    /// The plan does not offer what is configured.
    pub fn check_plan(&self, state: &State, plan: &ResourceId) -> Result<(), ArmError> {
        let plan: Option<Plan> = state.at(plan);
        let is_free = plan.is_some_and(|plan| plan.sku.starts_with(['F', 'D']));
        if is_free && self.web.get("alwaysOn") == Some(&true.into()) {
            return Err(ArmError::conflict(
                "Conflict",
                "There was a conflict. AlwaysOn cannot be set for this site as the plan does not allow it. For more \
                 information on pricing and features, please see: https://aka.ms/appservicepricingdetails",
            ));
        }
        Ok(())
    }

    /// Writes it to the parts of the app.
    pub fn write(self, state: &mut State, site: &ResourceId) {
        state.update(&site.child("config", "web"), |part| {
            for (name, value) in self.web {
                if value.is_null() {
                    part.properties.remove(&name);
                } else {
                    part.properties.insert(name, value);
                }
            }
        });
        for (name, values) in self.parts {
            state.update(&site.child("config", name), |part| part.properties = values);
        }
    }
}

/// Moves the configuration in the body of an app to the parts of the app, so that it is in one place only.
pub fn save(state: &mut State, resource: &mut Resource) {
    if !resource.id.is(WebApp::KIND) {
        return;
    }
    let configuration = resource.properties.remove(SITE_CONFIG);
    if let Some(configuration) = configuration.as_ref().and_then(Value::as_object)
        && let Ok(configuration) = SiteConfig::read(configuration)
    {
        configuration.write(state, &resource.id);
    }
}

/// The value, as the type of the default. Clients may write numbers and truth values as texts.
fn typed(name: &str, value: &Value, default: &Value) -> Result<Value, ArmError> {
    let text = value.as_str().map(str::trim);
    let converted = match (default, value) {
        (_, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::String(_), Value::String(_))
        | (Value::Array(_), Value::Array(_))
        | (Value::Object(_), Value::Object(_)) => Some(value.clone()),
        (Value::Bool(_), Value::String(_)) => {
            let parsed = text.and_then(|text| text.to_ascii_lowercase().parse::<bool>().ok());
            parsed.map(Value::from)
        }
        (Value::Number(_), Value::Number(_)) => value.as_i64().map(Value::from),
        (Value::Number(_), Value::String(_)) => text.and_then(|text| text.parse::<i64>().ok()).map(Value::from),
        _ => None,
    };
    converted.ok_or_else(|| {
        let kind = match default {
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
            Value::Null | Value::String(_) => "a string",
        };
        let message = format!("The request content was invalid: the property '{name}' must be {kind}.");
        ArmError::invalid_content(message)
    })
}

/// The runtimes that Azure knows. Not all of them run here.
const STACKS: [&str; 10] = [
    "DOTNET",
    "DOTNETCORE",
    "GO",
    "JAVA",
    "JBOSSEAP",
    "NODE",
    "PHP",
    "PYTHON",
    "RUBY",
    "TOMCAT",
];

/// # Errors
///
/// The property has a value that it cannot have.
fn check(name: &str, value: &Value) -> Result<(), ArmError> {
    let permitted: &[&str] = match name {
        "minTlsVersion" | "scmMinTlsVersion" => &["1.0", "1.1", "1.2", "1.3"],
        "ftpsState" => &["AllAllowed", "Disabled", "FtpsOnly"],
        "linuxFxVersion" => return check_stack(value),
        _ => return Ok(()),
    };
    match value.as_str() {
        Some(text) if !permitted.contains(&text) => Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The value '{text}' of '{name}' is not valid. Use {}.",
                permitted.join(", ")
            ),
        )),
        _ => Ok(()),
    }
}

/// # Errors
///
/// The stack is not known, or is that of an app in a container.
fn check_stack(value: &Value) -> Result<(), ArmError> {
    let text = value.as_str().unwrap_or_default();
    let stack = text.split('|').next().unwrap_or_default();
    let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(stack));
    if text.is_empty() || is_one_of(&STACKS) {
        return Ok(());
    }
    if is_one_of(&["DOCKER", "COMPOSE", "KUBE", "SITECONTAINERS"]) {
        return Err(ArmError::bad_request(
            "OperationNotSupported",
            format!("Local Azure does not run containers, such as '{text}' in 'linuxFxVersion'. Deploy a zip file."),
        ));
    }
    Err(ArmError::bad_request(
        "BadRequest",
        format!("The parameter LinuxFxVersion has an invalid value: '{text}'."),
    ))
}

/// Azure's defaults.
fn defaults() -> Map<String, Value> {
    let open = json!([{
        "ipAddress": "Any", "action": "Allow", "priority": i32::MAX, "name": "Allow all",
        "description": "Allow all access",
    }]);
    let disabled = [
        "acrUseManagedIdentityCreds",
        "alwaysOn",
        "autoHealEnabled",
        "detailedErrorLoggingEnabled",
        "functionsRuntimeScaleMonitoringEnabled",
        "http20Enabled",
        "httpLoggingEnabled",
        "localMySqlEnabled",
        "remoteDebuggingEnabled",
        "requestTracingEnabled",
        "scmIpSecurityRestrictionsUseMain",
        "vnetRouteAllEnabled",
        "webSocketsEnabled",
    ];
    let empty = [
        "appCommandLine",
        "healthCheckPath",
        "linuxFxVersion",
        "nodeVersion",
        "phpVersion",
        "powerShellVersion",
        "pythonVersion",
        "vnetName",
    ];
    let zero = [
        "elasticWebAppScaleLimit",
        "functionAppScaleLimit",
        "minimumElasticInstanceCount",
        "preWarmedInstanceCount",
        "vnetPrivatePortsCount",
    ];
    let other = [
        ("azureStorageAccounts", json!({})),
        ("defaultDocuments", json!(["index.html", "hostingstart.html"])),
        ("experiments", json!({"rampUpRules": []})),
        ("ftpsState", json!("FtpsOnly")),
        ("ipSecurityRestrictions", open.clone()),
        ("loadBalancing", json!("LeastRequests")),
        ("logsDirectorySizeLimit", json!(35)),
        ("managedPipelineMode", json!("Integrated")),
        ("minTlsVersion", json!("1.2")),
        ("netFrameworkVersion", json!("v4.0")),
        ("numberOfWorkers", json!(1)),
        ("scmIpSecurityRestrictions", open),
        ("scmMinTlsVersion", json!("1.2")),
        ("scmType", json!("None")),
        ("use32BitWorkerProcess", json!(true)),
        (
            "virtualApplications",
            json!([{"virtualPath": "/", "physicalPath": "site\\wwwroot", "preloadEnabled": false}]),
        ),
    ];
    let disabled = disabled.into_iter().map(|name| (name, Value::Bool(false)));
    let empty = empty.into_iter().map(|name| (name, json!("")));
    let zero = zero.into_iter().map(|name| (name, json!(0)));
    let all = disabled.chain(empty).chain(zero).chain(other);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The configuration of an app as the control plane shows it.
pub fn show(state: &State, site: &ResourceId) -> Map<String, Value> {
    let mut shown = defaults();
    shown.insert("publishingUsername".to_owned(), format!("${}", site.name()).into());
    if let Some(part) = state.get(&site.child("config", "web")) {
        shown.extend(part.properties.clone());
    }
    shown
}
