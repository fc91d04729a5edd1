//! Web apps.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::shared::hosts;
use super::site_config::{self, SITE_CONFIG, SiteConfig};
use crate::arm::answer::{self, Answer};
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::arm::locks::{self, Change};
use crate::arm::types::Type;
use crate::log_time;
use crate::network::PUBLIC_ADDRESS;
use crate::state::{
    PUBLISHING_PASSWORD, Plan, Resource, ResourceId, State, View as _, WebApp, new_publishing_password,
};

/// Web apps.
pub const SITES: Type = Type {
    kind: WebApp::KIND,
    put,
    show,
    created: StatusCode::OK,
};

/// What is shown, but follows from something else. Clients send it back with the rest.
const READ_ONLY: [&str; 13] = [
    "availabilityState",
    "defaultHostName",
    "enabledHostNames",
    "hostNameSslStates",
    "hostNames",
    "name",
    "outboundIpAddresses",
    "possibleOutboundIpAddresses",
    "repositorySiteName",
    "resourceGroup",
    "sku",
    "state",
    "usageState",
];

/// Whether a web app may have the name.
pub fn is_name(name: &str) -> bool {
    let is_permitted = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (2..=60).contains(&name.len()) && name.chars().all(is_permitted) && !name.starts_with('-') && !name.ends_with('-')
}

fn put(state: &State, site: &mut Resource) -> Result<(), ArmError> {
    let name = site.id.name();
    if !is_name(name) {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!("The host name {name}.azurewebsites.net is invalid. Use 2 to 60 letters, digits and hyphens."),
        ));
    }
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
    if let Some(configuration) = call::optional_object(&site.properties, SITE_CONFIG)? {
        SiteConfig::read(configuration)?.check_plan(state, &plan.id)?;
    }
    for name in READ_ONLY {
        site.properties.remove(name);
    }
    site.set("lastModifiedTimeUtc", log_time::now());
    site.set("serverFarmId", plan.id.to_string());
    site.kind = Some("app,linux".to_owned());
    site.set("reserved", true);
    let existing = state.get(&site.id).and_then(|site| site.text("state"));
    site.set("state", existing.unwrap_or("Running"));
    for (name, default) in [
        ("enabled", true),
        ("httpsOnly", false),
        ("clientAffinityEnabled", true),
        ("clientCertEnabled", false),
        ("hostNamesDisabled", false),
        ("scmSiteAlsoStopped", false),
    ] {
        let value = site.properties.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = default.into();
        }
        if !value.is_boolean() {
            return Err(ArmError::invalid_content(format!(
                "The request content was invalid: the property '{name}' must be true or false."
            )));
        }
    }
    site.secrets
        .entry(PUBLISHING_PASSWORD.to_owned())
        .or_insert_with(new_publishing_password);
    Ok(())
}

/// The configuration that is shown with an app. Azure shows the rest at `config/web` only.
const SHOWN: [&str; 7] = [
    "acrUseManagedIdentityCreds",
    "alwaysOn",
    "functionAppScaleLimit",
    "http20Enabled",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "numberOfWorkers",
];

fn show(state: &State, site: &mut Value) {
    let Some(id) = site["id"].as_str().and_then(|id| id.parse::<ResourceId>().ok()) else {
        return;
    };
    let (host, scm) = hosts(id.name());
    let plan = site["properties"]["serverFarmId"]
        .as_str()
        .and_then(|plan| plan.parse().ok());
    let tier = plan.and_then(|plan| state.get(&plan)?.sku.as_ref()?.get("tier").cloned());
    let host_name = |name: &str, kind: &str| json!({"name": name, "sslState": "Disabled", "hostType": kind});
    let mut configuration = site_config::show(state, &id);
    configuration.retain(|name, _| SHOWN.contains(&name.as_str()));
    let properties = &mut site["properties"];
    for (name, value) in [
        ("name", json!(id.name())),
        ("repositorySiteName", json!(id.name())),
        ("defaultHostName", json!(host)),
        ("hostNames", json!([host])),
        ("enabledHostNames", json!([host, scm])),
        (
            "hostNameSslStates",
            json!([host_name(&host, "Standard"), host_name(&scm, "Repository")]),
        ),
        ("resourceGroup", json!(id.resource_group())),
        ("sku", json!(tier)),
        ("outboundIpAddresses", json!(PUBLIC_ADDRESS)),
        ("possibleOutboundIpAddresses", json!(PUBLIC_ADDRESS)),
        ("availabilityState", json!("Normal")),
        ("usageState", json!("Normal")),
        (SITE_CONFIG, configuration.into()),
    ] {
        properties[name] = value;
    }
}

/// `GET …/serverfarms/{name}/sites`: the apps of a plan that the caller may read.
pub fn of_plan(call: &Call, plan: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check(&state, &format!("{}/sites/read", Plan::KIND), plan)?;
    if state.at::<Plan>(plan).is_none() {
        return Err(ArmError::no_such_resource(plan));
    }
    let apps = state.all::<WebApp>().filter(|app| app.plan == *plan);
    let apps = apps.filter(|app| call.may(&state, &format!("{}/read", WebApp::KIND), &app.id));
    let shown = apps.filter_map(|app| {
        let mut value = answer::show(&state, state.get(&app.id)?);
        show(&state, &mut value);
        Some(value)
    });
    Answer::list(call, shown.collect())
}

/// The plan that is deleted with its last app, unless the request says that it stays, or the caller may not delete it.
pub fn emptied_plan(call: &Call, state: &State, site: &ResourceId) -> Option<ResourceId> {
    let stays = call
        .query("deleteEmptyServerFarm")
        .is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let app = state.at::<WebApp>(site).filter(|_| !stays)?;
    let is_other = |other: WebApp| other.plan == app.plan && other.id != app.id;
    let is_deleted = !state.all::<WebApp>().any(is_other)
        && call.may(state, &format!("{}/delete", Plan::KIND), &app.plan)
        && locks::check(state, &app.plan, Change::Delete).is_ok();
    is_deleted.then_some(app.plan)
}
