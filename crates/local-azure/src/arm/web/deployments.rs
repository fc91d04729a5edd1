//! The deployments of a web app, as far as the control plane shows them.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::shared::{check_read, hosts};
use crate::app_service::{AppService, Deployment, DeploymentStatus};
use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::service::Arm;
use crate::state::ResourceId;

/// How long an answer waits for the end of the deployment. The Azure CLI asks every 15 seconds only.
const WAIT: Duration = Duration::from_secs(10);

/// `GET …/deploymentStatus/{id}`: how far a deployment has come.
/// <https://learn.microsoft.com/rest/api/appservice/web-apps/get-production-site-deployment-status>
pub fn status(arm: &Arm, call: &Call, site: &ResourceId, id: &str) -> Result<Answer, ArmError> {
    let apps = check(arm, call, site, "deploymentStatus")?;
    let name = site.name();
    let found = Handle::current().block_on(async {
        match timeout(WAIT, apps.deployment_when(name, id, Deployment::is_complete)).await {
            Ok(ended) => ended,
            Err(_) => apps.deployment_when(name, id, |_| true).await,
        }
    });
    let found = found.map_err(|error| ArmError::not_found("NotFound", format!("{error}.")))?;
    if let (DeploymentStatus::Successful, Some(why)) = (found.status, &found.failure) {
        // The clients ask Kudu next, which says that the deployment succeeded.
        return Err(ArmError::new(
            StatusCode::CONFLICT,
            "NotStarted",
            format!(
                "{name} is deployed, but does not start yet. It starts again when its settings or its startup command \
                 change. {why}"
            ),
        ));
    }
    Ok(Answer::ok(show_status(apps, site, &found)))
}

/// `GET …/deploymentStatus`: how far the deployments have come.
pub fn statuses(arm: &Arm, call: &Call, site: &ResourceId) -> Result<Answer, ArmError> {
    let apps = check(arm, call, site, "deploymentStatus")?;
    let all = apps.deployments(site.name())?;
    Answer::list(call, all.iter().map(|one| show_status(apps, site, one)).collect())
}

fn show_status(apps: &AppService, site: &ResourceId, deployment: &Deployment) -> Value {
    let instances = apps.status(site.name()).map_or(0, |all| all.len());
    let status = match deployment.status {
        DeploymentStatus::Pending => "BuildRequestReceived",
        DeploymentStatus::Building => "BuildInProgress",
        DeploymentStatus::Deploying => "RuntimeStarting",
        DeploymentStatus::Successful => "RuntimeSuccessful",
        DeploymentStatus::Failed if deployment.is_built => "RuntimeFailed",
        DeploymentStatus::Failed => "BuildFailed",
    };
    let count = |is_counted: bool| if is_counted { instances } else { 0 };
    let errors: Vec<_> = deployment
        .failure
        .iter()
        .map(|why| json!({"extendedCode": status, "message": why}))
        .collect();
    let (_, scm) = hosts(site.name());
    let log = format!("https://{scm}/api/deployments/{}/log", deployment.id);
    json!({
        "id": format!("{site}/deploymentStatus/{}", deployment.id),
        "name": deployment.id,
        "type": "Microsoft.Web/sites/deploymentStatus",
        "properties": {
            "deploymentId": deployment.id,
            "status": status,
            "numberOfInstancesInProgress": count(deployment.status == DeploymentStatus::Deploying),
            "numberOfInstancesSuccessful": count(deployment.is_started),
            "numberOfInstancesFailed": count(status == "RuntimeFailed"),
            "failedInstancesLogs": (!errors.is_empty()).then_some([log]),
            "errors": errors,
        },
    })
}

/// `GET …/deployments` and `GET …/deployments/{id}`: what Kudu shows.
pub fn list(arm: &Arm, call: &Call, site: &ResourceId, id: Option<&str>) -> Result<Answer, ArmError> {
    let apps = check(arm, call, site, "deployments")?;
    match id {
        None => {
            let all = apps.deployments(site.name())?;
            Answer::list(call, all.iter().map(|one| show(apps, site, one)).collect())
        }
        Some(id) => Ok(Answer::ok(show(apps, site, &find(apps, site, id)?))),
    }
}

/// `GET …/deployments/{id}/log`: a deployment with its log.
pub fn log(arm: &Arm, call: &Call, site: &ResourceId, id: &str) -> Result<Answer, ArmError> {
    let apps = check(arm, call, site, "deployments/log")?;
    let mut shown = show(apps, site, &find(apps, site, id)?);
    let lines = apps.deployment_log(site.name(), id)?;
    let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    shown["properties"]["details"] = lines.join("\n").into();
    Ok(Answer::ok(shown))
}

/// Checks the permission to read a part of a web app that the apps know.
fn check<'a>(arm: &'a Arm, call: &Call, site: &ResourceId, part: &str) -> Result<&'a AppService, ArmError> {
    call.needs(&Method::GET)?;
    check_read(call, &call.azure.state(), site, part)?;
    arm.running.apps.as_deref().ok_or_else(|| call.unsupported())
}

fn find(apps: &AppService, site: &ResourceId, id: &str) -> Result<Deployment, ArmError> {
    let found = apps.deployments(site.name())?.into_iter().find(|one| one.id == id);
    found.ok_or_else(|| {
        let message = format!("There is no deployment {id} of {}.", site.name());
        ArmError::not_found("NotFound", message)
    })
}

fn show(apps: &AppService, site: &ResourceId, deployment: &Deployment) -> Value {
    json!({
        "id": format!("{site}/deployments/{}", deployment.id),
        "name": deployment.id,
        "type": "Microsoft.Web/sites/deployments",
        "properties": {
            "id": deployment.id,
            "status": deployment.status as u8,
            "message": deployment.failure.as_deref().unwrap_or_default(),
            "author": deployment.author,
            "deployer": deployment.deployer,
            "start_time": deployment.received,
            "end_time": deployment.ended,
            "active": apps.is_active(site.name(), deployment),
        },
    })
}
