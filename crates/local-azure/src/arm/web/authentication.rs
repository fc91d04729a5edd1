//! `…/config/authsettingsV2` and its classic form `…/config/authsettings`: App Service Authentication.
//! <https://learn.microsoft.com/rest/api/appservice/web-apps/update-auth-settings-v2>
//!
//! The settings are stored once, in the form of version 2. An app for which a client has written that form refuses the classic
//! one, as in Azure (Azure/azure-cli#17837).

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::authentication_settings as settings;
use super::shared::{change, check_action, check_read, find, show};
use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::state::{AUTHENTICATION, CLIENT_SECRET, ResourceId, State};

const CONFIG: &str = "config";
const CLASSIC: &str = "authsettings";
/// The property of the stored part that says which form a client has written. It is not shown.
const VERSION: &str = "configVersion";

/// `GET` and `PUT …/config/authsettingsV2`. The body replaces all settings.
pub fn v2(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    match call.method {
        Method::GET => {
            check_read(call, &call.azure.state(), site, CONFIG)?;
        }
        Method::PUT => change(call, site, CONFIG, |state| {
            let body = call.properties()?;
            settings::check(body)?;
            state.update(&part(site), |part| {
                part.properties = settings::without_nulls(body);
                part.set(VERSION, "v2");
                part.secrets.clear();
            });
            Ok(())
        })?,
        _ => return Err(call.unsupported()),
    }
    show_v2(&call.azure.state(), site)
}

/// `…/config/authsettingsV2/list`, by GET or POST.
pub fn list_v2(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    if call.method == Method::GET {
        check_read(call, &state, site, CONFIG)?;
    } else {
        check_action(call, &state, site, "config/list")?;
    }
    show_v2(&state, site)
}

fn show_v2(state: &State, site: &ResourceId) -> Result<Answer, ArmError> {
    let shown = settings::with_defaults(&stored(state, site));
    Ok(Answer::ok(show(find(state, site)?, CONFIG, AUTHENTICATION.1, &shown)))
}

/// `POST …/config/authsettings/list`
pub fn list_classic(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    check_action(call, &state, site, "config/list")?;
    check_version(&state, site)?;
    show_classic(&state, site)
}

/// `PUT …/config/authsettings`. The body replaces all settings, but the client secret stays unless the body contains one:
/// it is never shown, so clients cannot send it back.
pub fn put_classic(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    if call.method != Method::PUT {
        return Err(call.unsupported());
    }
    change(call, site, CONFIG, |state| {
        check_version(state, site)?;
        let body = call.properties()?;
        let translated = settings::from_classic(body)?;
        settings::check(&translated)?;
        let secret = body.get("clientSecret").and_then(Value::as_str);
        state.update(&part(site), |part| {
            part.properties = settings::without_nulls(&translated);
            part.set(VERSION, "v1");
            if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
                part.secrets.insert(CLIENT_SECRET.to_owned(), secret.to_owned());
            }
        });
        Ok(())
    })?;
    show_classic(&call.azure.state(), site)
}

fn show_classic(state: &State, site: &ResourceId) -> Result<Answer, ArmError> {
    let shown = settings::to_classic(&stored(state, site));
    Ok(Answer::ok(show(find(state, site)?, CONFIG, CLASSIC, &shown)))
}

/// # Errors
///
/// A client has written the form of version 2.
fn check_version(state: &State, site: &ResourceId) -> Result<(), ArmError> {
    let version = state.get(&part(site)).and_then(|part| part.text(VERSION));
    if version != Some("v2") {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "BadRequest",
        format!(
            "Cannot execute the request for site {} because the site is running on auth version v2. Use \
             config/authsettingsV2, for example by `az rest`.",
            site.name()
        ),
    ))
}

fn part(site: &ResourceId) -> ResourceId {
    let (kind, name) = AUTHENTICATION;
    site.child(kind, name)
}

/// The settings as a client has written them.
fn stored(state: &State, site: &ResourceId) -> Map<String, Value> {
    let part = state.get(&part(site));
    let mut properties = part.map(|part| part.properties.clone()).unwrap_or_default();
    properties.remove(VERSION);
    if properties.is_empty() {
        // Before a client has turned it on.
        let off = json!({
            "platform": {"enabled": false},
            "globalValidation": {"requireAuthentication": false, "unauthenticatedClientAction": "AllowAnonymous"},
        });
        return off.as_object().cloned().unwrap_or_default();
    }
    properties
}
