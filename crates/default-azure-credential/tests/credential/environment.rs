//! A service principal in environment variables.

use default_azure_credential::DefaultAzureCredential;

use crate::harness::{PRINCIPAL, asked, assert_hides, failure, offline, options, refusal, token};
use crate::server::{Answer, Server, answer};
use crate::tools::Tools;

const ENTRA_TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"token of the principal"}"#;

/// Returns the reason, the status and the number of requests when Entra answers with the result of `respond`, which
/// must stop the chain. A developer is signed in, but the developer's tools must not run.
async fn refused_by(respond: impl Fn() -> Answer + Send + Sync + 'static) -> (String, Option<u16>, usize) {
    let server = Server::start(move |_, _| respond()).await;
    let tools = Tools::logged_in();
    let credential = DefaultAzureCredential::new(Some(options(&PRINCIPAL, server.transport(), &tools))).unwrap();
    let error = failure(&credential).await;
    assert_eq!(
        tools.runs(),
        [""; 0],
        "a deployed service continued with a developer's login"
    );
    assert_eq!(asked(&error), ["EnvironmentCredential"]);
    assert_hides(&error, &["secret~of the principal", "secret%7Eof+the+principal"]);
    let status = error.attempts()[0].status().map(u16::from);
    (
        refusal(&error, "EnvironmentCredential").to_owned(),
        status,
        server.seen().len(),
    )
}

#[tokio::test]
async fn the_secret_is_exchanged_for_a_token_that_is_cached() {
    let server = Server::start(|_, _| answer(200, ENTRA_TOKEN)).await;
    let tools = Tools::logged_in();
    let credential = DefaultAzureCredential::new(Some(options(&PRINCIPAL, server.transport(), &tools))).unwrap();
    assert_eq!(token(&credential).await, "token of the principal");
    assert_eq!(token(&credential).await, "token of the principal");

    let seen = server.seen();
    assert_eq!(seen.len(), 1, "the first token is still valid, and IMDS is not probed");
    assert_eq!(
        seen[0].line,
        "POST /login.microsoftonline.com/contoso/oauth2/v2.0/token"
    );
    for field in [
        "client_id=11111111-1111-1111-1111-111111111111",
        "client_secret=secret%7Eof+the+principal",
        "grant_type=client_credentials",
        "scope=https%3A%2F%2Fstorage.azure.com%2F.default",
    ] {
        assert!(
            seen[0].body.split('&').any(|sent| sent == field),
            "{field} in {}",
            seen[0].body
        );
    }
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn a_secret_that_entra_refuses_stops_the_chain() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#;
    let (reason, status, requests) = refused_by(move || answer(401, body)).await;
    assert_eq!(reason, "HTTP 401: AADSTS7000215: Invalid client secret provided.");
    assert_eq!((status, requests), (Some(401), 1));
}

#[tokio::test]
async fn a_failing_entra_stops_the_chain_after_the_retries() {
    let body = r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: later"}"#;
    let (reason, status, requests) = refused_by(move || answer(503, body)).await;
    assert_eq!(reason, "HTTP 503: AADSTS90033: later");
    assert_eq!((status, requests), (Some(503), 3));
}

#[tokio::test]
async fn a_response_without_a_token_stops_the_chain() {
    let (reason, _, _) = refused_by(|| answer(200, "<html>Sign in to the hotel's network</html>")).await;
    assert!(
        reason.starts_with("the response is not a token in the expected format: "),
        "{reason}"
    );
    assert!(reason.ends_with("line 1 column 1"), "{reason}");
}

#[tokio::test]
async fn an_entra_that_cannot_be_reached_stops_the_chain() {
    let tools = Tools::logged_in();
    let error = failure(&offline(&PRINCIPAL, &tools)).await;
    let reason = refusal(&error, "EnvironmentCredential");
    assert!(reason.contains("failed to execute `reqwest` request"), "{reason}");
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn an_invalid_tenant_stops_the_chain() {
    let variables = [PRINCIPAL[1], PRINCIPAL[2], ("AZURE_TENANT_ID", "contoso/../evil")];
    let error = failure(&offline(&variables, &Tools::logged_in())).await;
    assert!(refusal(&error, "EnvironmentCredential").starts_with("invalid tenant ID contoso/../evil"));
}

#[tokio::test]
async fn an_endpoint_that_echoes_the_request_reveals_no_secret() {
    let server = Server::start(|seen, _| {
        let body = format!(r#"{{"error_description":"you sent {}"}}"#, seen.body);
        answer(400, body)
    })
    .await;
    let options = options(&PRINCIPAL, server.transport(), &Tools::none());
    assert!(!format!("{options:?}").contains("secret"));
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    let error = failure(&credential).await;
    assert!(error.to_string().contains("client_secret=[hidden]"), "{error}");
    assert_hides(&error, &["secret~of the principal", "secret%7Eof+the+principal"]);
    assert!(!format!("{credential:?}").contains("secret"));
}

#[tokio::test]
async fn a_missing_variable_is_reported_and_the_chain_continues() {
    for (left_out, name) in [
        (0, "AZURE_TENANT_ID"),
        (1, "AZURE_CLIENT_ID"),
        (2, "AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH)"),
    ] {
        let mut variables = PRINCIPAL.to_vec();
        // An empty variable counts as unset.
        variables[left_out].1 = "";
        let tools = Tools::logged_in();
        assert_eq!(token(&offline(&variables, &tools)).await, "token of az");

        tools.set_az(crate::tools::Run::not_installed());
        tools.set_azd(crate::tools::Run::not_installed());
        let error = failure(&offline(&variables, &tools)).await;
        let reason = error.attempts()[0].reason();
        assert_eq!(reason, format!("not set in the environment: {name}"));
    }
}

#[cfg(not(feature = "client_certificate"))]
#[tokio::test]
async fn a_certificate_without_the_feature_stops_the_chain_and_is_reported() {
    let variables = [
        PRINCIPAL[0],
        PRINCIPAL[1],
        ("AZURE_CLIENT_CERTIFICATE_PATH", "principal.p12"),
    ];
    let error = failure(&offline(&variables, &Tools::logged_in())).await;
    assert!(refusal(&error, "EnvironmentCredential").contains("feature `client_certificate`"));
}

#[cfg(feature = "client_certificate")]
mod certificate {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Creates a certificate with its key. The password is "open sesame".
    fn make(folder: &Path) -> String {
        let script = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=principal -keyout key.pem -out cert.pem && \
                      openssl pkcs12 -export -in cert.pem -inkey key.pem -out principal.p12 -passout 'pass:open sesame'";
        let made = Command::new("sh")
            .args(["-c", script])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder.join("principal.p12").into_os_string().into_string().unwrap()
    }

    #[tokio::test]
    async fn it_signs_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = make(folder.path());
        let variables = [
            PRINCIPAL[0],
            PRINCIPAL[1],
            ("AZURE_CLIENT_CERTIFICATE_PATH", path.as_str()),
            ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "open sesame"),
        ];
        let server = Server::start(|_, _| answer(200, ENTRA_TOKEN)).await;
        let options = options(&variables, server.transport(), &Tools::logged_in());
        let credential = DefaultAzureCredential::new(Some(options)).unwrap();
        assert_eq!(token(&credential).await, "token of the principal");
        assert!(server.seen()[0].body.contains("client_assertion=eyJ"));
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_opened_stops_the_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = make(folder.path());
        let missing = folder.path().join("none.p12");
        for (path, why) in [
            (path.as_str(), "PKCS12 parsing failed"),
            (missing.to_str().unwrap(), "AZURE_CLIENT_CERTIFICATE_PATH: cannot read"),
        ] {
            let variables = [
                PRINCIPAL[0],
                PRINCIPAL[1],
                ("AZURE_CLIENT_CERTIFICATE_PATH", path),
                ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "wrong password"),
            ];
            let error = failure(&offline(&variables, &Tools::logged_in())).await;
            let reason = refusal(&error, "EnvironmentCredential");
            assert!(reason.contains(why), "{reason}");
            assert_hides(&error, &["wrong password"]);
        }
    }
}
