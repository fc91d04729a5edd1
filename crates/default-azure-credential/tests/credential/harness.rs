//! The environment of a credential: variables, a network and developer tools.

use std::collections::HashMap;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, FixedRetryOptions, RetryOptions, Transport};
use azure_core::time::Duration;
use default_azure_credential::{
    Attempt, DefaultAzureCredential, DefaultAzureCredentialError, DefaultAzureCredentialOptions,
};

use crate::server::Refusing;
use crate::tools::Tools;

pub const SCOPE: &str = "https://storage.azure.com/.default";

pub const ALL: [&str; 6] = [
    "EnvironmentCredential",
    "WorkloadIdentityCredential",
    "ManagedIdentityCredential",
    "AzureCliCredential",
    "AzurePowerShellCredential",
    "AzureDeveloperCliCredential",
];

/// A service principal's variables.
pub const PRINCIPAL: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "contoso"),
    ("AZURE_CLIENT_ID", "11111111-1111-1111-1111-111111111111"),
    ("AZURE_CLIENT_SECRET", "secret~of the principal"),
];

/// Two retries, each after 10 ms, so that tests are quick.
pub fn quick_retries() -> RetryOptions {
    RetryOptions::fixed(FixedRetryOptions {
        delay: Duration::milliseconds(10),
        max_retries: 2,
        ..Default::default()
    })
}

/// Options with only these variables, whose HTTP requests go to `transport`.
pub fn options(variables: &[(&str, &str)], transport: Transport, tools: &Arc<Tools>) -> DefaultAzureCredentialOptions {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let variables: HashMap<String, String> = pairs.collect();
    DefaultAzureCredentialOptions {
        client_options: ClientOptions {
            retry: quick_retries(),
            transport: Some(transport),
            ..Default::default()
        },
        executor: Some(tools.clone()),
        // Long enough for a slow machine.
        imds_probe_timeout: Duration::seconds(30),
        env: Some(Arc::new(move |name| variables.get(name).cloned())),
        ..Default::default()
    }
}

/// A credential without a network.
pub fn offline(variables: &[(&str, &str)], tools: &Arc<Tools>) -> Arc<DefaultAzureCredential> {
    let transport = Refusing::new().transport();
    DefaultAzureCredential::new(Some(options(variables, transport, tools))).unwrap()
}

/// Returns the token.
pub async fn token(credential: &DefaultAzureCredential) -> String {
    let token = credential.get_token(&[SCOPE], None).await.unwrap();
    token.token.secret().to_owned()
}

/// Returns the error of a request that must fail.
pub async fn failure(credential: &DefaultAzureCredential) -> DefaultAzureCredentialError {
    let error = credential.get_token(&[SCOPE], None).await.unwrap_err();
    let inner = error.downcast_ref::<DefaultAzureCredentialError>().unwrap();
    assert_eq!(error.to_string(), inner.to_string());
    inner.clone()
}

/// The names of the credentials that were tried.
pub fn asked(error: &DefaultAzureCredentialError) -> Vec<&'static str> {
    error.attempts().iter().map(Attempt::credential).collect()
}

/// The reason of the refusal that stopped the chain. It must come from that credential.
pub fn refusal<'a>(error: &'a DefaultAzureCredentialError, credential: &str) -> &'a str {
    let attempt = error.refused().unwrap_or_else(|| panic!("not a refusal: {error}"));
    assert_eq!(attempt.credential(), credential, "{error}");
    let expected = format!("DefaultAzureCredential stopped at {credential}: {}", attempt.reason());
    assert_eq!(error.to_string(), expected);
    attempt.reason()
}

/// Panics when an error contains a secret.
pub fn assert_hides(error: &DefaultAzureCredentialError, secrets: &[&str]) {
    let error = azure_core::Error::from(error.clone());
    let shown = format!("{error} {error:?} {error:#?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} appears in {shown}");
    }
}
