//! What is shown of a web app, but cannot be changed here: its instances, host names, source and slots.

use serde_json::{Value, json};

use super::shared::{check_read, hosts, show};
use crate::app_service::{InstanceState, role_instance_id};
use crate::arm::answer::Answer;
use crate::arm::call::{Call, invalid_id};
use crate::arm::error::ArmError;
use crate::arm::service::Arm;
use crate::state::{Resource, ResourceId};

/// `GET …/instances`
pub fn instances(arm: &Arm, call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, "instances")?;
    Answer::list(call, all_instances(arm, app))
}

/// `GET …/instances/{id}`
pub fn instance(arm: &Arm, call: &Call, site: &ResourceId, id: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, "instances")?;
    let found = all_instances(arm, app).into_iter().find(|one| one["name"] == *id);
    one_of(found, site, "instances", id)
}

fn all_instances(arm: &Arm, app: &Resource) -> Vec<Value> {
    let status = arm.running.apps.as_ref().map(|apps| apps.status(app.id.name()));
    // An app that has never been started has no instances.
    let mut status = status.and_then(Result::ok).unwrap_or_default();
    status.retain(|instance| instance.state != InstanceState::Stopping);
    // While the app restarts, the new instance of a number runs beside the old one.
    status.dedup_by(|one, before| one.id == before.id);
    let (_, scm) = hosts(app.id.name());
    let shown = status.iter().map(|instance| {
        let state = match instance.state {
            InstanceState::Ready | InstanceState::Unhealthy => "READY",
            InstanceState::Starting | InstanceState::Crashed | InstanceState::Stopping => "UNKNOWN",
        };
        let properties = json!({
            "name": instance.id,
            "state": state,
            "machineName": role_instance_id(instance.number),
            "consoleUrl": null,
            "healthCheckUrl": null,
            "statusUrl": format!("https://{scm}/api/deployments/latest"),
        });
        show(app, "instances", &instance.id, &properties)
    });
    shown.collect()
}

/// `GET …/hostNameBindings`: there is only the host name that every app has.
pub fn host_names(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, "hostNameBindings")?;
    Answer::list(call, vec![binding(app)])
}

/// `GET …/hostNameBindings/{name}`
pub fn host_name(call: &Call, site: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, "hostNameBindings")?;
    let (host, _) = hosts(site.name());
    let found = host.eq_ignore_ascii_case(name).then(|| binding(app));
    one_of(found, site, "hostNameBindings", name)
}

fn binding(app: &Resource) -> Value {
    let (host, _) = hosts(app.id.name());
    let properties = json!({
        "siteName": app.id.name(), "hostNameType": "Verified", "azureResourceType": "Website", "sslState": "Disabled",
    });
    let mut shown = show(app, "hostNameBindings", &host, &properties);
    shown["name"] = format!("{}/{host}", app.id.name()).into();
    shown
}

fn one_of(found: Option<Value>, site: &ResourceId, kind: &str, name: &str) -> Result<Answer, ArmError> {
    let missing = match site.try_child(kind, name) {
        Ok(id) => ArmError::no_such_resource(&id),
        Err(error) => invalid_id(error),
    };
    found.map(Answer::ok).ok_or(missing)
}

/// `GET …/sourcecontrols/web`: an app has no repository.
pub fn source_control(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let state = call.azure.state();
    let app = check_read(call, &state, site, "sourcecontrols")?;
    let none = json!({
        "repoUrl": null, "branch": null, "isManualIntegration": false, "isGitHubAction": false,
        "deploymentRollbackEnabled": false, "isMercurial": false,
    });
    Ok(Answer::ok(show(app, "sourcecontrols", "web", &none)))
}

/// `GET …/slots`: an app has no slots.
pub fn slots(call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    check_read(call, &call.azure.state(), site, "slots")?;
    Answer::list(call, Vec::new())
}
