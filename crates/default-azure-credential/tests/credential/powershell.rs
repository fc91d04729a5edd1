//! Developers who are signed in to Azure PowerShell.

use azure_core::base64;
use azure_core::credentials::TokenCredential;
use default_azure_credential::{Credentials, DefaultAzureCredential, DefaultAzureCredentialOptions};

use crate::harness::{SCOPE, asked, assert_hides, failure, offline, options, refusal, token};
use crate::server::Refusing;
use crate::tools::{Run, Tools};

const NAMED: [(&str, &str); 1] = [("AZURE_TOKEN_CREDENTIALS", "AzurePowerShellCredential")];

/// The script in the last command.
fn script(tools: &Tools) -> String {
    let command = tools.last();
    let start = "pwsh -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand ";
    let encoded = command.strip_prefix(start).unwrap_or_else(|| panic!("{command}"));
    let bytes = base64::decode(encoded).unwrap();
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).unwrap()
}

#[tokio::test]
async fn it_is_tried_between_az_and_azd() {
    let tools = Tools::logged_in();
    tools.set_az(Run::not_installed());
    tools.set_pwsh(Run::pwsh_token("token of PowerShell"));
    let credential = offline(&[], &tools);
    assert_eq!(token(&credential).await, "token of PowerShell");
    assert_eq!(tools.runs(), ["az", "pwsh"]);
    let token = credential.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(token.expires_on.unix_timestamp(), 4_102_444_800);
}

#[tokio::test]
async fn the_script_asks_for_the_resource_of_the_scope() {
    let tools = Tools::none();
    tools.set_pwsh(Run::pwsh_token("token of PowerShell"));
    token(&offline(&NAMED, &tools)).await;
    let text = script(&tools);
    assert!(text.contains("ResourceUrl = 'https://storage.azure.com';"), "{text}");
    assert!(text.contains("if ('') {"), "{text}");

    let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        developer_tools_tenant_id: Some("contoso".to_owned()),
        ..options(&NAMED, Refusing::new().transport(), &tools)
    }));
    token(&credential.unwrap()).await;
    let text = script(&tools);
    assert!(
        text.contains("if ('contoso') { $options.TenantId = 'contoso' }"),
        "{text}"
    );
}

#[tokio::test]
async fn what_could_end_a_string_of_the_script_never_reaches_it() {
    let tools = Tools::none();
    let credential = offline(&NAMED, &tools);
    for scope in ["https://vault.azure.net'; exit", "\u{2019}", ""] {
        let error = credential.get_token(&[scope], None).await.unwrap_err().to_string();
        assert!(error.contains("AzurePowerShellCredential: invalid scope"), "{error}");
    }
    let error = credential
        .get_token(&[SCOPE, SCOPE], None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("AzurePowerShellCredential: exactly one scope required"),
        "{error}"
    );

    let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        developer_tools_tenant_id: Some("contoso'".to_owned()),
        ..options(&NAMED, Refusing::new().transport(), &tools)
    }));
    let error = failure(&credential.unwrap()).await;
    assert_eq!(
        refusal(&error, "AzurePowerShellCredential"),
        "invalid tenant ID contoso'"
    );
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn the_chain_continues_after_any_failure() {
    for (run, reason) in [
        (Run::not_installed(), "pwsh not found on PATH"),
        (
            Run::failing(1, "Run Connect-AzAccount to login.\r\n"),
            "Run Connect-AzAccount to login.",
        ),
        (Run::failing(1, ""), "it failed without saying why"),
        (
            Run::printing(""),
            "the response is not a token in the expected format: EOF",
        ),
        (
            Run::printing("WARNING"),
            "the response is not a token in the expected format: expected value",
        ),
        (
            Run::printing("{}"),
            "the response is not a token in the expected format: expected a token",
        ),
        (
            Run::printing(r#"{"token":"","expiresOn":4102444800}"#),
            "the response is not a token in the expected format: expected a token",
        ),
        (
            Run::printing(r#"{"token":"t","expiresOn":99999999999999}"#),
            "the response is not a token in the expected format: expected a token",
        ),
    ] {
        let tools = Tools::logged_in();
        tools.set_az(Run::not_installed());
        tools.set_pwsh(run.clone());
        assert_eq!(token(&offline(&[], &tools)).await, "token of azd", "{run:?}");

        let error = failure(&offline(&NAMED, &tools)).await;
        assert_eq!(asked(&error), ["AzurePowerShellCredential"]);
        assert!(error.refused().is_none());
        let shown = error.attempts()[0].reason();
        assert!(shown.starts_with(reason), "{shown}");
    }
}

#[tokio::test]
async fn lines_before_the_token_are_ignored() {
    let tools = Tools::none();
    let printed = "WARNING: this module is old\r\n\r\n{\"expiresOn\":4102444800,\"token\":\"token of PowerShell\"}\r\n";
    tools.set_pwsh(Run::printing(printed));
    let credential = DefaultAzureCredential::new(Some(DefaultAzureCredentialOptions {
        credentials: Credentials::Development,
        ..options(&[], Refusing::new().transport(), &tools)
    }));
    assert_eq!(token(&credential.unwrap()).await, "token of PowerShell");
}

#[tokio::test]
async fn output_that_is_not_understood_is_not_shown() {
    let tools = Tools::none();
    for printed in [r#""0.AAAA-opaque""#, r#"{"token":"0.AAAA-opaque"}"#, "0.AAAA-opaque"] {
        tools.set_pwsh(Run::printing(printed));
        let error = failure(&offline(&NAMED, &tools)).await;
        assert_hides(&error, &["opaque"]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_real_shell_runs_the_program_on_the_path() {
    use crate::child::{run, write_program};

    let folder = tempfile::tempdir().unwrap();
    let program = "#!/bin/sh\n[ $# = 6 ] && [ \"$1$2$5\" = -NoProfile-NonInteractive-EncodedCommand ] || exit 9\n\
                   echo '{\"token\":\"token of PowerShell\",\"expiresOn\":4102444800}'\n";
    write_program(folder.path(), "pwsh", program);
    let path = folder.path().to_str().unwrap();
    let outcome = run(&[NAMED[0], ("PATH", path)]).await;
    assert_eq!(outcome.token, "token of PowerShell", "{outcome:?}");
}
