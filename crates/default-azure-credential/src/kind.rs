//! The credentials of the chain, their order, and `AZURE_TOKEN_CREDENTIALS`, which narrows it.

use azure_core::error::{Error, ErrorKind};

use crate::options::EnvLookup;

pub(crate) const TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";

/// A credential of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
    AzureDeveloperCli,
}

/// The order of the other Azure SDKs: what a deployment is given, then what a developer has.
const PRODUCTION: [Kind; 3] = [Kind::Environment, Kind::WorkloadIdentity, Kind::ManagedIdentity];
const DEVELOPMENT: [Kind; 2] = [Kind::AzureCli, Kind::AzureDeveloperCli];

impl Kind {
    /// The name that the other Azure SDKs give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    /// True for the login of a person at a machine.
    pub fn is_developer_tool(self) -> bool {
        DEVELOPMENT.contains(&self)
    }

    /// The chain that `AZURE_TOKEN_CREDENTIALS` asks for; all of them when it is not set.
    pub fn chain(lookup: &EnvLookup) -> azure_core::Result<Vec<Self>> {
        let all = || PRODUCTION.into_iter().chain(DEVELOPMENT);
        let Some(wanted) = lookup(TOKEN_CREDENTIALS) else {
            return Ok(all().collect());
        };
        let wanted = wanted.trim();
        if wanted.is_empty() {
            return Ok(all().collect());
        }
        if wanted.eq_ignore_ascii_case("prod") {
            return Ok(PRODUCTION.to_vec());
        }
        if wanted.eq_ignore_ascii_case("dev") {
            return Ok(DEVELOPMENT.to_vec());
        }
        if let Some(kind) = all().find(|kind| wanted.eq_ignore_ascii_case(kind.name())) {
            return Ok(vec![kind]);
        }
        // A wrong name must not widen the chain to a credential that somebody meant to exclude.
        let names = all().map(Self::name).collect::<Vec<_>>().join(", ");
        Err(Error::with_message(
            ErrorKind::Credential,
            format!("{TOKEN_CREDENTIALS} is {wanted:?}, but it wants prod, dev or one of {names}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn chain(value: Option<&'static str>) -> Vec<&'static str> {
        let lookup: EnvLookup = Arc::new(move |name| value.filter(|_| name == TOKEN_CREDENTIALS).map(str::to_owned));
        Kind::chain(&lookup).unwrap().into_iter().map(Kind::name).collect()
    }

    #[test]
    fn all_in_the_documented_order_when_nothing_is_said() {
        let all = [
            "EnvironmentCredential",
            "WorkloadIdentityCredential",
            "ManagedIdentityCredential",
            "AzureCliCredential",
            "AzureDeveloperCliCredential",
        ];
        assert_eq!(chain(None), all);
        assert_eq!(chain(Some(" ")), all);
    }

    #[test]
    fn prod_and_dev_are_the_two_halves() {
        assert_eq!(chain(Some("prod"))[2..], ["ManagedIdentityCredential"]);
        assert_eq!(chain(Some("Prod")).len(), 3);
        assert_eq!(
            chain(Some("dev\n")),
            ["AzureCliCredential", "AzureDeveloperCliCredential"]
        );
    }

    #[test]
    fn a_name_is_that_one_alone() {
        for name in chain(None) {
            assert_eq!(chain(Some(name)), [name]);
        }
        assert_eq!(chain(Some("azureclicredential")), ["AzureCliCredential"]);
    }

    #[test]
    fn another_value_is_an_error_that_says_what_is_wanted() {
        let lookup: EnvLookup = Arc::new(|_| Some("AzurePowerShellCredential".to_owned()));
        let error = Kind::chain(&lookup).unwrap_err().to_string();
        assert!(error.starts_with(
            "AZURE_TOKEN_CREDENTIALS is \"AzurePowerShellCredential\", but it wants prod, dev or one of Env"
        ));
        assert!(error.ends_with("AzureDeveloperCliCredential"));
    }
}
