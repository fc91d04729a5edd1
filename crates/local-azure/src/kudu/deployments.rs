//! The deployments of an app, and their logs.

use axum::response::{IntoResponse as _, Json, Response};
use serde_json::{Value, json};

use super::access::Caller;
use super::error::KuduError;
use super::service::Kudu;
use crate::app_service::{AppService, Deployment, DeploymentStatus, scm_name};
use crate::error::Error;

/// `GET /api/deployments`: newest first.
pub fn list(kudu: &Kudu, caller: &Caller) -> Result<Response, KuduError> {
    let all = kudu.apps.deployments(&caller.app)?;
    let shown: Vec<_> = all.iter().map(|one| show(&kudu.apps, &caller.app, one)).collect();
    Ok(Json(shown).into_response())
}

/// `GET /api/deployments/{id}`, where `latest` is the newest deployment.
pub fn one(kudu: &Kudu, caller: &Caller, id: &str) -> Result<Response, KuduError> {
    let found = find(kudu, caller, id)?;
    Ok(Json(show(&kudu.apps, &caller.app, &found)).into_response())
}

/// `GET /api/deployments/{id}/log`
pub fn log(kudu: &Kudu, caller: &Caller, id: &str) -> Result<Response, KuduError> {
    let found = find(kudu, caller, id)?;
    let lines = kudu.apps.deployment_log(&caller.app, &found.id)?;
    let entries: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            json!({
                "log_time": line.time,
                "id": format!("{}-{at}", found.id),
                "message": line.text,
                "type": 0,
                "details_url": null,
            })
        })
        .collect();
    Ok(Json(entries).into_response())
}

fn find(kudu: &Kudu, caller: &Caller, id: &str) -> Result<Deployment, KuduError> {
    let all = kudu.apps.deployments(&caller.app)?;
    let found = all.into_iter().find(|one| id == "latest" || one.id == id);
    found.ok_or_else(|| KuduError::from(Error::Refused(format!("There is no deployment {id} of {}", caller.app))))
}

/// A deployment in Kudu's form.
/// <https://github.com/projectkudu/kudu/blob/master/Kudu.Contracts/Deployment/DeployResult.cs>
pub fn show(apps: &AppService, app: &str, deployment: &Deployment) -> Value {
    let url = format!("https://{}/api/deployments/{}", scm_name(app), deployment.id);
    let is_successful = deployment.status == DeploymentStatus::Successful;
    json!({
        "id": deployment.id,
        "status": deployment.status as u8,
        "status_text": deployment.failure.as_deref().unwrap_or_default(),
        "author_email": "N/A",
        "author": deployment.author,
        "deployer": deployment.deployer,
        "message": format!("Deployed by {}", deployment.deployer),
        "progress": if deployment.is_complete() { "" } else { "Running" },
        "received_time": deployment.received,
        "start_time": deployment.received,
        "end_time": deployment.ended,
        "last_success_end_time": is_successful.then_some(&deployment.ended),
        "complete": deployment.is_complete(),
        "active": apps.is_active(app, deployment),
        "is_temp": false,
        "is_readonly": true,
        "url": url,
        "log_url": format!("{url}/log"),
        "site_name": app,
    })
}
