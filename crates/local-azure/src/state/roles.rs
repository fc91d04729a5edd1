//! Roles and role assignments.
//! <https://learn.microsoft.com/azure/role-based-access-control/overview>

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::resource_id::ResourceId;

/// A role, which is built in or was defined by a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleDefinition {
    /// Its id.
    /// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
    pub id: Uuid,
    /// Its name, as `az role assignment create --role` accepts it.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What it permits.
    pub permissions: Vec<Permission>,
    /// Where it can be assigned. Built-in roles can be assigned everywhere.
    #[serde(default)]
    pub assignable_scopes: Vec<ResourceId>,
    /// Whether a user defined it.
    #[serde(default)]
    pub is_custom: bool,
    /// When it was created, as RFC 3339.
    #[serde(default)]
    pub created_on: String,
    /// When it was changed last, as RFC 3339.
    #[serde(default)]
    pub updated_on: String,
    /// The object id of the principal that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Uuid>,
}

/// Operations that a role permits: those that one pattern matches, except those that a `not` pattern matches. In a
/// pattern, `*` matches any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// Control plane operations.
    pub actions: Vec<String>,
    /// Exceptions to them.
    pub not_actions: Vec<String>,
    /// Data operations.
    pub data_actions: Vec<String>,
    /// Exceptions to them.
    pub not_data_actions: Vec<String>,
    /// A condition, which is not evaluated. What has one permits nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// An operation that requires permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A control plane operation, such as `Microsoft.Storage/storageAccounts/blobServices/containers/write`.
    Control(&'a str),
    /// A data operation, such as `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read`.
    Data(&'a str),
}

/// Assigns a role to a principal for everything in a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// The assignment's own id.
    pub name: Uuid,
    /// The id of a subscription, a resource group, a resource or a part of a resource.
    pub scope: ResourceId,
    /// The id of the role.
    pub role: Uuid,
    /// The object id of a user, a group or a service principal.
    pub principal_id: Uuid,
    /// Why it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A condition, which is not evaluated. An assignment that has one permits nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The version of the condition's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_version: Option<String>,
    /// When it was created, as RFC 3339.
    #[serde(default)]
    pub created_on: String,
    /// The object id of the principal that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Uuid>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl RoleAssignment {
    /// Assigns the role with that id.
    #[must_use]
    pub fn new(scope: ResourceId, role: Uuid, principal_id: Uuid) -> Self {
        Self {
            name: Uuid::new_v4(),
            scope,
            role,
            principal_id,
            description: None,
            condition: None,
            condition_version: None,
            created_on: crate::log_time::now(),
            created_by: None,
            other: Map::new(),
        }
    }
}

/// The built-in roles. The file has a line for each role (`=`), each pattern of `actions` (`+`), `notActions` (`-`),
/// `dataActions` (`@`) and `notDataActions` (`!`), and each condition (`?`). A dot starts another permission of the same
/// role.
const BUILT_IN: &str = include_str!("built_in_roles.txt");

static ROLES: LazyLock<Vec<RoleDefinition>> = LazyLock::new(|| {
    let mut roles: Vec<RoleDefinition> = Vec::new();
    for line in BUILT_IN.lines() {
        let (mark, rest) = line.split_at(1);
        let rest = rest.trim_start();
        if mark == "=" {
            let (name, id) = rest.split_once('\t').expect("the file has this form");
            roles.push(RoleDefinition {
                id: id.parse().expect("the file has this form"),
                name: name.to_owned(),
                description: String::new(),
                permissions: vec![Permission::default()],
                assignable_scopes: Vec::new(),
                is_custom: false,
                created_on: "2015-02-02T21:55:09.8806423Z".to_owned(),
                updated_on: "2025-01-25T00:00:00.0000000Z".to_owned(),
                created_by: None,
            });
            continue;
        }
        let role = roles.last_mut().expect("the first line names a role");
        if mark == "." {
            role.permissions.push(Permission::default());
        }
        let permission = role.permissions.last_mut().expect("every role has a permission");
        match mark {
            "+" => permission.actions.push(rest.to_owned()),
            "-" => permission.not_actions.push(rest.to_owned()),
            "@" => permission.data_actions.push(rest.to_owned()),
            "!" => permission.not_data_actions.push(rest.to_owned()),
            "?" => permission.condition = Some(rest.to_owned()),
            _ => {}
        }
    }
    roles
});

impl RoleDefinition {
    /// The built-in roles, in the order of their names.
    #[must_use]
    pub fn built_in() -> &'static [Self] {
        &ROLES
    }

    /// Finds a built-in role by its id or its name. The case of the name is ignored.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        let id = Uuid::parse_str(name).ok();
        let mut all = Self::built_in().iter();
        all.find(|role| role.name.eq_ignore_ascii_case(name) || Some(role.id) == id)
    }

    /// Whether it permits the operation.
    #[must_use]
    pub fn permits(&self, action: Action<'_>) -> bool {
        self.permissions.iter().any(|permission| permission.permits(action))
    }
}

impl Permission {
    /// Whether it permits the operation.
    #[must_use]
    pub fn permits(&self, action: Action<'_>) -> bool {
        let (patterns, exceptions, action) = match action {
            Action::Control(action) => (&self.actions, &self.not_actions, action),
            Action::Data(action) => (&self.data_actions, &self.not_data_actions, action),
        };
        let is_in = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        self.condition.is_none() && is_in(patterns) && !is_in(exceptions)
    }

    /// All its patterns of operations, the exceptions included.
    pub fn patterns(&self) -> impl Iterator<Item = &String> {
        let all = [
            &self.actions,
            &self.not_actions,
            &self.data_actions,
            &self.not_data_actions,
        ];
        all.into_iter().flatten()
    }
}

/// Whether the text matches the pattern, in which `*` matches any text. The case of operations is ignored.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read");
    const WRITE: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write");
    const TAGS: Action<'_> = Action::Data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags/read");

    #[test]
    fn a_role_permits_what_azures_role_permits() {
        for (role, permitted) in [
            ("Storage Blob Data Reader", [true, false, false]),
            ("storage blob data contributor", [true, true, false]),
            ("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", [true, true, true]),
            // The owner of a resource has no access to its data.
            ("Owner", [false; 3]),
            ("Contributor", [false; 3]),
            ("Storage Blob Delegator", [false; 3]),
        ] {
            let role = RoleDefinition::find(role).unwrap();
            let found = [READ, WRITE, TAGS].map(|action| role.permits(action));
            assert_eq!(found, permitted, "{}", role.name);
        }
        assert_eq!(RoleDefinition::find("Storage Blob Data"), None);
    }

    #[test]
    fn exceptions_and_conditions_take_permissions_away() {
        let may = |role: &str, action: &str| RoleDefinition::find(role).unwrap().permits(Action::Control(action));
        let assign = "Microsoft.Authorization/roleAssignments/write";
        let write = "Microsoft.Web/sites/write";
        for (role, assigns, writes) in [
            ("Owner", true, true),
            ("Contributor", false, true),
            ("Reader", false, false),
            ("User Access Administrator", true, false),
            ("Role Based Access Control Administrator", true, false),
            // Its permission to assign roles has a condition.
            ("Key Vault Data Access Administrator", false, false),
        ] {
            assert_eq!((may(role, assign), may(role, write)), (assigns, writes), "{role}");
        }
        assert!(may("Reader", "Microsoft.Web/sites/read"));
    }

    #[test]
    fn every_built_in_role_is_there() {
        let roles = RoleDefinition::built_in();
        assert_eq!(roles.len(), 928);
        let ids: std::collections::HashSet<_> = roles.iter().map(|role| role.id).collect();
        assert_eq!(ids.len(), roles.len());
    }

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, text, expected) in [
            ("*", "a/b", true),
            ("*/read", "A/B/Read", true),
            ("*/read", "read", false),
            ("a/*/b/*", "a/x/y/b/c", true),
            ("a/*/b/*", "a/b/c", false),
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a*a", "a", false),
            ("a/*", "a/", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
