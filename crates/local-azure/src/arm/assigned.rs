//! The managed identities that a body assigns to a resource.
//! <https://learn.microsoft.com/rest/api/resources/resources/create-or-update#identity>

use serde_json::{Map, Value};

use super::call::{self, Call, invalid_id};
use super::error::ArmError;
use crate::state::{AssignedIdentities, ManagedIdentity, Resource, ResourceId, State, SystemAssigned};

/// The identities that the property `identity` assigns. A system-assigned identity that exists is kept.
pub fn read(
    call: &Call,
    state: &State,
    resource: &Resource,
    identity: Option<&Map<String, Value>>,
) -> Result<AssignedIdentities, ArmError> {
    let existing = &resource.identity;
    let mut assigned = AssignedIdentities::default();
    let Some(identity) = identity else {
        return Ok(assigned);
    };
    let kind = call::required(identity, "type")?.to_ascii_lowercase();
    let words: Vec<_> = kind.split(',').map(str::trim).collect();
    let is_known = match words.as_slice() {
        [one] => ["none", "systemassigned", "userassigned"].contains(one),
        [one, two] => {
            (*one, *two) == ("systemassigned", "userassigned") || (*two, *one) == ("systemassigned", "userassigned")
        }
        _ => false,
    };
    if !is_known {
        return Err(ArmError::bad_request(
            "InvalidIdentityType",
            format!("The identity type '{kind}' is not valid. Use SystemAssigned, UserAssigned, both, or None."),
        ));
    }
    if words.contains(&"systemassigned") {
        assigned.system = Some(existing.system.unwrap_or_else(SystemAssigned::create));
    }
    let named = call::optional_object(identity, "userAssignedIdentities")?;
    if !words.contains(&"userassigned") {
        return Ok(assigned);
    }
    let mut all = existing.user.clone();
    for (id, value) in named.into_iter().flatten() {
        let id: ResourceId = id.parse().map_err(invalid_id)?;
        all.retain(|other| *other != id);
        if value.is_null() {
            continue;
        }
        if state.at::<ManagedIdentity>(&id).is_none() {
            return Err(ArmError::bad_request(
                "FailedIdentityOperation",
                format!("Identity operation failed: the user-assigned identity '{id}' could not be found."),
            ));
        }
        let action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
        if !existing.user.contains(&id) && !call.may(state, action, &id) {
            return Err(call.linked_refusal(&resource.id, action, &id));
        }
        all.push(id);
    }
    if all.is_empty() {
        return Err(ArmError::bad_request(
            "InvalidIdentityValues",
            "The identity type is UserAssigned, but userAssignedIdentities names no identity.",
        ));
    }
    assigned.user = all;
    Ok(assigned)
}
