//! Regions, runtimes and names.

use axum::http::Method;
use serde_json::json;

use super::sites::is_name;
use crate::arm::answer::Answer;
use crate::arm::call::{self, Call};
use crate::arm::error::ArmError;
use crate::arm::locations::LOCATIONS;
use crate::state::WebApp;

/// The runtimes that `az webapp list-runtimes` offers.
const RUNTIMES: [(&str, &str, &str); 9] = [
    ("Python 3.14", "PYTHON|3.14", "python"),
    ("Python 3.13", "PYTHON|3.13", "python"),
    ("Python 3.12", "PYTHON|3.12", "python"),
    ("Python 3.11", "PYTHON|3.11", "python"),
    ("Python 3.10", "PYTHON|3.10", "python"),
    ("Python 3.9", "PYTHON|3.9", "python"),
    ("Node 24 LTS", "NODE|24-lts", "node"),
    ("Node 22 LTS", "NODE|22-lts", "node"),
    ("Node 20 LTS", "NODE|20-lts", "node"),
];

/// `GET …/webAppStacks`: the runtimes of Linux.
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

/// `GET …/geoRegions`: every region has every size.
pub fn regions(call: &Call) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.Web/geoRegions/read")?;
    let subscription = state.subscription;
    let region = |(_, text): &(&str, &str)| {
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.Web/geoRegions/{text}"),
            "name": text,
            "type": "Microsoft.Web/geoRegions",
            "properties": {"name": text, "description": text, "displayName": text, "orgDomain": "PUBLIC;LINUX"},
        })
    };
    Answer::list(call, LOCATIONS.iter().map(region).collect())
}

/// `POST …/checknameavailability`
pub fn check_name(call: &Call) -> Result<Answer, ArmError> {
    call.needs(&Method::POST)?;
    let state = call.azure.state();
    call.check_member(&state, "Microsoft.Web/checknameavailability/read")?;
    let name = call::required(call.object()?, "name")?;
    let (reason, message) = if !is_name(name) {
        (
            "Invalid",
            format!("The host name '{name}' is invalid. Use 2 to 60 letters, digits and hyphens."),
        )
    } else if state.find::<WebApp>(name).is_some() {
        (
            "AlreadyExists",
            format!("Hostname '{name}' already exists. Please select a different name."),
        )
    } else {
        let available = json!({"nameAvailable": true, "reason": "", "message": ""});
        return Ok(Answer::ok(available));
    };
    let taken = json!({"nameAvailable": false, "reason": reason, "message": message});
    Ok(Answer::ok(taken))
}
