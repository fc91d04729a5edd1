//! The control plane, as the commands of `local-azure` use it: by the same requests as any other client.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::arm::{self, Running, Stored};
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::tokens::MANAGEMENT;
use crate::tutorial;

const PART: &str = "the control plane";

/// The control plane, for the developer at this machine.
pub struct ControlPlane {
    azure: Azure,
    router: Router,
}

impl ControlPlane {
    pub fn new(azure: &Azure, stored: Stored, running: Running) -> Self {
        Self {
            azure: azure.clone(),
            router: arm::router_for_commands(azure, stored, running),
        }
    }

    /// Sends a request for a resource, and returns the body of the answer.
    ///
    /// # Errors
    ///
    /// The control plane refuses the request. The message is its own.
    pub async fn send(&self, method: Method, path: &str, version: &str, body: Option<&Value>) -> Result<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let developer = self.azure.read(|state| state.find_principal(tutorial::ADMINISTRATOR));
        let developer =
            developer.ok_or_else(|| Error::Refused(format!("{} does not exist", tutorial::ADMINISTRATOR)))?;
        let token = self.azure.token(&developer, MANAGEMENT);
        let request = Request::builder()
            .method(method)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .uri(format!("{path}{separator}api-version={version}"))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .map_err(|error| Error::Refused(format!("{path:?} is not a valid id: {error}")))?;
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let is_success = answer.status().is_success();
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|error| Error::failed(PART, error))?.to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if is_success {
            return Ok(body);
        }
        let message = body["error"]["message"].as_str().unwrap_or("it refused the request");
        Err(Error::Refused(message.to_owned()))
    }
}
