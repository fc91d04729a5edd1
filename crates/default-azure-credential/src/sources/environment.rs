//! A service principal in environment variables.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};

use crate::error::Failure;
use crate::settings::Settings;

/// Available if all variables of a secret or a certificate are set.
///
/// Variables that are set but unusable, such as the path of an invalid certificate, count as a refusal: they show that
/// the service is meant to use only this principal.
pub(crate) fn credential(settings: &Settings) -> Result<Arc<dyn TokenCredential>, Failure> {
    let variables = &settings.variables;
    let has_secret_or_certificate = variables.client_secret.is_some() || variables.certificate_path.is_some();
    let (Some(tenant_id), Some(client_id), true) =
        (&variables.tenant_id, &variables.client_id, has_secret_or_certificate)
    else {
        let needed = [
            ("AZURE_TENANT_ID", variables.tenant_id.is_some()),
            ("AZURE_CLIENT_ID", variables.client_id.is_some()),
            (
                "AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)",
                has_secret_or_certificate,
            ),
        ];
        let missing: Vec<_> = needed.iter().filter(|(_, set)| !set).map(|(name, _)| *name).collect();
        return Err(Failure::not_set(&missing));
    };

    // As in the other Azure SDKs, the secret takes precedence.
    if let Some(secret) = &variables.client_secret {
        let options = ClientSecretCredentialOptions {
            client_options: settings.client_options(),
            ..Default::default()
        };
        let credential = ClientSecretCredential::new(tenant_id, client_id.clone(), secret.clone(), Some(options));
        return match credential {
            Ok(credential) => Ok(credential),
            Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
        };
    }
    certificate(settings, tenant_id, client_id)
}

#[cfg(feature = "client_certificate")]
fn certificate(settings: &Settings, tenant_id: &str, client_id: &str) -> Result<Arc<dyn TokenCredential>, Failure> {
    use azure_core::credentials::SecretBytes;
    use azure_identity::{ClientCertificateCredential, ClientCertificateCredentialOptions};

    let path = settings.variables.certificate_path.as_deref().unwrap_or_default();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::refused(format!("AZURE_CLIENT_CERTIFICATE_PATH: cannot read {path:?}: {error}")))?;
    let options = ClientCertificateCredentialOptions {
        client_options: settings.client_options(),
        password: settings.variables.certificate_password.clone(),
        ..Default::default()
    };
    let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
    match ClientCertificateCredential::new(tenant_id, client_id, SecretBytes::new(bytes), Some(options)) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Failure::refused_with(&error, &settings.secrets)),
    }
}

#[cfg(not(feature = "client_certificate"))]
fn certificate(_: &Settings, _: &str, _: &str) -> Result<Arc<dyn TokenCredential>, Failure> {
    Err(Failure::refused(
        "AZURE_CLIENT_CERTIFICATE_PATH is set, but certificates need the feature `client_certificate` of the crate default-azure-credential",
    ))
}
