//! Who calls, and what the caller may do.

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::call::Call;
use super::error::ArmError;
use super::service::{Arm, Reader};
use crate::azure::Azure;
use crate::bearer::{self, Unauthenticated};
use crate::host::without_port;
use crate::state::{Action, Principal, ResourceId, State};
use crate::tokens::{MANAGEMENT, MANAGEMENT_CORE, TokenRejection};

/// Who sent the request.
///
/// # Errors
///
/// The request has no valid token, and needs one.
pub fn caller(arm: &Arm, request: &Parts) -> Result<Principal, ArmError> {
    let error = match authenticate(&arm.azure, &request.headers) {
        Ok(caller) => return Ok(caller),
        Err(error) => error,
    };
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    // A page in a browser must not be able to use this: it sends its origin, or another host.
    let is_permitted = |reader: &&Reader| {
        let is_reading = [Method::GET, Method::HEAD].contains(&request.method);
        let has_host = header(HOST).is_some_and(|host| without_port(host).eq_ignore_ascii_case(&reader.host));
        is_reading && has_host && header(AUTHORIZATION).is_none() && header(ORIGIN).is_none()
    };
    let reader = arm.clients.reader().filter(is_permitted).ok_or_else(|| error.clone())?;
    let found = arm.azure.read(|state| {
        let found = state.find_principal(&reader.name);
        found.filter(|found| state.is_enabled(found.id))
    });
    found.ok_or(error)
}

/// The principal whose token the request carries.
///
/// # Errors
///
/// There is no valid token for the control plane, or its principal was deleted.
fn authenticate(azure: &Azure, headers: &HeaderMap) -> Result<Principal, ArmError> {
    let unauthorized = |code, message: &str| {
        let status = axum::http::StatusCode::UNAUTHORIZED;
        ArmError::new(status, code, message)
    };
    bearer::principal(azure, headers, &[MANAGEMENT, MANAGEMENT_CORE]).map_err(|why| match why {
        Unauthenticated::Missing => unauthorized(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        ),
        Unauthenticated::Scheme => unauthorized(
            "AuthenticationFailedInvalidHeader",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        ),
        Unauthenticated::Token(TokenRejection::Expired) => {
            unauthorized("ExpiredAuthenticationToken", "The access token expiry is over.")
        }
        Unauthenticated::Token(TokenRejection::Audience) => unauthorized(
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource. It should exactly match with one of the \
             allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
             'https://management.azure.com/','https://management.azure.com'.",
        ),
        Unauthenticated::Token(TokenRejection::Tenant) => unauthorized(
            "InvalidAuthenticationTokenTenant",
            "The access token is from the wrong issuer. It must match the tenant associated with this subscription.",
        ),
        Unauthenticated::Token(other) => {
            unauthorized("InvalidAuthenticationToken", &format!("The access token is invalid: {other}."))
        }
        Unauthenticated::Principal => unauthorized(
            "InvalidAuthenticationToken",
            "The access token is invalid: its principal was deleted or disabled.",
        ),
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

    /// The error for a caller who may change a resource, but not use another one for it.
    pub fn linked_refusal(&self, resource: &ResourceId, action: &str, linked: &ResourceId) -> ArmError {
        let (client, id) = (self.client(), self.caller.id);
        let write = format!("{}/write", resource.kind());
        ArmError::forbidden(
            "LinkedAuthorizationFailed",
            format!(
                "The client '{client}' with object id '{id}' has permission to perform action '{write}' on scope \
                 '{resource}'; however, it does not have permission to perform action(s) '{action}' on the linked \
                 scope(s) '{linked}' (respectively) or the linked scope(s) are invalid."
            ),
        )
    }

    /// # Errors
    ///
    /// The caller has no role anywhere in the subscription. Whoever has one may see what the subscription offers.
    pub fn check_member(&self, state: &State, action: &str) -> Result<(), ArmError> {
        let mut holders = state.groups_of(self.caller.id);
        holders.push(self.caller.id);
        let mut assignments = state.role_assignments.iter();
        if assignments.any(|assignment| holders.contains(&assignment.principal_id)) {
            return Ok(());
        }
        Err(self.refusal(action, &ResourceId::subscription(state.subscription)))
    }

    fn client(&self) -> String {
        let name = || self.caller.display_name.clone();
        self.caller.client_id.map_or_else(name, |id| id.to_string())
    }

    pub fn refusal(&self, action: &str, scope: &ResourceId) -> ArmError {
        let (client, id) = (self.client(), self.caller.id);
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
