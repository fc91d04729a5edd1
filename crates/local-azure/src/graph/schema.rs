//! The properties that the objects of a list can have.

use super::kinds::{
    APP_ROLE_ASSIGNMENT, APPLICATION, FEDERATED_CREDENTIAL, GROUP, PERMISSION_GRANT, SERVICE_PRINCIPAL, USER,
};
use super::properties::Kind;

fn kinds(list: &str) -> &'static [Kind] {
    const USERS: &[Kind] = &[USER];
    const GROUPS: &[Kind] = &[GROUP];
    const APPLICATIONS: &[Kind] = &[APPLICATION];
    const SERVICE_PRINCIPALS: &[Kind] = &[SERVICE_PRINCIPAL];
    const FEDERATED_CREDENTIALS: &[Kind] = &[FEDERATED_CREDENTIAL];
    const PERMISSION_GRANTS: &[Kind] = &[PERMISSION_GRANT];
    const APP_ROLE_ASSIGNMENTS: &[Kind] = &[APP_ROLE_ASSIGNMENT];
    const ALL: &[Kind] = &[USER, GROUP, APPLICATION, SERVICE_PRINCIPAL];
    match list {
        "users" => USERS,
        "groups" => GROUPS,
        "applications" => APPLICATIONS,
        "servicePrincipals" => SERVICE_PRINCIPALS,
        "directoryObjects" => ALL,
        "federatedIdentityCredentials" => FEDERATED_CREDENTIALS,
        "oauth2PermissionGrants" => PERMISSION_GRANTS,
        "appRoleAssignments" => APP_ROLE_ASSIGNMENTS,
        _ => &[],
    }
}

/// Whether the list has objects of the directory, for which some queries are restricted.
pub fn is_directory(list: &str) -> bool {
    [
        "users",
        "groups",
        "applications",
        "servicePrincipals",
        "directoryObjects",
    ]
    .contains(&list)
}

/// Whether the objects of the list can have that property. Lists without a schema accept every property.
pub fn has(list: &str, name: &str) -> bool {
    let kinds = kinds(list);
    kinds.is_empty() || kinds.iter().any(|kind| kind.has(name))
}

/// The message for a property that they cannot have.
pub fn missing(list: &str, name: &str) -> String {
    let kind = match kinds(list) {
        [one] => one.resource,
        _ => "DirectoryObject",
    };
    let (first, rest) = kind.split_at(1);
    let kind = format!("microsoft.graph.{}{rest}", first.to_lowercase());
    format!("Could not find a property named '{name}' on type '{kind}'.")
}
