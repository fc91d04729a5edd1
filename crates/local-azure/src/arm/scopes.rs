//! Where resources are.

use super::error::ArmError;
use crate::state::{RESOURCE_GROUPS, ResourceId, State};

const BLOB_SERVICES: &str = "Microsoft.Storage/storageAccounts/blobServices";

/// What contains a resource: another resource, a resource group or a subscription.
#[must_use]
pub fn parent(id: &ResourceId) -> ResourceId {
    let mut parts: Vec<&str> = id.as_str().split('/').collect();
    parts.truncate(parts.len().saturating_sub(2));
    // The namespace belongs to the resource.
    if let [.., providers, _] = parts.as_slice()
        && providers.eq_ignore_ascii_case("providers")
    {
        parts.truncate(parts.len() - 2);
    }
    let text = parts.join("/");
    let text = if text.is_empty() { "/" } else { &text };
    text.parse().unwrap_or_else(|_| id.clone())
}

/// Checks that a resource can be in this scope.
///
/// # Errors
///
/// The scope does not exist.
pub fn check_exists(state: &State, scope: &ResourceId) -> Result<(), ArmError> {
    if scope.is_root() || scope.is("Microsoft.Resources/subscriptions") {
        return Ok(());
    }
    if let Some(group) = scope.group()
        && state.get(&group).is_none()
    {
        return Err(ArmError::no_such_group(group.name()));
    }
    if scope.is(RESOURCE_GROUPS) || state.get(scope).is_some() {
        return Ok(());
    }
    // The services of a storage account exist as long as the account.
    if scope.is(BLOB_SERVICES) && scope.name() == "default" {
        return check_exists(state, &parent(scope));
    }
    Err(ArmError::not_found(
        "ParentResourceNotFound",
        format!("Failed to perform operation on nested resource. The parent resource '{scope}' could not be found."),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_in_its_parent() {
        for (id, expected) in [
            (
                "/subscriptions/s/resourceGroups/g/providers/A.B/c/d",
                "/subscriptions/s/resourceGroups/g",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/A.B/c/d/e/f",
                "/subscriptions/s/resourceGroups/g/providers/A.B/c/d",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/A.B/c/d/providers/E.F/g/h",
                "/subscriptions/s/resourceGroups/g/providers/A.B/c/d",
            ),
            ("/subscriptions/s/providers/A.B/c/d", "/subscriptions/s"),
            ("/subscriptions/s/resourceGroups/g", "/subscriptions/s"),
            ("/providers/A.B/c/d", "/"),
        ] {
            assert_eq!(parent(&id.parse().unwrap()).as_str(), expected, "{id}");
        }
    }
}
