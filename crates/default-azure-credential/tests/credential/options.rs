//! Options that choose credentials and identities in the program instead of in the environment.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use azure_core::time::Duration as Limit;
use default_azure_credential::{
    Attempt, CredentialKind, Credentials, DefaultAzureCredential, DefaultAzureCredentialOptions, UserAssignedId,
};

use crate::harness::{PRINCIPAL, SCOPE, asked, failure, options, refusal, token};
use crate::server::{Refusing, Server, answer};
use crate::tools::{Run, Tools};

const CLIENT_ID: (&str, &str) = ("AZURE_CLIENT_ID", "44444444-4444-4444-4444-444444444444");
const ENTRA_TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"token of Entra"}"#;
const IMDS_TOKEN: &str = r#"{"access_token":"token of the machine","expires_on":"4102444800","resource":"https://storage.azure.com","token_type":"Bearer"}"#;

/// Options without a network.
fn offline(variables: &[(&str, &str)], tools: &Arc<Tools>) -> DefaultAzureCredentialOptions {
    options(variables, Refusing::new().transport(), tools)
}

fn create(options: DefaultAzureCredentialOptions) -> Arc<DefaultAzureCredential> {
    DefaultAzureCredential::new(Some(options)).unwrap()
}

#[tokio::test]
async fn an_excluded_credential_is_not_tried() {
    let tools = Tools::logged_in();
    let credential = create(DefaultAzureCredentialOptions {
        credentials: Credentials::Except(vec![CredentialKind::Environment, CredentialKind::AzureCli]),
        ..offline(&PRINCIPAL, &tools)
    });
    assert_eq!(token(&credential).await, "token of azd");
    assert_eq!(tools.runs(), ["pwsh", "azd"]);
}

#[tokio::test]
async fn only_the_required_credentials_are_tried() {
    let tools = Tools::none();
    let credential = create(DefaultAzureCredentialOptions {
        credentials: Credentials::Only(vec![CredentialKind::AzureCli, CredentialKind::WorkloadIdentity]),
        ..offline(&PRINCIPAL, &tools)
    });
    let error = failure(&credential).await;
    assert_eq!(asked(&error), ["WorkloadIdentityCredential", "AzureCliCredential"]);
}

#[tokio::test]
async fn imds_is_not_probed_if_the_options_select_only_the_managed_identity() {
    let server = Server::start(|_, _| answer(200, IMDS_TOKEN)).await;
    let credential = create(DefaultAzureCredentialOptions {
        credentials: Credentials::Only(vec![CredentialKind::ManagedIdentity]),
        ..options(&[], server.transport(), &Tools::none())
    });
    assert_eq!(token(&credential).await, "token of the machine");
    assert_eq!(server.seen().len(), 1);
    assert!(!server.seen()[0].is_probe());
}

#[tokio::test]
async fn the_environment_cannot_add_what_the_options_exclude() {
    let tools = Tools::logged_in();
    let credential = create(DefaultAzureCredentialOptions {
        credentials: Credentials::Except(vec![CredentialKind::AzureCli]),
        ..offline(&[("AZURE_TOKEN_CREDENTIALS", "dev")], &tools)
    });
    assert_eq!(token(&credential).await, "token of azd");

    let error = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        credentials: Credentials::Production,
        ..offline(&[("AZURE_TOKEN_CREDENTIALS", "dev")], &tools)
    }));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("no credential is left to try"), "{error}");
}

#[test]
fn a_required_variable_that_is_not_set_is_an_error_immediately() {
    let required = ["AZURE_TOKEN_CREDENTIALS", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"];
    let options = |variables: &[(&str, &str)]| DefaultAzureCredentialOptions {
        required_env_vars: required.map(str::to_owned).to_vec(),
        ..offline(variables, &Tools::none())
    };
    let variables = [("AZURE_TOKEN_CREDENTIALS", " "), CLIENT_ID];
    let error = DefaultAzureCredential::new(Some(options(&variables))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "required, but not set in the environment: AZURE_TOKEN_CREDENTIALS, AZURE_TENANT_ID. \
         The option `required_env_vars` requires them"
    );

    let variables = [
        ("AZURE_TOKEN_CREDENTIALS", "prod"),
        CLIENT_ID,
        ("AZURE_TENANT_ID", "contoso"),
    ];
    assert!(DefaultAzureCredential::new(Some(options(&variables))).is_ok());
}

#[tokio::test]
async fn an_id_of_the_managed_identity_takes_precedence_over_the_environment() {
    let resource_id = "/subscriptions/s/resourceGroups/g";
    for (id, sent, described) in [
        (
            UserAssignedId::ClientId("c".to_owned()),
            "client_id=c",
            "client id c".to_owned(),
        ),
        (
            UserAssignedId::ObjectId("o".to_owned()),
            "object_id=o",
            "object id o".to_owned(),
        ),
        (
            UserAssignedId::ResourceId(resource_id.to_owned()),
            "msi_res_id=%2Fsubscriptions%2Fs%2FresourceGroups%2Fg",
            format!("resource id {resource_id}"),
        ),
    ] {
        // IMDS answers the probe, and issues a token once.
        let server = Server::start(|seen, before| match before {
            1 => answer(200, IMDS_TOKEN),
            _ if seen.is_probe() => answer(400, ""),
            _ => answer(400, r#"{"error":"invalid_request"}"#),
        })
        .await;
        let tools = Tools::logged_in();
        let options = DefaultAzureCredentialOptions {
            managed_identity_id: Some(id),
            ..options(&[CLIENT_ID], server.transport(), &tools)
        };
        assert_eq!(token(&create(options.clone())).await, "token of the machine");
        let line = server.seen()[1].line.clone();
        assert!(line.contains(sent) && !line.contains(CLIENT_ID.1), "{line}");

        // The identity is expected to exist, so the chain does not continue with a developer's login.
        let error = failure(&create(options)).await;
        let reason = refusal(&error, "ManagedIdentityCredential");
        let described = format!("(user-assigned, {described})");
        assert!(reason.contains(&described), "{reason}");
        assert_eq!(tools.runs(), [""; 0]);
    }
}

#[tokio::test]
async fn workload_identity_takes_its_file_tenant_and_client_id_from_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "assertion of the cluster").unwrap();
    let given = DefaultAzureCredentialOptions {
        workload_identity_client_id: Some("client".to_owned()),
        workload_identity_tenant_id: Some("fabrikam".to_owned()),
        workload_identity_token_file_path: Some(path),
        ..Default::default()
    };
    let elsewhere = [PRINCIPAL[0], PRINCIPAL[1], ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere")];
    for variables in [Vec::new(), elsewhere.to_vec()] {
        let server = Server::start(|_, _| answer(200, ENTRA_TOKEN)).await;
        let options = options(&variables, server.transport(), &Tools::logged_in());
        let credential = create(DefaultAzureCredentialOptions {
            client_options: options.client_options,
            env: options.env,
            ..given.clone()
        });
        assert_eq!(token(&credential).await, "token of Entra");
        let seen = server.seen();
        assert_eq!(
            seen[0].line,
            "POST /login.microsoftonline.com/fabrikam/oauth2/v2.0/token"
        );
        for field in ["client_id=client", "client_assertion=assertion+of+the+cluster"] {
            assert!(seen[0].body.split('&').any(|sent| sent == field), "{}", seen[0].body);
        }
    }
}

#[tokio::test]
async fn the_tools_use_the_tenant_and_az_the_subscription_of_the_options() {
    let tools = Tools::none();
    let tenant = "contoso.onmicrosoft.com";
    let options = DefaultAzureCredentialOptions {
        credentials: Credentials::Development,
        developer_tools_tenant_id: Some(tenant.to_owned()),
        azure_cli_subscription: Some("Contoso test".to_owned()),
        ..offline(&[], &tools)
    };
    failure(&create(options.clone())).await;
    let commands = tools.commands();
    assert_eq!(commands.len(), 3);
    assert_eq!(
        commands[0],
        format!(
            "az account get-access-token -o json --scope {SCOPE} --tenant {tenant} --subscription \"Contoso test\""
        )
    );
    assert!(
        commands[2].ends_with(&format!("--tenant-id {tenant}")),
        "{}",
        commands[2]
    );

    // What is not such a name never reaches a shell.
    for (tenant, subscription) in [("contoso; rm -r ~", "Contoso"), ("contoso", "\"; rm -r ~")] {
        let tools = Tools::logged_in();
        let options = DefaultAzureCredentialOptions {
            developer_tools_tenant_id: Some(tenant.to_owned()),
            azure_cli_subscription: Some(subscription.to_owned()),
            executor: Some(tools.clone()),
            ..options.clone()
        };
        let error = failure(&create(options)).await;
        let reason = refusal(&error, "AzureCliCredential");
        assert!(reason.starts_with("invalid"), "{reason}");
        assert_eq!(tools.runs(), [""; 0]);
    }
}

#[tokio::test]
async fn each_tool_has_the_time_limit_of_processes() {
    let tools = Tools::none();
    for set in [Tools::set_az, Tools::set_pwsh, Tools::set_azd] {
        set(&tools, Run::printing("too late").after(Duration::from_secs(600)));
    }
    let credential = create(DefaultAzureCredentialOptions {
        credentials: Credentials::Development,
        process_timeout: Limit::milliseconds(100),
        ..offline(&[], &tools)
    });
    let error = failure(&credential).await;
    assert!(error.refused().is_none());
    let reasons: Vec<_> = error.attempts().iter().map(Attempt::reason).collect();
    assert_eq!(reasons, ["no token within 100 ms"; 3]);
}

#[test]
fn the_options_show_what_they_choose() {
    let options = DefaultAzureCredentialOptions {
        managed_identity_id: Some(UserAssignedId::ClientId("c".to_owned())),
        ..Default::default()
    };
    let shown = format!("{options:?}");
    assert!(
        shown.contains("credentials: All") && shown.contains("ClientId(\"c\")"),
        "{shown}"
    );
}
