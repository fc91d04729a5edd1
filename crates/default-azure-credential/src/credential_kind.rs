//! The kinds of credentials, their order in the chain, and the selection by `AZURE_TOKEN_CREDENTIALS`.

use azure_core::error::{Error, ErrorKind};

use crate::options::EnvLookup;

pub(crate) const TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";

/// One of the official credentials that the chain can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
    AzureDeveloperCli,
}

// The same order as in the other Azure SDKs: first a deployment's credentials, then a developer's.
const PRODUCTION: [CredentialKind; 3] = [
    CredentialKind::Environment,
    CredentialKind::WorkloadIdentity,
    CredentialKind::ManagedIdentity,
];
const DEVELOPMENT: [CredentialKind; 2] = [CredentialKind::AzureCli, CredentialKind::AzureDeveloperCli];

impl CredentialKind {
    /// Its name in the other Azure SDKs, which is also its name in `AZURE_TOKEN_CREDENTIALS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    /// Whether this is a developer's login on their own machine.
    pub fn is_developer_tool(self) -> bool {
        DEVELOPMENT.contains(&self)
    }

    /// The kinds that `AZURE_TOKEN_CREDENTIALS` selects, in order. All kinds if it is not set.
    pub fn selected(lookup: &EnvLookup) -> azure_core::Result<Vec<Self>> {
        let all = || PRODUCTION.into_iter().chain(DEVELOPMENT);
        let Some(value) = lookup(TOKEN_CREDENTIALS) else {
            return Ok(all().collect());
        };
        let value = value.trim();
        if value.is_empty() {
            return Ok(all().collect());
        }
        if value.eq_ignore_ascii_case("prod") {
            return Ok(PRODUCTION.to_vec());
        }
        if value.eq_ignore_ascii_case("dev") {
            return Ok(DEVELOPMENT.to_vec());
        }
        if let Some(kind) = all().find(|kind| value.eq_ignore_ascii_case(kind.name())) {
            return Ok(vec![kind]);
        }
        // A misspelled name must not add a credential that was meant to be excluded.
        let names = all().map(Self::name).collect::<Vec<_>>().join(", ");
        Err(Error::with_message(
            ErrorKind::Credential,
            format!("{TOKEN_CREDENTIALS} is {value:?}, but must be prod, dev or one of {names}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn selected(value: Option<&'static str>) -> Vec<&'static str> {
        let lookup: EnvLookup = Arc::new(move |name| value.filter(|_| name == TOKEN_CREDENTIALS).map(str::to_owned));
        CredentialKind::selected(&lookup)
            .unwrap()
            .into_iter()
            .map(CredentialKind::name)
            .collect()
    }

    #[test]
    fn the_default_is_all_kinds_in_the_documented_order() {
        let all = [
            "EnvironmentCredential",
            "WorkloadIdentityCredential",
            "ManagedIdentityCredential",
            "AzureCliCredential",
            "AzureDeveloperCliCredential",
        ];
        assert_eq!(selected(None), all);
        assert_eq!(selected(Some(" ")), all);
    }

    #[test]
    fn prod_and_dev_each_select_one_group() {
        assert_eq!(selected(Some("prod"))[2..], ["ManagedIdentityCredential"]);
        assert_eq!(selected(Some("Prod")).len(), 3);
        assert_eq!(
            selected(Some("dev\n")),
            ["AzureCliCredential", "AzureDeveloperCliCredential"]
        );
    }

    #[test]
    fn a_name_selects_one_kind() {
        for name in selected(None) {
            assert_eq!(selected(Some(name)), [name]);
        }
        assert_eq!(selected(Some("azureclicredential")), ["AzureCliCredential"]);
    }

    #[test]
    fn an_unknown_value_is_an_error_that_lists_the_valid_ones() {
        let lookup: EnvLookup = Arc::new(|_| Some("AzurePowerShellCredential".to_owned()));
        let error = CredentialKind::selected(&lookup).unwrap_err().to_string();
        assert!(error.starts_with(
            "AZURE_TOKEN_CREDENTIALS is \"AzurePowerShellCredential\", but must be prod, dev or one of Env"
        ));
        assert!(error.ends_with("AzureDeveloperCliCredential"));
    }
}
