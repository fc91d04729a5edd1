//! Who may read and change the directory.
//! <https://learn.microsoft.com/entra/fundamentals/users-default-permissions>

use axum::http::Method;
use uuid::Uuid;

use super::call::Call;
use super::error::GraphError;
use crate::state::{Action, PrincipalKind, ResourceId, State};

/// Actions that are sent by POST but change nothing.
const QUESTIONS: [&str; 5] = [
    "checkmembergroups",
    "checkmemberobjects",
    "getbyids",
    "getmembergroups",
    "getmemberobjects",
];

impl Call {
    /// Whether the caller administers the directory. In Local Azure, it does if it may assign roles in the subscription.
    pub fn is_administrator(&self, state: &State) -> bool {
        let action = Action::Control("Microsoft.Authorization/roleAssignments/write");
        let subscription = ResourceId::subscription(state.subscription);
        state.permits(self.caller.id, action, &subscription)
    }

    /// # Errors
    ///
    /// The caller may not read the directory. Users may, and service principals that administer it; in Azure, other
    /// permissions decide about service principals.
    pub fn needs_reader(&self, state: &State) -> Result<(), GraphError> {
        let may_read = self.caller.kind == PrincipalKind::User || self.is_administrator(state);
        may_read.then_some(()).ok_or_else(GraphError::denied)
    }

    /// # Errors
    ///
    /// The request is a change, and the caller does not administer the directory.
    pub fn needs_administrator(&self, state: &State, path: &[&str]) -> Result<(), GraphError> {
        self.needs_owner(state, path, &[])
    }

    /// # Errors
    ///
    /// The request is a change of what is below an object, and the caller neither owns the object nor administers the
    /// directory.
    pub fn needs_owner(&self, state: &State, path: &[&str], owners: &[Uuid]) -> Result<(), GraphError> {
        let is_question = self.method == Method::POST && matches!(path, [action] if QUESTIONS.contains(action));
        let may = self.method == Method::GET
            || is_question
            || owners.contains(&self.caller.id)
            || self.is_administrator(state);
        may.then_some(()).ok_or_else(GraphError::denied)
    }
}
