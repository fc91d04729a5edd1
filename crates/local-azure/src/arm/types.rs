//! The resource types of the control plane, and the versions of their API.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::Value;

use super::error::ArmError;
use crate::state::{Resource, ResourceId, State};

/// What is special about a resource type.
pub struct Type {
    pub kind: &'static str,
    /// Completes and checks a resource that a client creates or changes. Its location, tags and properties are already
    /// those of the request.
    pub put: fn(&State, &mut Resource) -> Result<(), ArmError>,
    /// Adds what is shown, but not stored.
    pub show: fn(&State, &mut Value),
    /// The status of an answer to a creation.
    pub created: StatusCode,
}

/// A provider of resources.
pub struct Provider {
    pub namespace: &'static str,
    /// The versions of its API, oldest first.
    pub versions: &'static [&'static str],
    /// The resource types, without the namespace.
    pub types: &'static [&'static str],
    /// Operations that are not resources.
    pub operations: &'static [&'static str],
}

impl Provider {
    /// Whether it has a resource type of that name, which is not below another one.
    fn has_type(&self, name: &str) -> bool {
        let mut all = self.types.iter().filter_map(|kind| kind.split('/').next());
        all.any(|first| first.eq_ignore_ascii_case(name))
    }
}

/// The providers that are emulated.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.Authorization",
        versions: &[
            "2015-01-01",
            "2015-07-01",
            "2016-09-01",
            "2017-04-01",
            "2018-01-01-preview",
            "2018-07-01-preview",
            "2018-09-01-preview",
            "2020-04-01-preview",
            "2020-05-01",
            "2020-08-01-preview",
            "2020-10-01-preview",
            "2022-04-01",
            "2022-05-01-preview",
        ],
        types: &["locks", "permissions", "roleAssignments", "roleDefinitions"],
        operations: &["denyAssignments"],
    },
    Provider {
        namespace: "Microsoft.DBforPostgreSQL",
        versions: &[
            "2022-12-01",
            "2023-03-01-preview",
            "2023-06-01-preview",
            "2023-12-01-preview",
            "2024-03-01-preview",
            "2024-08-01",
            "2024-11-01-preview",
            "2025-01-01-preview",
            "2025-06-01-preview",
            "2025-08-01",
            "2026-01-01-preview",
            "2026-04-01-preview",
            "2026-07-01-preview",
            "2026-10-01",
        ],
        types: &[
            "flexibleServers",
            "flexibleServers/administrators",
            "flexibleServers/configurations",
            "flexibleServers/databases",
            "flexibleServers/firewallRules",
        ],
        operations: &["checkNameAvailability", "locations"],
    },
    Provider {
        namespace: "Microsoft.ManagedIdentity",
        versions: &[
            "2015-08-31-preview",
            "2018-11-30",
            "2021-09-30-preview",
            "2022-01-31-preview",
            "2023-01-31",
            "2023-07-31-preview",
            "2024-11-30",
            "2025-01-31-preview",
            "2025-05-31-preview",
        ],
        types: &[
            "identities",
            "userAssignedIdentities",
            "userAssignedIdentities/federatedIdentityCredentials",
        ],
        operations: &[],
    },
    Provider {
        namespace: "Microsoft.Resources",
        versions: &[
            "2014-04-01-preview",
            "2015-01-01",
            "2015-11-01",
            "2016-02-01",
            "2016-06-01",
            "2016-09-01",
            "2017-05-10",
            "2018-02-01",
            "2018-05-01",
            "2019-05-01",
            "2019-06-01",
            "2019-07-01",
            "2019-08-01",
            "2019-10-01",
            "2019-11-01",
            "2020-01-01",
            "2020-06-01",
            "2020-08-01",
            "2020-10-01",
            "2021-01-01",
            "2021-04-01",
            "2022-01-01",
            "2022-09-01",
            "2022-12-01",
            "2023-07-01",
            "2024-03-01",
            "2024-07-01",
            "2024-11-01",
            "2025-03-01",
            "2025-04-01",
        ],
        types: &["resourceGroups", "subscriptions", "tags", "tenants"],
        operations: &["checkResourceName"],
    },
    Provider {
        namespace: "Microsoft.Storage",
        versions: &[
            "2019-04-01",
            "2019-06-01",
            "2021-01-01",
            "2021-02-01",
            "2021-04-01",
            "2021-06-01",
            "2021-08-01",
            "2021-09-01",
            "2022-05-01",
            "2022-09-01",
            "2023-01-01",
            "2023-04-01",
            "2023-05-01",
            "2024-01-01",
            "2025-01-01",
            "2025-06-01",
            "2025-08-01",
            "2026-04-01",
            "2026-06-01",
            "2026-09-01",
        ],
        types: &[
            "storageAccounts",
            "storageAccounts/blobServices",
            "storageAccounts/blobServices/containers",
        ],
        operations: &["checkNameAvailability"],
    },
    Provider {
        namespace: "Microsoft.Web",
        versions: &[
            "2018-02-01",
            "2019-08-01",
            "2020-06-01",
            "2020-09-01",
            "2020-10-01",
            "2020-12-01",
            "2021-01-01",
            "2021-01-15",
            "2021-02-01",
            "2021-03-01",
            "2022-03-01",
            "2022-09-01",
            "2023-01-01",
            "2023-12-01",
            "2024-04-01",
            "2024-11-01",
            "2025-03-01",
            "2025-05-01",
        ],
        types: &[
            "serverfarms",
            "sites",
            "sites/basicPublishingCredentialsPolicies",
            "sites/config",
            "sites/hostNameBindings",
            "sites/instances",
            "sites/sourcecontrols",
        ],
        operations: &["checkNameAvailability", "geoRegions", "locations", "webAppStacks"],
    },
    Provider {
        namespace: "Microsoft.Compute",
        versions: &[
            "2023-09-01",
            "2024-03-01",
            "2024-07-01",
            "2024-11-01",
            "2025-04-01",
            "2025-11-01",
            "2026-03-01",
            "2026-04-01",
        ],
        types: &["virtualMachines"],
        operations: &[],
    },
];

/// The provider with that namespace. The case of the namespace is ignored.
pub fn provider(namespace: &str) -> Option<&'static Provider> {
    let mut all = PROVIDERS.iter();
    all.find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
}

/// The providers whose resources are only stored.
#[derive(Clone, Debug, Default)]
pub struct Stored(BTreeSet<String>);

impl Stored {
    /// The providers with these namespaces; `all` means every one.
    #[must_use]
    pub fn new(namespaces: &[String]) -> Self {
        Self(namespaces.iter().map(|name| name.trim().to_ascii_lowercase()).collect())
    }

    /// The namespaces.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let all = self.0.iter().filter(|name| *name != "all");
        all.cloned()
    }

    /// Whether resources of that provider are stored.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        self.0.contains("all") || self.0.contains(&namespace.to_ascii_lowercase())
    }
}

/// The error for a provider that is neither emulated nor stored.
pub fn not_emulated(namespace: &str) -> ArmError {
    let known: Vec<_> = PROVIDERS.iter().map(|provider| provider.namespace).collect();
    // Azure's code for a provider that is not registered would make every client register it and wait.
    ArmError::not_found(
        "InvalidResourceNamespace",
        format!(
            "The resource namespace '{namespace}' is invalid: Local Azure does not emulate this provider. It emulates {}. \
             `local-azure up --store {namespace}` keeps its resources as data, without any effect.",
            known.join(", ")
        ),
    )
}

/// # Errors
///
/// The provider is neither emulated nor stored, it has no such type, or the version is missing or not known.
pub fn check(namespace: &str, kind: Option<&str>, version: Option<&str>, stored: &Stored) -> Result<(), ArmError> {
    let version = required(version)?;
    let Some(provider) = provider(namespace) else {
        if !stored.contains(namespace) {
            return Err(not_emulated(namespace));
        }
        return check_date(version);
    };
    let is_known =
        |kind: &&str| provider.has_type(kind) || provider.operations.iter().any(|one| one.eq_ignore_ascii_case(kind));
    if let Some(kind) = kind.filter(|kind| !is_known(kind)) {
        if stored.contains(namespace) {
            return check_date(version);
        }
        return Err(ArmError::not_found(
            "InvalidResourceType",
            format!(
                "The resource type '{kind}' could not be found in the namespace '{}' for api version '{version}': Local Azure \
                 does not emulate it. It emulates these types of the provider: {}.",
                provider.namespace,
                provider.types.join(", ")
            ),
        ));
    }
    if provider
        .versions
        .iter()
        .any(|known| known.eq_ignore_ascii_case(version))
    {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidApiVersionParameter",
        format!(
            "The api-version '{version}' is invalid. The supported versions are '{}'.",
            provider.versions.join(",")
        ),
    ))
}

fn required(version: Option<&str>) -> Result<&str, ArmError> {
    version.filter(|version| !version.is_empty()).ok_or_else(|| {
        ArmError::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    })
}

/// # Errors
///
/// The version is missing, or is not a date. Operations have the versions of all providers.
pub fn check_operation(version: Option<&str>) -> Result<(), ArmError> {
    check_date(required(version)?)
}

/// # Errors
///
/// The version is not a date.
fn check_date(version: &str) -> Result<(), ArmError> {
    if is_version(version) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "InvalidApiVersionParameter",
        format!("The api-version '{version}' is invalid: it is a date, such as 2024-01-01."),
    ))
}

fn is_version(text: &str) -> bool {
    let date = text.get(..10).unwrap_or_default();
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let rest = text.get(10..).unwrap_or_default();
    date.len() == 10 && is_date && (rest.is_empty() || rest.starts_with('-'))
}

/// Whether resources of that type are kept without any effect.
#[must_use]
pub fn is_only_stored(id: &ResourceId) -> bool {
    let kind = id.kind();
    let first = kind.split('/').nth(1).unwrap_or_default();
    !provider(namespace(id)).is_some_and(|provider| provider.has_type(first))
}

/// The provider's namespace in an id.
pub fn namespace(id: &ResourceId) -> &str {
    id.kind().split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_must_be_known() {
        let stored = Stored::new(&["Microsoft.Network".to_owned()]);
        let code = |namespace: &str, version: Option<&str>| {
            let checked = check(namespace, None, version, &stored);
            checked.err().map(|error| error.code)
        };
        assert_eq!(code("microsoft.managedidentity", Some("2024-11-30")), None);
        assert_eq!(code("Microsoft.Network", Some("2024-05-01")), None);
        for (namespace, version, expected) in [
            ("Microsoft.ManagedIdentity", None, "MissingApiVersionParameter"),
            ("Microsoft.ManagedIdentity", Some(""), "MissingApiVersionParameter"),
            (
                "Microsoft.ManagedIdentity",
                Some("2001-01-01"),
                "InvalidApiVersionParameter",
            ),
            ("Microsoft.Network", Some("latest"), "InvalidApiVersionParameter"),
            ("Microsoft.Insights", Some("2024-01-01"), "InvalidResourceNamespace"),
        ] {
            assert_eq!(code(namespace, version), Some(expected), "{namespace} {version:?}");
        }
        assert!(Stored::new(&["all".to_owned()]).contains("Microsoft.Anything"));
    }

    #[test]
    fn versions_are_in_order() {
        for provider in PROVIDERS {
            assert!(provider.versions.is_sorted(), "{}", provider.namespace);
        }
    }
}
