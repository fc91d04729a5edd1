//! Deploying a package: `zipdeploy`, and `publish`, which is also called `OneDeploy`.
//! <https://learn.microsoft.com/azure/app-service/deploy-zip>

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use axum::extract::{Query, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::time::timeout;

use super::access::Caller;
use super::deployments::show;
use super::error::KuduError;
use super::service::Kudu;
use crate::app_service::{Deployment, DeploymentStatus, Origin, PACKAGE_LIMIT, Package, scm_name};
use crate::body;
use crate::error::Error;

/// How long a client may pause while it sends a package.
const PAUSE_LIMIT: Duration = Duration::from_mins(1);
/// The longest time that a client waits for the end of a deployment. It is Azure's limit for every request.
const WAIT_LIMIT: Duration = Duration::from_secs(230);

/// The parameters. The case of the names is that of Azure's clients.
#[derive(Deserialize)]
pub struct Parameters {
    /// The kind of the package.
    r#type: Option<String>,
    #[serde(rename = "isAsync")]
    is_async: Option<String>,
    r#async: Option<String>,
    /// A folder of the app.
    path: Option<String>,
    /// Whether the files that were there are removed.
    clean: Option<String>,
    /// Whether the app starts with the new files.
    restart: Option<String>,
}

impl Parameters {
    fn is_async(&self) -> bool {
        let given = self.is_async.as_ref().or(self.r#async.as_ref());
        given.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// # Errors
    ///
    /// A parameter asks for something that is not emulated.
    fn check(&self) -> Result<(), KuduError> {
        let bad = |message: &str| Err(KuduError::new(StatusCode::BAD_REQUEST, message));
        if self
            .r#type
            .as_deref()
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("zip"))
        {
            return bad("Local Azure deploys packages of the type zip only.");
        }
        if self.path.is_some() {
            return bad("Local Azure deploys a whole package only: leave out the target path.");
        }
        if self
            .restart
            .as_deref()
            .is_some_and(|restart| restart.eq_ignore_ascii_case("false"))
        {
            return bad("Local Azure starts what it deploys: restart=false is not possible.");
        }
        if self
            .clean
            .as_deref()
            .is_some_and(|clean| clean.eq_ignore_ascii_case("false"))
        {
            return bad("Local Azure replaces all files of an app: clean=false is not possible.");
        }
        Ok(())
    }
}

/// `POST /api/zipdeploy` and `POST /api/publish`
pub async fn publish(
    kudu: &Kudu,
    caller: &Caller,
    deployer: &'static str,
    request: Request,
) -> Result<Response, KuduError> {
    let parameters: Result<Query<Parameters>, _> = Query::try_from_uri(request.uri());
    let parameters = parameters
        .map_err(|error| KuduError::new(StatusCode::BAD_REQUEST, error.body_text()))
        .and_then(|Query(parameters)| parameters.check().map(|()| parameters));
    let is_json = |value: &axum::http::HeaderValue| value.as_bytes().starts_with(b"application/json");
    let has_address = request.headers().get(CONTENT_TYPE).is_some_and(is_json);
    let parameters = match parameters {
        Ok(parameters) if !has_address => parameters,
        Ok(_) => {
            discard(request).await;
            let message = "Local Azure does not download packages: send the package itself.";
            return Err(KuduError::new(StatusCode::BAD_REQUEST, message));
        }
        Err(error) => {
            discard(request).await;
            return Err(error);
        }
    };
    let package = receive(kudu, request).await?;
    let origin = Origin {
        deployer,
        author: caller.name.clone(),
    };
    let begun = kudu
        .apps
        .begin_deployment(&caller.app, Package::Zip(package.to_path_buf()), origin);
    let begun = begun.map_err(|error| match error {
        Error::Refused(why) => KuduError::new(StatusCode::CONFLICT, format!("{why}.")),
        other => other.into(),
    })?;
    let (apps, app, id) = (kudu.apps.clone(), caller.app.clone(), begun.id.clone());
    let ended = tokio::spawn(async move {
        let ended = apps.deployment_when(&app, &id, Deployment::is_complete).await;
        drop(package);
        ended
    });
    if parameters.is_async() {
        return Ok(accepted(kudu, caller, &begun));
    }
    // The deployment goes on if the client does not wait for it.
    match timeout(WAIT_LIMIT, ended).await {
        Ok(Ok(Ok(ended))) if ended.status == DeploymentStatus::Successful => {
            Ok(Json(show(&kudu.apps, &caller.app, &ended)).into_response())
        }
        Ok(Ok(Ok(ended))) => Err(KuduError::new(
            StatusCode::BAD_REQUEST,
            ended.failure.unwrap_or_default(),
        )),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(error)) => Err(Error::failed("the deployment", error).into()),
        Err(_) => Ok(accepted(kudu, caller, &begun)),
    }
}

fn accepted(kudu: &Kudu, caller: &Caller, deployment: &Deployment) -> Response {
    let location = format!("https://{}/api/deployments/latest", scm_name(&caller.app));
    let headers = [
        (LOCATION, location),
        (RETRY_AFTER, "2".to_owned()),
        (HeaderName::from_static("scm-deployment-id"), deployment.id.clone()),
    ];
    let body = Json(show(&kudu.apps, &caller.app, deployment));
    (StatusCode::ACCEPTED, headers, body).into_response()
}

/// Writes the package into a file, which is deleted when the returned value is dropped.
async fn receive(kudu: &Kudu, request: Request) -> Result<TempPath, KuduError> {
    let checksum = request.headers().get("x-ms-artifact-checksum").cloned();
    let folder = kudu.azure.subfolder("uploads")?;
    let file = tempfile::Builder::new().suffix(".zip").tempfile_in(&folder);
    let (mut file, path) = file.map_err(Error::file(&folder))?.into_parts();
    let mut stream = request.into_body().into_data_stream();
    let (mut size, mut hash) = (0, Sha256::new());
    loop {
        let chunk = match timeout(PAUSE_LIMIT, stream.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(_))) => {
                return Err(KuduError::new(
                    StatusCode::BAD_REQUEST,
                    "The connection broke before the package's end.",
                ));
            }
            Err(_) => {
                return Err(KuduError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "The package did not arrive in time.",
                ));
            }
        };
        size += chunk.len() as u64;
        if size > PACKAGE_LIMIT {
            return Err(KuduError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The package is larger than 1 GiB.",
            ));
        }
        hash.update(&chunk);
        file = write(file, chunk).await.map_err(|error| Error::file(&*path)(error))?;
    }
    let found = hex::encode(hash.finalize());
    if checksum.is_some_and(|wanted| !wanted.as_bytes().eq_ignore_ascii_case(found.as_bytes())) {
        let message = "The package is not the one that x-ms-artifact-checksum names: it was damaged on its way.";
        return Err(KuduError::new(StatusCode::BAD_REQUEST, message));
    }
    if size == 0 {
        return Err(KuduError::new(StatusCode::BAD_REQUEST, "The request has no package."));
    }
    Ok(path)
}

/// Appends to a file without blocking other requests.
async fn write(mut file: File, chunk: axum::body::Bytes) -> std::io::Result<File> {
    let written = tokio::task::spawn_blocking(move || file.write_all(&chunk).map(|()| file));
    written.await.map_err(std::io::Error::other)?
}

/// Reads the body of a refused request: many clients read the answer only after they have sent everything.
pub async fn discard(request: Request) {
    let _ = timeout(PAUSE_LIMIT, body::read(request.into_body(), 0)).await;
}
