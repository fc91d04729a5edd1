//! The identity of a Kubernetes pod.

use std::fs;

use default_azure_credential::DefaultAzureCredential;
use tempfile::TempDir;

use crate::harness::{PRINCIPAL, asked, assert_hides, failure, offline, options, refusal, token};
use crate::server::{Server, answer};
use crate::tools::Tools;

/// The token that a cluster writes into the pod. It is made up, but has the form of a token.
const ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QifQ.c2lnbmF0dXJlIG9mIHRoZSBjbHVzdGVy";

/// A file with the assertion, and the variables that point to it.
fn pod() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, ASSERTION).unwrap();
    (folder, path.into_os_string().into_string().unwrap())
}

fn variables(path: &str) -> [(&str, &str); 3] {
    [PRINCIPAL[0], PRINCIPAL[1], ("AZURE_FEDERATED_TOKEN_FILE", path)]
}

#[tokio::test]
async fn the_token_in_the_file_is_exchanged() {
    let (_folder, path) = pod();
    let body = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"token of the pod"}"#;
    let server = Server::start(move |_, _| answer(200, body)).await;
    let options = options(&variables(&path), server.transport(), &Tools::logged_in());
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    assert_eq!(token(&credential).await, "token of the pod");

    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].line,
        "POST /login.microsoftonline.com/contoso/oauth2/v2.0/token"
    );
    assert!(seen[0].body.contains(&format!("client_assertion={ASSERTION}&")));
    assert!(seen[0].body.contains("client_id=11111111-1111-1111-1111-111111111111"));
}

#[tokio::test]
async fn an_assertion_that_entra_refuses_stops_the_chain_and_stays_secret() {
    let (_folder, path) = pod();
    let server = Server::start(|seen, _| {
        let body = format!(
            r#"{{"error_description":"AADSTS70021: no match for {}","error_codes":[70021]}}"#,
            seen.body
        );
        answer(401, body)
    })
    .await;
    let tools = Tools::logged_in();
    let options = options(&variables(&path), server.transport(), &tools);
    let error = failure(&DefaultAzureCredential::new(Some(options)).unwrap()).await;
    let reason = refusal(&error, "WorkloadIdentityCredential");
    assert!(
        reason.starts_with("HTTP 401: AADSTS70021: no match for client_assertion=[hidden]&"),
        "{reason}"
    );
    assert_hides(&error, &["c2lnbmF0dXJl", ASSERTION]);
    assert_eq!(asked(&error), ["EnvironmentCredential", "WorkloadIdentityCredential"]);
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn a_missing_file_stops_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not yet");
    let path = path.to_str().unwrap();
    let error = failure(&offline(&variables(path), &Tools::logged_in())).await;
    let reason = refusal(&error, "WorkloadIdentityCredential");
    assert!(
        reason.contains("failed to read federated token from file") && reason.contains("not yet"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_missing_variable_is_reported_and_the_chain_continues() {
    let (_folder, path) = pod();
    for left_out in 0..3 {
        let mut variables = variables(&path).to_vec();
        let (name, _) = variables.remove(left_out);
        assert_eq!(token(&offline(&variables, &Tools::logged_in())).await, "token of az");
        let error = failure(&offline(&variables, &Tools::none())).await;
        let reason = error.attempts()[1].reason();
        assert_eq!(reason, format!("not set in the environment: {name}"));
    }
}
