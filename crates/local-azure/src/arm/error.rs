//! Errors of Azure Resource Manager.
//! <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Error;
use crate::state::ResourceId;

/// An error, with Azure's code and a message in Azure's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl ArmError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// The resource, or the resource group, does not exist.
    pub fn no_such_resource(id: &ResourceId) -> Self {
        let Some(group) = id.resource_group() else {
            return Self::not_found("ResourceNotFound", format!("The resource '{id}' could not be found."));
        };
        let name = format!("{}/{}", id.kind(), id.name());
        Self::not_found(
            "ResourceNotFound",
            format!(
                "The Resource '{name}' under resource group '{group}' was not found. For more details please go to \
                 https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    pub fn no_such_group(name: &str) -> Self {
        Self::not_found(
            "ResourceGroupNotFound",
            format!("Resource group '{name}' could not be found."),
        )
    }

    /// A defect of Local Azure.
    pub fn internal() -> Self {
        let message = "Local Azure failed to handle this request. See the terminal of `local-azure up`.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }

    /// The body, or a part of it, is not what the operation needs.
    pub fn invalid_content(message: impl Into<String>) -> Self {
        Self::bad_request("InvalidRequestContent", message)
    }
}

/// The state could not be saved.
impl From<Error> for ArmError {
    fn from(error: Error) -> Self {
        tracing::error!("the control plane cannot save the state: {error}");
        let message = "The state could not be saved. See the log of Local Azure.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }
}

impl IntoResponse for ArmError {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        (self.status, body).into_response()
    }
}
