//! Who calls, and what the caller may do.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::call::Call;
use super::error::ArmError;
use crate::azure::Azure;
use crate::state::{Action, Principal, ResourceId, State};
use crate::tokens::{MANAGEMENT, MANAGEMENT_CORE, TokenRejection};

/// The principal whose token the request carries.
///
/// # Errors
///
/// There is no valid token for the control plane, or its principal was deleted.
pub fn authenticate(azure: &Azure, headers: &HeaderMap) -> Result<Principal, ArmError> {
    let unauthorized = |code, message: &str| {
        let status = axum::http::StatusCode::UNAUTHORIZED;
        ArmError::new(status, code, message)
    };
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(value) = value else {
        return Err(unauthorized(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        ));
    };
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| token.trim());
    let Some(token) = token else {
        return Err(unauthorized(
            "AuthenticationFailedInvalidHeader",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        ));
    };
    let claims = azure.verify(token, &[MANAGEMENT, MANAGEMENT_CORE]).map_err(|why| match why {
        TokenRejection::Expired => unauthorized("ExpiredAuthenticationToken", "The access token expiry is over."),
        TokenRejection::Audience => unauthorized(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource. It should exactly match with one of the \
             allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
             'https://management.azure.com/','https://management.azure.com'.",
        ),
        TokenRejection::Tenant => unauthorized(
            "InvalidAuthenticationTokenTenant",
            "The access token is from the wrong issuer. It must match the tenant associated with this subscription.",
        ),
        other => unauthorized("InvalidAuthenticationToken", &format!("The access token is invalid: {other}.")),
    })?;
    azure.read(|state| state.principal(claims.oid)).ok_or_else(|| {
        unauthorized(
            "InvalidAuthenticationToken",
            "The access token is invalid: its principal does not exist any more.",
        )
    })
}

impl Call {
    /// Whether the caller may carry out the operation, such as `Microsoft.Web/sites/read`.
    pub fn may(&self, state: &State, action: &str, scope: &ResourceId) -> bool {
        state.permits(self.caller.id, Action::Control(action), scope)
    }

    /// # Errors
    ///
    /// The caller may not carry out the operation.
    pub fn check(&self, state: &State, action: &str, scope: &ResourceId) -> Result<(), ArmError> {
        if self.may(state, action, scope) {
            return Ok(());
        }
        Err(self.refusal(action, scope))
    }

    pub fn refusal(&self, action: &str, scope: &ResourceId) -> ArmError {
        let (name, id) = (&self.caller.display_name, self.caller.id);
        let client = self.caller.client_id.map_or_else(|| name.clone(), |id| id.to_string());
        ArmError::forbidden(
            "AuthorizationFailed",
            format!(
                "The client '{client}' with object id '{id}' does not have authorization to perform action '{action}' \
                 over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your \
                 credentials."
            ),
        )
    }
}
