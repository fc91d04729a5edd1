//! Microsoft.Web: App Service plans and web apps.
//! <https://learn.microsoft.com/rest/api/appservice>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use url::Url;

use super::answer::Answer;
use super::call::{self, Call};
use super::deployments;
use super::error::ArmError;
use super::locks::{self, Change};
use super::service::{Arm, Clients};
use super::types::Type;
use crate::app_service::{Origin, Package};
use crate::error::Error;
use crate::state::{Plan, Resource, ResourceId, State, View as _, WebApp};

/// App Service plans.
pub const PLANS: Type = Type {
    kind: Plan::KIND,
    put: put_plan,
    show: show_plan,
    created: StatusCode::OK,
};

/// Web apps.
pub const SITES: Type = Type {
    kind: WebApp::KIND,
    put: put_site,
    show: show_site,
    created: StatusCode::OK,
};

/// The runtimes that `az webapp list-runtimes` offers.
const RUNTIMES: [(&str, &str, &str); 8] = [
    ("Python 3.14", "PYTHON|3.14", "python"),
    ("Python 3.13", "PYTHON|3.13", "python"),
    ("Python 3.12", "PYTHON|3.12", "python"),
    ("Python 3.11", "PYTHON|3.11", "python"),
    ("Python 3.10", "PYTHON|3.10", "python"),
    ("Python 3.9", "PYTHON|3.9", "python"),
    ("Node 24 LTS", "NODE|24-lts", "node"),
    ("Node 22 LTS", "NODE|22-lts", "node"),
];

fn put_plan(_: &State, plan: &mut Resource) -> Result<(), ArmError> {
    let sku = plan.sku.get_or_insert_with(|| json!({"name": "B1"}));
    let name = sku["name"].as_str().map(str::to_uppercase);
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let Some(name) = name.filter(is_name) else {
        return Err(ArmError::invalid_content(
            "The sku of an App Service plan needs a name, such as B1.",
        ));
    };
    let tier = match name.chars().next() {
        Some('F') => "Free",
        Some('D') => "Shared",
        Some('B') => "Basic",
        Some('S') => "Standard",
        Some('P') => "PremiumV3",
        _ => "Isolated",
    };
    let capacity = sku["capacity"].as_u64().unwrap_or(1).clamp(1, 30);
    *sku = json!({"name": name, "tier": tier, "size": name, "family": &name[..1], "capacity": capacity});
    plan.kind = Some("linux".to_owned());
    plan.set("reserved", true);
    plan.set("status", "Ready");
    Ok(())
}

/// # Errors
///
/// It is a plan that has web apps.
pub fn check_unused(state: &State, id: &ResourceId) -> Result<(), ArmError> {
    let apps: Vec<_> = state.all::<WebApp>().filter(|app| app.plan == *id).collect();
    if apps.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = apps.iter().map(WebApp::name).collect();
    Err(ArmError::conflict(
        "Conflict",
        format!(
            "Server farm '{}' cannot be deleted because it has web app(s) {} assigned to it.",
            id.name(),
            names.join(", ")
        ),
    ))
}

fn show_plan(state: &State, plan: &mut Value) {
    let id: Option<ResourceId> = plan["id"].as_str().and_then(|id| id.parse().ok());
    let apps = state
        .all::<WebApp>()
        .filter(|app| Some(&app.plan) == id.as_ref())
        .count();
    plan["properties"]["numberOfSites"] = apps.into();
    plan["properties"]["numberOfWorkers"] = plan["sku"]["capacity"].clone();
}

fn put_site(state: &State, site: &mut Resource) -> Result<(), ArmError> {
    let name = site.id.name();
    let is_permitted = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !(2..=60).contains(&name.len())
        || !name.chars().all(is_permitted)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!("The host name {name}.azurewebsites.net is invalid. Use 2 to 60 letters, digits and hyphens."),
        ));
    }
    call::optional_object(&site.properties, "siteConfig")?;
    let is_other = |app: &WebApp| app.name().eq_ignore_ascii_case(name) && app.id != site.id;
    if state.all::<WebApp>().any(|app| is_other(&app)) {
        return Err(ArmError::conflict(
            "Conflict",
            format!("Website with given name {name} already exists."),
        ));
    }
    let plan = site
        .text("serverFarmId")
        .and_then(|plan| plan.parse::<ResourceId>().ok());
    let plan = plan.and_then(|plan| state.at::<Plan>(&plan)).ok_or_else(|| {
        let message = "Cannot find the App Service plan that the property 'serverFarmId' names.";
        ArmError::not_found("NotFound", message)
    })?;
    site.set("serverFarmId", plan.id.to_string());
    site.kind = Some("app,linux".to_owned());
    site.set("reserved", true);
    for (name, value) in [
        ("state", json!("Running")),
        ("enabled", json!(true)),
        ("httpsOnly", json!(false)),
    ] {
        site.properties.entry(name).or_insert(value);
    }
    Ok(())
}

fn show_site(state: &State, site: &mut Value) {
    let name = site["name"].as_str().unwrap_or_default().to_owned();
    let (host, scm) = (
        format!("{name}.azurewebsites.net"),
        format!("{name}.scm.azurewebsites.net"),
    );
    let group = site["id"].as_str().and_then(|id| id.parse::<ResourceId>().ok());
    let group = group.and_then(|id| id.resource_group().map(str::to_owned));
    let plan = site["properties"]["serverFarmId"]
        .as_str()
        .and_then(|plan| plan.parse().ok());
    let sku = plan.and_then(|plan| state.at::<Plan>(&plan)).map(|plan| plan.sku);
    let host_name = |name: &str, kind: &str| json!({"name": name, "sslState": "Disabled", "hostType": kind});
    let properties = &mut site["properties"];
    properties["name"] = name.into();
    properties["defaultHostName"] = host.as_str().into();
    properties["hostNames"] = json!([host]);
    properties["enabledHostNames"] = json!([host, scm]);
    properties["hostNameSslStates"] = json!([host_name(&host, "Standard"), host_name(&scm, "Repository")]);
    properties["resourceGroup"] = json!(group);
    properties["sku"] = json!(sku);
    properties["availabilityState"] = "Normal".into();
    properties["usageState"] = "Normal".into();
}

/// `POST …/providers/Microsoft.Web/checknameavailability`
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
    call.check_member(&call.azure.state(), "Microsoft.Web/checknameavailability/read")?;
    let name = call::required(call.object()?, "name")?;
    let is_taken = call.azure.state().find::<WebApp>(name).is_some();
    Ok(Answer::ok(if is_taken {
        json!({
            "nameAvailable": false,
            "reason": "AlreadyExists",
            "message": format!("Hostname '{name}' already exists. Please select a different name."),
        })
    } else {
        json!({"nameAvailable": true, "reason": "", "message": ""})
    }))
}

/// `GET /providers/Microsoft.Web/webAppStacks`: the runtimes of Linux.
pub fn stacks(call: &Call) -> Result<Answer, ArmError> {
    let version = |(text, runtime, _): &(&str, &str, &str)| {
        json!({
            "displayText": text,
            "value": runtime.split_once('|').map(|(_, version)| version),
            "minorVersions": [{
                "displayText": text,
                "value": runtime,
                "stackSettings": {"linuxRuntimeSettings": {
                    "runtimeVersion": runtime,
                    "isHidden": false,
                    "isDeprecated": false,
                    "remoteDebuggingSupported": false,
                    "appInsightsSettings": {"isSupported": true},
                    "gitHubActionSettings": {"isSupported": true, "supportedVersion": "1"},
                }},
            }],
        })
    };
    let stack = |name: &str, text: &str| {
        let versions: Vec<_> = RUNTIMES
            .iter()
            .filter(|(_, _, stack)| *stack == name)
            .map(version)
            .collect();
        json!({
            "id": null,
            "name": name,
            "type": "Microsoft.Web/webAppStacks",
            "properties": {"displayText": text, "value": name, "preferredOs": "linux", "majorVersions": versions},
        })
    };
    Answer::list(call, vec![stack("python", "Python"), stack("node", "Node")])
}

/// What is below a web app, as far as creating and showing one needs it.
pub fn part(arm: &Arm, call: &Call, site: &ResourceId, path: &[&str]) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let Some(app) = state.get(site) else {
        call.check(&state, "Microsoft.Web/sites/read", site)?;
        return Err(ArmError::no_such_resource(site));
    };
    match path {
        ["publishxml"] => {
            locks::check_action(call, &state, "Microsoft.Web/sites/publishxml/action", site)?;
            let host = format!("{}.scm.azurewebsites.net:443", site.name());
            let xml = format!(
                "<publishData><publishProfile profileName=\"{} - Web Deploy\" publishMethod=\"MSDeploy\" \
                 publishUrl=\"{host}\"/></publishData>",
                site.name()
            );
            let mut answer = Answer::empty(StatusCode::OK);
            answer.text = Some(xml);
            Ok(answer)
        }
        ["config", "web"] => configuration(call, &state, app),
        // There are no slots.
        ["config", "slotconfignames"] if call.method == Method::GET => {
            call.check(&state, "Microsoft.Web/sites/config/read", site)?;
            let names = json!({"appSettingNames": [], "connectionStringNames": [], "azureStorageConfigNames": []});
            Ok(Answer::ok(part_of(app, "slotConfigNames", &names)))
        }
        ["config", "appsettings"] if call.method == Method::PUT => put_settings(call, site),
        ["config", "appsettings", "list"] => {
            locks::check_action(call, &state, "Microsoft.Web/sites/config/list/action", site)?;
            Ok(Answer::ok(show_settings(&state, app)))
        }
        ["deploymentstatus", id] => deployments::status(arm, call, site, id),
        ["deployments"] => deployments::list(arm, call, site, None),
        ["deployments", id] => deployments::list(arm, call, site, Some(id)),
        ["extensions", "onedeploy"] if call.method == Method::PUT => deploy(arm, call, site),
        ["restart"] => {
            locks::check_action(call, &state, "Microsoft.Web/sites/restart/action", site)?;
            if let Some(apps) = &arm.running.apps {
                match Handle::current().block_on(apps.restart(site.name())) {
                    // An app without a package has nothing to restart.
                    Ok(()) | Err(Error::Refused(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Answer::empty(StatusCode::OK))
        }
        [operation @ ("start" | "stop")] => {
            call.change(|state| {
                locks::check_action(call, state, &format!("Microsoft.Web/sites/{operation}/action"), site)?;
                let value = if *operation == "stop" { "Stopped" } else { "Running" };
                state.update(site, |app| app.set("state", value));
                Ok(())
            })?;
            Ok(Answer::empty(StatusCode::OK))
        }
        _ => Err(call.unsupported()),
    }
}

/// `PUT …/extensions/onedeploy`: deploys a package, and waits until the app is ready.
fn deploy(arm: &Arm, call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, "Microsoft.Web/sites/extensions/write", site)?;
    locks::check(&state, site, Change::Write)?;
    let address = call::required(call.properties()?, "packageUri")?;
    let path = Url::parse(address).ok().and_then(|address| address.to_file_path().ok());
    let (Some(path), Clients::Commands, Some(apps)) = (path, &arm.clients, &arm.running.apps) else {
        return Err(ArmError::bad_request(
            "BadRequest",
            "Local Azure deploys only packages of this machine: use `local-azure deploy APP PATH`.",
        ));
    };
    let origin = Origin {
        deployer: "OneDeploy",
        author: call.caller.display_name.clone(),
    };
    let deployed = Handle::current().block_on(async { apps.deploy(site.name(), &Package::at(&path)?, origin).await });
    deployed.map_err(|error| ArmError::conflict("DeploymentFailed", error.to_string()))?;
    Ok(Answer::ok(json!({
        "id": format!("{site}/extensions/onedeploy"),
        "name": "onedeploy",
        "type": "Microsoft.Web/sites/extensions",
        "properties": {"provisioningState": "Succeeded"},
    })))
}

/// The configuration of an app, and changes to it.
fn configuration(call: &Call, state: &State, app: &Resource) -> Result<Answer, ArmError> {
    let site = &app.id;
    match call.method {
        Method::GET => call.check(state, "Microsoft.Web/sites/config/read", site)?,
        Method::PUT | Method::PATCH => {
            let properties = call.properties()?;
            call.change(|state| {
                call.check(state, "Microsoft.Web/sites/config/write", site)?;
                locks::check(state, site, Change::Write)?;
                state.update(&site.child("config", "web"), |part| {
                    part.properties
                        .extend(properties.iter().map(|(name, value)| (name.clone(), value.clone())));
                });
                Ok(())
            })?;
        }
        _ => return Err(call.unsupported()),
    }
    let state = call.azure.state();
    let created_with = app.properties.get("siteConfig").and_then(Value::as_object);
    let mut properties = created_with.cloned().unwrap_or_default();
    if let Some(configuration) = state.get(&site.child("config", "web")) {
        properties.extend(configuration.properties.clone());
    }
    Ok(Answer::ok(part_of(app, "web", &properties.into())))
}

fn put_settings(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let properties = call.properties()?;
    if let Some((name, _)) = properties
        .iter()
        .find(|(_, value)| value.is_object() || value.is_array())
    {
        let message = format!("The app setting '{name}' is not valid: its value must be a string.");
        return Err(ArmError::invalid_content(message));
    }
    call.change(|state| {
        call.check(state, "Microsoft.Web/sites/config/write", site)?;
        locks::check(state, site, Change::Write)?;
        state.update(&site.child("config", "appsettings"), |part| {
            part.properties.clone_from(properties);
        });
        Ok(())
    })?;
    let state = call.azure.state();
    let app = state.get(site).ok_or_else(|| ArmError::no_such_resource(site))?;
    Ok(Answer::ok(show_settings(&state, app)))
}

fn show_settings(state: &State, app: &Resource) -> Value {
    let settings = state.get(&app.id.child("config", "appsettings"));
    let properties = settings.map(|part| part.properties.clone()).unwrap_or_default();
    part_of(app, "appsettings", &properties.into())
}

fn part_of(app: &Resource, name: &str, properties: &Value) -> Value {
    json!({
        "id": app.id.child("config", name),
        "name": name,
        "type": "Microsoft.Web/sites/config",
        "location": app.location,
        "properties": properties,
    })
}
