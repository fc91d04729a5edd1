//! The resources for which tokens are issued.

use uuid::Uuid;

use crate::state::{Application, State, StorageAccount};

/// The URL of the tenant's authority in Azure, which issues the tokens.
pub const AZURE_AUTHORITY: &str = "https://login.microsoftonline.com/";
/// PostgreSQL's resource URL.
pub const POSTGRES: &str = "https://ossrdbms-aad.database.windows.net";
/// Blob Storage's resource URL.
pub const STORAGE: &str = "https://storage.azure.com";
/// The control plane's resource URL.
pub const MANAGEMENT: &str = "https://management.azure.com";

/// The control plane's former resource URL, which the Azure CLI uses.
pub const MANAGEMENT_CORE: &str = "https://management.core.windows.net";
/// App Service's resource URL, for its deployment service.
pub const APP_SERVICE: &str = "https://appservice.azure.com";
/// The resource whose tokens a managed identity presents in place of another application's secret.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
pub const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";
/// Microsoft Graph's resource URL.
pub const GRAPH: &str = "https://graph.microsoft.com";

/// The Azure services that every tenant knows, without the trailing slash.
const SERVICES: [&str; 13] = [
    POSTGRES,
    STORAGE,
    MANAGEMENT,
    MANAGEMENT_CORE,
    GRAPH,
    "https://vault.azure.net",
    "https://servicebus.azure.net",
    "https://eventhubs.azure.net",
    "https://database.windows.net",
    "https://cosmos.azure.com",
    APP_SERVICE,
    TOKEN_EXCHANGE,
    "https://monitor.azure.com",
];

impl State {
    /// Whether the tenant knows this resource: an Azure service, an existing storage account, or an application of the
    /// tenant by one of its identifier URIs or as `api://` and its client id. One trailing slash is ignored.
    #[must_use]
    pub fn knows_resource(&self, resource: &str) -> bool {
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let account = resource
            .strip_prefix("https://")
            .and_then(|host| host.strip_suffix(".blob.core.windows.net"));
        SERVICES.contains(&resource)
            || account.is_some_and(|name| self.find::<StorageAccount>(name).is_some())
            || self.application_of(resource).is_some()
    }

    /// The application of the tenant that is the resource: by one of its identifier URIs, or as `api://` and its client id.
    #[must_use]
    pub fn application_of(&self, resource: &str) -> Option<&Application> {
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let client_id = resource.strip_prefix("api://").and_then(|id| Uuid::try_parse(id).ok());
        let mut applications = self.directory.applications.iter();
        applications
            .find(|one| Some(one.client_id) == client_id || one.identifier_uris.iter().any(|uri| uri == resource))
    }

    /// Entra's message for a resource that the tenant does not know. It follows the code `AADSTS500011`.
    #[must_use]
    pub(crate) fn unknown_resource(&self, resource: &str) -> String {
        format!(
            "The resource principal named {resource} was not found in the tenant named {}. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant.",
            self.tenant
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::View as _;

    #[test]
    fn a_resource_is_a_service_an_account_or_an_application() {
        let mut state = State::default();
        let mut application = Application::new("api");
        application.identifier_uris.push("api://my-api".to_owned());
        let client_id = application.client_id;
        state.directory.register(application);
        let id = state.resource_id("rg", StorageAccount::KIND, "photos");
        state.put(&StorageAccount::new(id, "eastus"));
        for known in [
            STORAGE,
            "https://storage.azure.com/",
            "https://photos.blob.core.windows.net",
            &format!("api://{client_id}"),
            "api://my-api",
        ] {
            assert!(state.knows_resource(known), "{known}");
        }
        for unknown in [
            "",
            "/",
            "storage.azure.com",
            "https://storage.azure.com//",
            "https://storage.azure.com/.default",
            "https://other.blob.core.windows.net",
            &format!("api://{}", Uuid::new_v4()),
        ] {
            assert!(!state.knows_resource(unknown), "{unknown}");
        }
    }
}
