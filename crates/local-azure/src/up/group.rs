//! The resource group and the App Service plan of what `local-azure app` creates.

use axum::http::Method;
use serde_json::json;

use super::control_plane::ControlPlane;
use crate::error::{Error, Result};
use crate::state::{Plan, ResourceId, State, View as _};
use crate::tutorial;

/// The name of both in a subscription without the tutorial's.
const OWN: &str = "local-azure";
/// The versions of the APIs.
const GROUPS: &str = "2024-11-01";
const WEB: &str = "2025-05-01";

/// The group of what these commands create, and its plan: the tutorial's, if they exist.
fn group_and_plan(state: &State) -> (ResourceId, ResourceId) {
    let (group, plan) = match state.get(&state.group_id(tutorial::GROUP)) {
        Some(_) => (tutorial::GROUP, tutorial::PLAN),
        None => (OWN, OWN),
    };
    (state.group_id(group), state.resource_id(group, Plan::KIND, plan))
}

/// The id of the plan, which is created if it does not exist, as its group is.
pub async fn provide_plan(state: &State, control_plane: &ControlPlane) -> Result<ResourceId> {
    let (group, plan) = group_and_plan(state);
    if state.get(&group).is_none() {
        let body = json!({"location": tutorial::LOCATION});
        control_plane
            .send(Method::PUT, group.as_str(), GROUPS, Some(&body))
            .await?;
    }
    if state.get(&plan).is_none() {
        let body = json!({"location": tutorial::LOCATION, "kind": "linux", "sku": {"name": "B1"}, "properties": {"reserved": true}});
        control_plane.send(Method::PUT, plan.as_str(), WEB, Some(&body)).await?;
    }
    Ok(plan)
}

/// The id of a resource in the group of what these commands create.
pub fn in_group(state: &State, kind: &str, name: &str) -> Result<ResourceId> {
    let (group, _) = group_and_plan(state);
    let id = group.try_child(&format!("providers/{kind}"), name);
    id.ok()
        .filter(|id| !id.as_str().contains(' '))
        .ok_or_else(|| Error::Refused(format!("{name:?} is not a valid name: use letters, digits and hyphens")))
}
