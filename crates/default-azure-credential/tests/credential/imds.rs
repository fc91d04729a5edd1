//! The identity of a virtual machine, and machines without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use azure_core::time::Duration as Limit;
use default_azure_credential::DefaultAzureCredential;

use crate::harness::{ALL, asked, failure, offline, options, refusal, token};
use crate::server::{Answer, Seen, Server, answer};
use crate::tools::{Run, Tools};

const CLIENT_ID: (&str, &str) = ("AZURE_CLIENT_ID", "22222222-2222-2222-2222-222222222222");
const NO_HEADER: &str = r#"{"error":"invalid_request","error_description":"Required metadata header not specified"}"#;
const NO_IDENTITY: &str = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
const TOKEN: &str = r#"{"access_token":"token of the machine","client_id":"c","expires_in":"86399","expires_on":"4102444800","ext_expires_in":"86399","not_before":"1","resource":"https://storage.azure.com","token_type":"Bearer"}"#;

/// An IMDS that answers the probe as Azure does, and other requests with the result of `respond`.
async fn imds(respond: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(move |seen, before| {
        if seen.is_probe() {
            answer(400, NO_HEADER)
        } else {
            respond(seen, before)
        }
    })
    .await
}

#[tokio::test]
async fn imds_is_probed_once_and_issues_a_token_for_the_system_assigned_identity() {
    let server = imds(|_, _| answer(200, TOKEN)).await;
    let tools = Tools::logged_in();
    let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &tools))).unwrap();
    assert_eq!(token(&credential).await, "token of the machine");
    assert_eq!(token(&credential).await, "token of the machine");

    let seen = server.seen();
    assert_eq!(seen.len(), 2, "a probe and a request");
    assert!(
        seen[0].is_probe()
            && seen[0]
                .line
                .starts_with("GET /169.254.169.254/metadata/identity/oauth2/token?")
    );
    assert_eq!(seen[1].header("metadata"), Some("true"));
    assert!(
        seen[1].line.contains("resource=https%3A%2F%2Fstorage.azure.com&")
            || seen[1].line.ends_with("resource=https%3A%2F%2Fstorage.azure.com")
    );
    assert!(!seen[1].line.contains("client_id"));
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn the_client_id_selects_a_user_assigned_identity() {
    let server = imds(|_, _| answer(200, TOKEN)).await;
    let options = options(&[CLIENT_ID], server.transport(), &Tools::logged_in());
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    assert_eq!(token(&credential).await, "token of the machine");
    assert!(server.seen()[1].line.contains(&format!("client_id={}", CLIENT_ID.1)));
}

#[tokio::test]
async fn the_chain_continues_after_a_refused_connection() {
    assert_eq!(token(&offline(&[], &Tools::logged_in())).await, "token of az");
    let error = failure(&offline(&[], &Tools::none())).await;
    assert_eq!(asked(&error), ALL);
    assert_eq!(
        error.attempts()[2].reason(),
        "IDENTITY_ENDPOINT is not set, and IMDS cannot be reached"
    );
}

#[tokio::test]
async fn a_machine_without_imds_is_not_delayed() {
    let server = Server::start(|_, _| answer(400, NO_HEADER).after(Duration::from_secs(600))).await;
    let tools = Tools::logged_in();
    let mut options = options(&[], server.transport(), &tools);
    options.imds_probe_timeout = Limit::milliseconds(200);
    let start = Instant::now();
    let credential = DefaultAzureCredential::new(Some(options.clone())).unwrap();
    assert_eq!(token(&credential).await, "token of az");
    assert!(start.elapsed() < Duration::from_secs(60));

    tools.set_az(Run::not_installed());
    tools.set_azd(Run::not_installed());
    let error = failure(&DefaultAzureCredential::new(Some(options)).unwrap()).await;
    assert_eq!(
        error.attempts()[2].reason(),
        "IDENTITY_ENDPOINT is not set, and IMDS did not answer within 200 ms"
    );
    assert!(server.seen().iter().all(Seen::is_probe));
}

#[tokio::test]
async fn the_chain_continues_if_a_proxy_answers_instead_of_imds() {
    for status in [403, 407, 502, 504] {
        let server = Server::start(move |_, _| answer(status, "<html>proxy</html>")).await;
        let tools = Tools::logged_in();
        let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &tools))).unwrap();
        assert_eq!(token(&credential).await, "token of az", "{status}");
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_chain_continues_on_a_machine_without_an_identity() {
    let server = imds(|_, _| answer(400, NO_IDENTITY)).await;
    let tools = Tools::logged_in();
    let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &tools))).unwrap();
    assert_eq!(token(&credential).await, "token of az");

    let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &Tools::none()))).unwrap();
    let error = failure(&credential).await;
    assert_eq!(asked(&error), ALL);
    assert!(error.refused().is_none());
    assert_eq!(
        error.attempts()[2].reason(),
        format!(
            "HTTP 400: The requested identity has not been assigned to this resource \
             (system-assigned, because AZURE_CLIENT_ID is not set); the endpoint says: {NO_IDENTITY}"
        )
    );
}

#[tokio::test]
async fn a_scope_that_does_not_exist_stops_the_chain() {
    for body in [
        r#"{"error":"invalid_resource","error_description":"AADSTS500011: not found"}"#,
        "no JSON",
        "",
    ] {
        let server = imds(move |_, _| answer(400, body)).await;
        let tools = Tools::logged_in();
        let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &tools))).unwrap();
        let error = failure(&credential).await;
        assert!(refusal(&error, "ManagedIdentityCredential").ends_with(body));
        assert_eq!(tools.runs(), [""; 0]);
    }
}

#[tokio::test]
async fn a_missing_identity_that_was_requested_by_its_id_stops_the_chain() {
    let server = imds(|_, _| answer(400, NO_IDENTITY)).await;
    let tools = Tools::logged_in();
    let credential = DefaultAzureCredential::new(Some(options(&[CLIENT_ID], server.transport(), &tools))).unwrap();
    let error = failure(&credential).await;
    assert_eq!(error.refused().unwrap().status().map(u16::from), Some(400));
    assert_eq!(
        refusal(&error, "ManagedIdentityCredential"),
        format!(
            "HTTP 400: The requested identity has not been assigned to this resource \
             (user-assigned, client id {}, from AZURE_CLIENT_ID); the endpoint says: {NO_IDENTITY}",
            CLIENT_ID.1
        )
    );
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn a_request_is_retried_after_the_delay_in_retry_after() {
    // Request 0 is the probe.
    let server = imds(|_, before| match before {
        1 => answer(429, "slow down").header("retry-after", "1"),
        _ => answer(200, TOKEN),
    })
    .await;
    let credential = DefaultAzureCredential::new(Some(options(&[], server.transport(), &Tools::logged_in()))).unwrap();
    let start = Instant::now();
    assert_eq!(token(&credential).await, "token of the machine");
    assert!(start.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_failing_imds_stops_the_chain_within_the_limit_and_is_not_skipped_later() {
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    let server = Server::start(move |_, _| {
        let delay = if is_silent.load(Ordering::SeqCst) { 600 } else { 0 };
        answer(500, "restarting").after(Duration::from_secs(delay))
    })
    .await;
    let tools = Tools::logged_in();
    let mut options = options(&[], server.transport(), &tools);
    options.token_timeout = Limit::seconds(3);
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    let error = failure(&credential).await;
    assert_eq!(
        refusal(&error, "ManagedIdentityCredential"),
        "no token within 3000 ms; the last response was HTTP 500"
    );

    // IMDS has answered before, so its silence does not mean that it is absent.
    silent.store(true, Ordering::SeqCst);
    let error = failure(&credential).await;
    refusal(&error, "ManagedIdentityCredential");
    assert_eq!(server.seen().iter().filter(|seen| seen.is_probe()).count(), 1);
    assert_eq!(tools.runs(), [""; 0]);
}

#[tokio::test]
async fn imds_is_not_probed_if_only_the_managed_identity_is_selected() {
    let server = Server::start(|_, _| answer(200, TOKEN)).await;
    let variables = [("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")];
    let options = options(&variables, server.transport(), &Tools::logged_in());
    let credential = DefaultAzureCredential::new(Some(options)).unwrap();
    assert_eq!(token(&credential).await, "token of the machine");
    assert_eq!(server.seen().len(), 1);
    assert!(!server.seen()[0].is_probe());
}
