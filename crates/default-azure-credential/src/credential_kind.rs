//! The credentials that the chain can hold, and their order.

/// One of the credentials that [`DefaultAzureCredential`](crate::DefaultAzureCredential) tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A service principal in environment variables.
    Environment,
    /// The identity of a Kubernetes pod.
    WorkloadIdentity,
    /// The identity that Azure assigns to an app or a virtual machine.
    ManagedIdentity,
    /// The login of the Azure CLI: `az login`.
    AzureCli,
    /// The login of Azure PowerShell: `Connect-AzAccount`.
    AzurePowerShell,
    /// The login of the Azure Developer CLI: `azd auth login`.
    AzureDeveloperCli,
}

impl CredentialKind {
    /// In the same order as in the other Azure SDKs: first a deployment's credentials, then a developer's.
    pub(crate) const ALL: [Self; 6] = [
        Self::Environment,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::AzureCli,
        Self::AzurePowerShell,
        Self::AzureDeveloperCli,
    ];

    /// Its name in the other Azure SDKs, which is also its name in `AZURE_TOKEN_CREDENTIALS`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzurePowerShell => "AzurePowerShellCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    /// Whether this is a developer's login on their own machine.
    pub(crate) fn is_developer_tool(self) -> bool {
        match self {
            Self::Environment | Self::WorkloadIdentity | Self::ManagedIdentity => false,
            Self::AzureCli | Self::AzurePowerShell | Self::AzureDeveloperCli => true,
        }
    }
}
