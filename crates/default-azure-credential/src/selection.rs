//! Which credentials the chain holds: what both `AZURE_TOKEN_CREDENTIALS` and the program allow.

use azure_core::error::{Error, ErrorKind};

use crate::credential_kind::CredentialKind;

const TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";

/// The credentials that a chain may hold. Their order is always the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// All credentials.
    #[default]
    All,
    /// The credentials of a deployment, like `AZURE_TOKEN_CREDENTIALS=prod`: environment, workload identity and
    /// managed identity.
    Production,
    /// The logins of a developer, like `AZURE_TOKEN_CREDENTIALS=dev`: Azure CLI, Azure PowerShell and Azure
    /// Developer CLI.
    Development,
    /// Only these credentials.
    Only(Vec<CredentialKind>),
    /// All credentials except these.
    Except(Vec<CredentialKind>),
}

impl Credentials {
    fn allows(&self, kind: CredentialKind) -> bool {
        match self {
            Self::All => true,
            Self::Production => !kind.is_developer_tool(),
            Self::Development => kind.is_developer_tool(),
            Self::Only(kinds) => kinds.contains(&kind),
            Self::Except(kinds) => !kinds.contains(&kind),
        }
    }

    /// Parses a value of `AZURE_TOKEN_CREDENTIALS`.
    fn parse(value: &str) -> azure_core::Result<Self> {
        let name = value.trim();
        if name.eq_ignore_ascii_case("prod") {
            return Ok(Self::Production);
        }
        if name.eq_ignore_ascii_case("dev") {
            return Ok(Self::Development);
        }
        let kinds = CredentialKind::ALL;
        if let Some(kind) = kinds.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name())) {
            return Ok(Self::Only(vec![kind]));
        }
        // A misspelled name must not add a credential that was meant to be excluded.
        let names = kinds.map(CredentialKind::name).join(", ");
        Err(Error::with_message(
            ErrorKind::Credential,
            format!("{TOKEN_CREDENTIALS} is {value:?}, but must be prod, dev or one of {names}"),
        ))
    }
}

/// The credentials that both the option `credentials` and the environment allow, in the order of the chain.
///
/// `get` returns the value of an environment variable, or `None` if it is unset or empty.
pub(crate) fn select(
    option: &Credentials,
    get: impl Fn(&str) -> Option<String>,
) -> azure_core::Result<Vec<CredentialKind>> {
    let variable = get(TOKEN_CREDENTIALS);
    let allowed = variable.as_deref().map_or(Ok(Credentials::All), Credentials::parse)?;
    let mut kinds = CredentialKind::ALL.to_vec();
    kinds.retain(|kind| allowed.allows(*kind) && option.allows(*kind));
    if kinds.is_empty() {
        let variable = variable.map(|value| format!("{TOKEN_CREDENTIALS} is {value:?}, and "));
        return Err(Error::with_message(
            ErrorKind::Credential,
            format!(
                "no credential is left to try: {}the option `credentials` is {option:?}",
                variable.unwrap_or_default()
            ),
        ));
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 6] = [
        "EnvironmentCredential",
        "WorkloadIdentityCredential",
        "ManagedIdentityCredential",
        "AzureCliCredential",
        "AzurePowerShellCredential",
        "AzureDeveloperCliCredential",
    ];

    fn try_select(option: &Credentials, value: Option<&str>) -> azure_core::Result<Vec<&'static str>> {
        let kinds = select(option, |name| {
            value.filter(|_| name == TOKEN_CREDENTIALS).map(str::to_owned)
        })?;
        Ok(kinds.into_iter().map(CredentialKind::name).collect())
    }

    /// The credentials that a value of the variable selects.
    fn selected(value: Option<&str>) -> Vec<&'static str> {
        try_select(&Credentials::All, value).unwrap()
    }

    #[test]
    fn the_default_is_all_kinds_in_the_documented_order() {
        assert_eq!(selected(None), ALL);
    }

    #[test]
    fn prod_and_dev_each_select_one_group() {
        assert_eq!(selected(Some("prod")), ALL[..3]);
        assert_eq!(selected(Some("Prod")), ALL[..3]);
        assert_eq!(selected(Some("dev\n")), ALL[3..]);
        assert_eq!(try_select(&Credentials::Production, None).unwrap(), ALL[..3]);
        assert_eq!(try_select(&Credentials::Development, None).unwrap(), ALL[3..]);
    }

    #[test]
    fn a_name_selects_one_kind() {
        for name in ALL {
            assert_eq!(selected(Some(name)), [name]);
        }
        assert_eq!(selected(Some("azureclicredential")), ["AzureCliCredential"]);
    }

    #[test]
    fn an_unknown_value_is_an_error_that_lists_the_valid_ones() {
        let error = try_select(&Credentials::All, Some("VisualStudioCredential")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "AZURE_TOKEN_CREDENTIALS is \"VisualStudioCredential\", but must be prod, dev or one of {}",
                ALL.join(", ")
            )
        );
    }

    #[test]
    fn the_variable_and_the_option_can_only_restrict_each_other() {
        use CredentialKind::{AzureCli, Environment, ManagedIdentity};

        // The order is that of the chain.
        let option = Credentials::Only(vec![AzureCli, ManagedIdentity]);
        assert_eq!(
            try_select(&option, None).unwrap(),
            ["ManagedIdentityCredential", "AzureCliCredential"]
        );
        assert_eq!(try_select(&option, Some("dev")).unwrap(), ["AzureCliCredential"]);
        let option = Credentials::Except(vec![Environment, AzureCli]);
        assert_eq!(try_select(&option, Some("prod")).unwrap(), ALL[1..3]);
    }

    #[test]
    fn a_chain_without_a_credential_is_an_error_that_says_why() {
        let option = Credentials::Only(vec![CredentialKind::ManagedIdentity]);
        assert_eq!(
            try_select(&option, Some("dev")).unwrap_err().to_string(),
            "no credential is left to try: AZURE_TOKEN_CREDENTIALS is \"dev\", and the option `credentials` is \
             Only([ManagedIdentity])"
        );
        assert_eq!(
            try_select(&Credentials::Only(Vec::new()), None)
                .unwrap_err()
                .to_string(),
            "no credential is left to try: the option `credentials` is Only([])"
        );
    }
}
