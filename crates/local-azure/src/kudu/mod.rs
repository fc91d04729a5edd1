//! Kudu, the deployment service of App Service, which is `https://<app>.scm.azurewebsites.net` on Azure.
//! <https://github.com/projectkudu/kudu/wiki/REST-API>
//!
//! In reading order:
//!
//! - `service`: what the handlers share.
//! - `access`: who calls, and for which app. `error`: what a refused caller gets.
//! - `publish`: deploying a package. `deployments`: the deployments and their logs.
//! - `logs`: the log stream, and the logs as files. `startup_logs`: the starts as files. `environment`: the app's settings.

mod access;
mod deployments;
mod environment;
mod error;
mod logs;
mod publish;
mod service;
mod startup_logs;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use self::access::Caller;
use self::error::KuduError;
use self::service::Kudu;
use crate::app_service::AppService;
use crate::azure::Azure;
use crate::error::Result;
use crate::one_line::one_line;
use crate::state_folder::remove;

/// The routes of the deployment services of all web apps. The request's host names the app.
///
/// # Errors
///
/// What an earlier process received cannot be deleted.
pub fn router(azure: &Azure, apps: &Arc<AppService>) -> Result<Router> {
    remove(&azure.subfolder("uploads")?)?;
    let kudu = Kudu {
        azure: azure.clone(),
        apps: apps.clone(),
    };
    Ok(Router::new().fallback(handle).with_state(Arc::new(kudu)))
}

async fn handle(State(kudu): State<Arc<Kudu>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let caller = access::caller(&kudu.azure, request.headers());
    let (who, app) = match &caller {
        Ok(caller) => (one_line(&caller.name), caller.app.clone()),
        Err(_) => ("an unknown caller".to_owned(), "an app".to_owned()),
    };
    let answered = match caller {
        Ok(caller) => answer(&kudu, &caller, request).await,
        Err(error) => {
            publish::discard(request).await;
            Err(error)
        }
    };
    let response = answered.unwrap_or_else(KuduError::into_response);
    let status = response.status().as_u16();
    tracing::info!(target: "local_azure::control", "{method} {path} at Kudu of {app} by {who}: {status}");
    response
}

async fn answer(kudu: &Kudu, caller: &Caller, request: Request) -> Result<Response, KuduError> {
    let path = request.uri().path().to_owned();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (request.method(), parts.as_slice()) {
        (&Method::POST, ["api", "zipdeploy"]) => publish::publish(kudu, caller, "ZipDeploy", request).await,
        (&Method::POST, ["api", "publish"]) => publish::publish(kudu, caller, "OneDeploy", request).await,
        (&Method::GET, ["api", "deployments"]) => deployments::list(kudu, caller),
        (&Method::GET, ["api", "deployments", id]) => deployments::one(kudu, caller, id),
        (&Method::GET, ["api", "deployments", id, "log"]) => deployments::log(kudu, caller, id),
        (&Method::GET, ["api", "environment"]) => Ok(environment::environment()),
        (&Method::GET, ["api", "settings"]) => environment::settings(kudu, caller),
        // The folder of a log may follow, but there is one stream.
        (&Method::GET, ["logstream", ..] | ["api", "logstream", ..]) => Ok(logs::stream(kudu, caller)),
        (&Method::GET, ["api", "startuplogs"]) => {
            startup_logs::list(kudu, caller, request.uri().query().unwrap_or_default())
        }
        (&Method::GET, ["api", "startuplogs", name]) => startup_logs::one(kudu, caller, name),
        (&Method::GET, ["dump"]) => logs::dump(kudu, caller).await,
        (&Method::GET, []) => Ok((StatusCode::OK, format!("Kudu of {}\n", caller.app)).into_response()),
        _ => {
            let message = format!("Local Azure does not have {} {path} of Kudu.", request.method());
            publish::discard(request).await;
            Err(KuduError::new(StatusCode::NOT_FOUND, message))
        }
    }
}
