//! The deployments of a web app, as far as the control plane shows them.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::shared::{check_read, hosts};
use crate::app_service::{Deployment, DeploymentStatus};
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
    call.needs(&Method::GET)?;
    check_read(call, &call.azure.state(), site, "deploymentStatus")?;
    let Some(apps) = &arm.running.apps else {
        return Err(call.unsupported());
    };
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
    let instances = u32::try_from(apps.status(name).map_or(0, |all| all.len())).unwrap_or(u32::MAX);
    Ok(Answer::ok(shown(site, &found, instances)))
}

fn shown(site: &ResourceId, deployment: &Deployment, instances: u32) -> Value {
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
    call.needs(&Method::GET)?;
    check_read(call, &call.azure.state(), site, "deployments")?;
    let Some(apps) = &arm.running.apps else {
        return Err(call.unsupported());
    };
    let all = apps.deployments(site.name())?;
    let show = |one: &Deployment| {
        json!({
            "id": format!("{site}/deployments/{}", one.id),
            "name": one.id,
            "type": "Microsoft.Web/sites/deployments",
            "properties": {
                "id": one.id,
                "status": one.status as u8,
                "message": one.failure.as_deref().unwrap_or_default(),
                "author": one.author,
                "deployer": one.deployer,
                "start_time": one.received,
                "end_time": one.ended,
                "active": apps.is_active(site.name(), one),
            },
        })
    };
    match id {
        None => Answer::list(call, all.iter().map(show).collect()),
        Some(id) => {
            let found = all.iter().find(|one| one.id == id);
            let missing =
                || ArmError::not_found("NotFound", format!("There is no deployment {id} of {}.", site.name()));
            Ok(Answer::ok(show(found.ok_or_else(missing)?)))
        }
    }
}
