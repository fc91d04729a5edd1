//! The parts `config` of a web app.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::shared::{change, check_action, check_read, find, show};
use super::site_config::{self, SiteConfig};
use super::values::{self, Values};
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::state::{Resource, ResourceId, State, WebApp};

const CONFIG: &str = "config";

/// `GET …/config`: settings and credentials have operations of their own.
pub fn list(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, CONFIG)?;
    Answer::list(call, vec![show_web(&state, app)])
}

/// `…/config/web`
pub fn web(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    match call.method {
        Method::GET => {
            check_read(call, &call.azure.state(), site, CONFIG)?;
        }
        // Azure changes only what the body contains, by PUT too.
        Method::PUT | Method::PATCH => change(call, site, CONFIG, |state| {
            let configuration = SiteConfig::read(call.properties()?)?;
            if let Some(app) = state.at::<WebApp>(site) {
                configuration.check_plan(state, &app.plan)?;
            }
            configuration.write(state, site);
            Ok(())
        })?,
        _ => return Err(call.unsupported()),
    }
    let state = call.azure.state();
    Ok(Answer::ok(show_web(&state, find(&state, site)?)))
}

fn show_web(state: &State, app: &Resource) -> Value {
    show(app, CONFIG, "web", &site_config::show(state, &app.id).into())
}

/// `…/config/logs`: the settings of the logs, which are stored and have no effect.
pub fn logs(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let off = json!({
        "applicationLogs": {
            "fileSystem": {"level": "Off"},
            "azureTableStorage": {"level": "Off", "sasUrl": null},
            "azureBlobStorage": {"level": "Off", "sasUrl": null, "retentionInDays": null},
        },
        "httpLogs": {
            "fileSystem": {"retentionInMb": 35, "retentionInDays": null, "enabled": false},
            "azureBlobStorage": {"sasUrl": null, "retentionInDays": 3, "enabled": false},
        },
        "failedRequestsTracing": {"enabled": false},
        "detailedErrorMessages": {"enabled": false},
    });
    let put = |properties: &Map<String, Value>, part: &mut Resource| {
        for name in properties.keys() {
            if let Some(value) = call::optional_object(properties, name)? {
                let before = part.properties.entry(name).or_insert_with(|| json!({}));
                merge(before, value);
            }
        }
        Ok(())
    };
    stored(call, site, "logs", &off, put)
}

/// `…/config/slotConfigNames`: the settings that would stay in a slot.
pub fn slot_names(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    const LISTS: [&str; 3] = ["appSettingNames", "connectionStringNames", "azureStorageConfigNames"];
    let none = json!({LISTS[0]: [], LISTS[1]: [], LISTS[2]: []});
    let put = |properties: &Map<String, Value>, part: &mut Resource| {
        for name in LISTS {
            let names = properties.get(name).filter(|names| !names.is_null());
            let Some(names) = names else { continue };
            let are_texts = |names: &Vec<Value>| names.iter().all(Value::is_string);
            if !names.as_array().is_some_and(are_texts) {
                return Err(ArmError::invalid_content(format!(
                    "The request content was invalid: '{name}' must be a list of strings."
                )));
            }
            part.set(name, names.clone());
        }
        Ok(())
    };
    stored(call, site, "slotConfigNames", &none, put)
}

/// A part that is stored as it is: GET, and PUT or PATCH, which merges.
fn stored(
    call: &Call,
    site: &ResourceId,
    name: &str,
    defaults: &Value,
    put: impl FnOnce(&Map<String, Value>, &mut Resource) -> Result<(), ArmError>,
) -> Result<Answer, ArmError> {
    let id = site.child(CONFIG, name);
    match call.method {
        Method::GET => {
            check_read(call, &call.azure.state(), site, CONFIG)?;
        }
        Method::PUT | Method::PATCH => change(call, site, CONFIG, |state| {
            state.update(&id, |part| put(call.properties()?, part))
        })?,
        _ => return Err(call.unsupported()),
    }
    let state = call.azure.state();
    let mut properties = defaults.clone();
    if let Some(part) = state.get(&id) {
        merge(&mut properties, &part.properties);
    }
    Ok(Answer::ok(show(find(&state, site)?, CONFIG, name, &properties)))
}

/// Writes values into an object, and into the objects in it. Null leaves what there is.
fn merge(into: &mut Value, values: &Map<String, Value>) {
    for (name, value) in values {
        match value {
            Value::Null => {}
            Value::Object(values) if into[name].is_object() => merge(&mut into[name], values),
            _ => into[name] = value.clone(),
        }
    }
}

/// `PUT …/config/appsettings`, `connectionstrings` and `metadata`: the body replaces all of them.
pub fn put_values(call: &Call, site: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    if call.method != Method::PUT {
        return Err(call.unsupported());
    }
    change(call, site, CONFIG, |state| {
        let properties = call.properties()?;
        let values = match name {
            "appsettings" => values::settings(properties),
            "connectionstrings" => values::connection_strings(properties),
            _ => values::texts(properties),
        }?;
        state.update(&site.child(CONFIG, name), |part| part.properties = values);
        Ok(())
    })?;
    show_values(&call.azure.state(), site, name)
}

/// `POST …/config/appsettings/list`, `connectionstrings/list` and `metadata/list`
pub fn list_values(call: &Call, site: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    check_action(call, &state, site, "config/list")?;
    show_values(&state, site, name)
}

fn show_values(state: &State, site: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let part = state.get(&site.child(CONFIG, name));
    let values: Values = part.map(|part| part.properties.clone()).unwrap_or_default();
    Ok(Answer::ok(show(find(state, site)?, CONFIG, name, &values.into())))
}

/// `POST …/config/azurestorageaccounts/list`: there are no mounts.
pub fn storage_accounts(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_action(call, &state, site, "config/list")?;
    Ok(Answer::ok(show(app, CONFIG, "azurestorageaccounts", &json!({}))))
}
