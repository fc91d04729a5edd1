//! Developers who are signed in to `az`, Azure PowerShell or `azd`.

use std::time::Duration;

use azure_core::time::Duration as Limit;
use default_azure_credential::DefaultAzureCredential;

use crate::harness::{ALL, SCOPE, asked, assert_hides, failure, offline, options, token};
use crate::server::Refusing;
use crate::tools::{Run, Tools};

const DEV: [(&str, &str); 1] = [("AZURE_TOKEN_CREDENTIALS", "dev")];

#[tokio::test]
async fn az_is_tried_first() {
    let tools = Tools::logged_in();
    assert_eq!(token(&offline(&DEV, &tools)).await, "token of az");
    assert_eq!(tools.runs(), ["az"]);
    assert!(tools.last().ends_with(&format!("--scope {SCOPE}")), "{}", tools.last());
}

#[tokio::test]
async fn the_next_tool_is_tried_after_any_failure_of_az() {
    for run in [
        Run::not_installed(),
        Run::failing(1, "ERROR: Please run 'az login' to setup account."),
        Run::failing(1, "ERROR: AADSTS50076: you must use multi-factor authentication"),
        Run::printing("not JSON"),
        Run::printing(r#"{"accessToken":"token of az","tokenType":"Bearer"}"#),
    ] {
        let tools = Tools::logged_in();
        tools.set_az(run.clone());
        assert_eq!(token(&offline(&DEV, &tools)).await, "token of azd", "{run:?}");
        assert_eq!(tools.runs(), ["az", "pwsh", "azd"]);
    }
}

#[tokio::test]
async fn an_az_that_hangs_is_abandoned() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("too late").after(Duration::from_secs(600)));
    let mut options = options(&DEV, Refusing::new().transport(), &tools);
    options.process_timeout = Limit::milliseconds(200);
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    assert_eq!(token(&credential).await, "token of azd");
}

#[tokio::test]
async fn when_all_fail_the_error_lists_every_attempt() {
    let tools = Tools::new(
        Run::not_installed(),
        Run::failing(
            1,
            r#"{"type":"consoleMessage","data":{"message":"ERROR: not logged in, run azd auth login"}}"#,
        ),
    );
    let error = failure(&offline(&[], &tools)).await;
    assert!(error.refused().is_none());
    assert_eq!(asked(&error), ALL);
    assert_eq!(
        error.to_string(),
        "DefaultAzureCredential found no credential that is available here:\n\
         - EnvironmentCredential: not set in the environment: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)\n\
         - WorkloadIdentityCredential: not set in the environment: AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID, AZURE_CLIENT_ID\n\
         - ManagedIdentityCredential: IDENTITY_ENDPOINT is not set, and IMDS cannot be reached\n\
         - AzureCliCredential: az not found on PATH\n\
         - AzurePowerShellCredential: pwsh not found on PATH\n\
         - AzureDeveloperCliCredential: ERROR: not logged in, run azd auth login"
    );
}

#[tokio::test]
async fn a_token_in_an_unexpected_field_is_not_shown() {
    let opaque = "0.AAAA-opaque-refresh-token";
    let tools = Tools::new(
        Run::printing(format!(r#""{opaque}""#)),
        Run::printing(format!(r#"{{"token":"t","expiresOn":"{opaque}"}}"#)),
    );
    let error = failure(&offline(&DEV, &tools)).await;
    assert_hides(&error, &[opaque]);
    assert!(error.to_string().contains("string [hidden], expected"), "{error}");
}
