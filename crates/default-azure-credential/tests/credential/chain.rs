//! The order of the chain, the credential that it remembers, and the variable that restricts it.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use default_azure_credential::{DefaultAzureCredential, DefaultAzureCredentialError};

use crate::harness::{PRINCIPAL, asked, failure, offline, options, refusal, token};
use crate::server::{Refusing, Server, answer};
use crate::tools::{Run, Tools};

#[tokio::test]
async fn a_credential_that_succeeded_is_the_only_one_used() {
    let tools = Tools::new(Run::not_installed(), Run::azd_token("token of azd"));
    let credential = offline(&[], &tools);
    assert_eq!(token(&credential).await, "token of azd");
    assert_eq!(tools.runs(), ["az", "pwsh", "azd"]);

    // A later login does not matter: a program keeps its identity.
    tools.set_az(Run::az_token("token of az"));
    assert_eq!(token(&credential).await, "token of azd");
    assert_eq!(tools.runs(), ["az", "pwsh", "azd", "azd"]);

    tools.set_azd(Run::failing(1, "ERROR: not logged in"));
    let error = failure(&credential).await;
    assert_eq!(refusal(&error, "AzureDeveloperCliCredential"), "ERROR: not logged in");
    assert_eq!(asked(&error), ["AzureDeveloperCliCredential"]);
    assert_eq!(tools.runs(), ["az", "pwsh", "azd", "azd", "azd"]);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let tools = Tools::none();
    let credential = offline(&[], &tools);
    failure(&credential).await;
    tools.set_az(Run::az_token("token of az"));
    assert_eq!(token(&credential).await, "token of az");
}

#[tokio::test]
async fn an_earlier_credential_takes_precedence_over_a_later_one() {
    let server = Server::start(|seen, _| {
        let entra = seen.line.contains("login.microsoftonline.com");
        answer(
            if entra { 200 } else { 400 },
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"token of the principal"}"#,
        )
    })
    .await;
    let credential =
        DefaultAzureCredential::new(Some(options(&PRINCIPAL, server.transport(), &Tools::logged_in()))).unwrap();
    assert_eq!(token(&credential).await, "token of the principal");
}

#[tokio::test]
async fn prod_never_runs_a_developers_tool() {
    let tools = Tools::logged_in();
    let error = failure(&offline(&[("AZURE_TOKEN_CREDENTIALS", "prod")], &tools)).await;
    assert_eq!(
        asked(&error),
        [
            "EnvironmentCredential",
            "WorkloadIdentityCredential",
            "ManagedIdentityCredential"
        ]
    );
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn dev_uses_only_the_tools() {
    let server = Server::start(|_, _| answer(200, "{}")).await;
    let variables = [PRINCIPAL.as_slice(), &[("AZURE_TOKEN_CREDENTIALS", "dev")]].concat();
    let options = options(&variables, server.transport(), &Tools::logged_in());
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    assert_eq!(token(&credential).await, "token of az");
    assert_eq!(server.seen().len(), 0);
    assert_eq!(
        format!("{credential:?}"),
        r#"DefaultAzureCredential { chain: ["AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential"], .. }"#
    );
}

#[tokio::test]
async fn a_name_selects_a_single_credential() {
    let variables = [
        PRINCIPAL.as_slice(),
        &[("AZURE_TOKEN_CREDENTIALS", "AzureDeveloperCliCredential")],
    ]
    .concat();
    let tools = Tools::logged_in();
    assert_eq!(token(&offline(&variables, &tools)).await, "token of azd");
    assert_eq!(tools.runs(), ["azd"]);
}

#[test]
fn an_unknown_name_is_an_error_immediately() {
    let variables = [("AZURE_TOKEN_CREDENTIALS", "production")];
    let options = options(&variables, Refusing::new().transport(), &Tools::none());
    let error = DefaultAzureCredential::new(Some(options)).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Credential);
    assert!(
        error
            .to_string()
            .starts_with("AZURE_TOKEN_CREDENTIALS is \"production\"")
    );
}

#[tokio::test]
async fn without_a_scope_no_credential_is_tried() {
    let tools = Tools::logged_in();
    let credential = offline(&[], &tools);
    let error = credential.get_token(&[], None).await.unwrap_err();
    assert!(error.downcast_ref::<DefaultAzureCredentialError>().is_none());
    assert!(error.to_string().contains("at least one scope"));
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn every_azure_client_accepts_it() {
    fn client(_: Arc<dyn TokenCredential>) {}
    client(offline(&[], &Tools::none()));
}
