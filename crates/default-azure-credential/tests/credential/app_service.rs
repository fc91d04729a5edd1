//! The identity endpoint of App Service and similar services, which the official credential finds in the
//! process's environment. `az` is on the PATH and signed in, so a chain that should have stopped returns its token.

use std::time::{Duration, Instant};

use crate::child::{Outcome, RESOURCE_ID, TOKEN_TIMEOUT, run};
use crate::server::{Answer, Refusing, Seen, Server, answer};

const HEADER: &str = "identity-header-of-the-app";
const CLIENT_ID: (&str, &str) = ("AZURE_CLIENT_ID", "33333333-3333-3333-3333-333333333333");
const NOT_ASSIGNED: &str = r#"{"statusCode":400,"message":"No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."}"#;

/// A folder for the PATH, with an `az` that returns a token.
fn logged_in() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        let json = r#"{"accessToken":"token of az","expires_on":4102444800,"tokenType":"Bearer"}"#;
        crate::child::write_program(folder.path(), "az", &format!("#!/bin/sh\necho '{json}'\n"));
    }
    folder
}

fn token_json(expires_on: &str) -> String {
    format!(
        r#"{{"access_token":"token of the app",{expires_on}"resource":"https://storage.azure.com","token_type":"Bearer","client_id":"c"}}"#
    )
}

/// Runs the credential against an endpoint that answers with the result of `respond`.
async fn ask(
    variables: &[(&str, &str)],
    respond: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
) -> (Outcome, Vec<Seen>) {
    let server = Server::start(respond).await;
    let endpoint = format!("http://{}/msi/token", server.address);
    let outcome = run_with(&endpoint, variables).await;
    (outcome, server.seen())
}

async fn run_with(endpoint: &str, variables: &[(&str, &str)]) -> Outcome {
    let folder = logged_in();
    let path = folder.path().to_str().unwrap();
    let given = [
        ("IDENTITY_ENDPOINT", endpoint),
        ("IDENTITY_HEADER", HEADER),
        ("PATH", path),
    ];
    let outcome = run(&[given.as_slice(), variables].concat()).await;
    assert!(
        !outcome.output.contains(HEADER),
        "the header appears in {}",
        outcome.output
    );
    outcome
}

/// Panics unless the managed identity stopped the chain. Returns its reason.
fn refusal(outcome: &Outcome) -> &str {
    assert_eq!(outcome.refused, "ManagedIdentityCredential", "{outcome:?}");
    let reason = outcome
        .error
        .strip_prefix("DefaultAzureCredential stopped at ManagedIdentityCredential: ");
    reason.unwrap_or_else(|| panic!("{outcome:?}"))
}

#[tokio::test]
async fn the_request_for_the_apps_token_follows_azures_documentation() {
    let (outcome, seen) = ask(&[CLIENT_ID], |_, _| {
        answer(200, token_json(r#""expires_on":"4102444800","#))
    })
    .await;
    assert_eq!(
        (outcome.token.as_str(), outcome.expires_on.as_str()),
        ("token of the app", "4102444800")
    );
    assert_eq!(seen.len(), 1, "no probe: the variable shows that the endpoint exists");
    assert_eq!(seen[0].header("x-identity-header"), Some(HEADER));
    for part in [
        "GET /msi/token?",
        "api-version=2019-08-01",
        "resource=https%3A%2F%2Fstorage.azure.com",
        "client_id=33333333-3333-3333-3333-333333333333",
    ] {
        assert!(seen[0].line.contains(part), "{part} in {}", seen[0].line);
    }
    assert!(!seen[0].line.contains(".default"));
}

#[tokio::test]
async fn without_a_client_id_it_asks_for_the_system_assigned_identity() {
    let (outcome, seen) = ask(&[], |_, _| answer(200, token_json(r#""expires_on":"4102444800","#))).await;
    assert_eq!(outcome.token, "token of the app");
    assert!(!seen[0].line.contains("client_id"));
}

#[tokio::test]
async fn an_identity_that_is_not_assigned_stops_the_chain() {
    let (outcome, seen) = ask(&[CLIENT_ID], |_, _| answer(400, NOT_ASSIGNED)).await;
    assert_eq!(
        refusal(&outcome),
        format!(
            "HTTP 400: The requested identity has not been assigned to this resource (user-assigned, \
             client id 33333333-3333-3333-3333-333333333333, from AZURE_CLIENT_ID); the endpoint says: {NOT_ASSIGNED}"
        )
    );
    assert_eq!((outcome.status.as_str(), seen.len()), ("400", 1));

    // Unlike on a virtual machine, the chain also stops without an id: the platform says that there is an identity.
    let (outcome, _) = ask(&[], |_, _| answer(400, NOT_ASSIGNED)).await;
    assert!(refusal(&outcome).contains("(system-assigned, because AZURE_CLIENT_ID is not set)"));
}

#[tokio::test]
async fn a_resource_id_stops_the_chain_because_the_official_credential_rejects_it() {
    let (outcome, seen) = ask(&[(RESOURCE_ID, "/subscriptions/s/id")], |_, _| answer(200, "")).await;
    let reason = refusal(&outcome);
    assert!(
        reason.starts_with("User-assigned resource IDs aren't supported"),
        "{reason}"
    );
    assert_eq!(seen.len(), 0);
}

#[tokio::test]
async fn a_header_that_is_refused_stops_the_chain_and_stays_secret() {
    let (outcome, _) = ask(&[], |seen, _| {
        let header = seen.header("x-identity-header").unwrap_or_default();
        answer(401, format!("wrong header: {header}"))
    })
    .await;
    assert_eq!(
        refusal(&outcome),
        "HTTP 401: The request failed: wrong header: [hidden]"
    );
}

#[tokio::test]
async fn a_request_is_retried_after_the_delay_in_retry_after() {
    let start = Instant::now();
    let (outcome, seen) = ask(&[], |_, before| match before {
        0 => answer(429, "").header("retry-after", "1"),
        _ => answer(200, token_json(r#""expires_on":"4102444800","#)),
    })
    .await;
    assert_eq!((outcome.token.as_str(), seen.len()), ("token of the app", 2));
    assert!(start.elapsed() >= Duration::from_millis(900), "Retry-After was ignored");
}

#[tokio::test]
async fn repeated_429_responses_stop_the_chain_after_the_retries() {
    let (outcome, seen) = ask(&[], |_, _| answer(429, "slow down").header("retry-after", "0")).await;
    assert_eq!(refusal(&outcome), "HTTP 429: The request failed: slow down");
    assert_eq!((outcome.status.as_str(), seen.len()), ("429", 3));
}

#[tokio::test]
async fn the_chain_does_not_wait_for_a_retry_after_of_an_hour() {
    let (outcome, seen) = ask(&[(TOKEN_TIMEOUT, "3000")], |_, _| {
        answer(429, "slow down").header("retry-after", "3600")
    })
    .await;
    assert_eq!(
        refusal(&outcome),
        "no token within 3000 ms; the last response was HTTP 429"
    );
    assert_eq!((outcome.status.as_str(), seen.len()), ("429", 1));
}

#[tokio::test]
async fn a_failing_endpoint_stops_the_chain_after_the_retries() {
    for status in [500, 502, 503, 504] {
        let (outcome, seen) = ask(&[], move |_, _| answer(status, "<html>oops</html>")).await;
        let reason = refusal(&outcome);
        assert!(
            reason.starts_with(&format!("HTTP {status}: The request failed")),
            "{reason}"
        );
        assert_eq!((outcome.status, seen.len()), (status.to_string(), 3));
    }
}

#[tokio::test]
async fn a_response_that_is_not_a_token_stops_the_chain() {
    for body in [
        "",
        "<html>Sign in</html>",
        "[]",
        "{}",
        r#"{"access_token":7}"#,
        "\"\u{0}\"",
    ] {
        let (outcome, seen) = ask(&[], move |_, _| answer(200, body)).await;
        let reason = refusal(&outcome);
        let start = "the response is not a token in the expected format: ";
        assert!(reason.starts_with(start), "{body:?}: {reason}");
        assert_eq!(seen.len(), 1, "{body:?}");
    }
}

#[tokio::test]
async fn a_token_in_an_unexpected_field_is_not_shown() {
    let (outcome, _) = ask(&[], |_, _| answer(200, r#""opaque-token-of-the-app""#)).await;
    assert!(refusal(&outcome).contains("string [hidden], expected"));
    assert!(!outcome.output.contains("opaque-token"));
}

#[tokio::test]
async fn a_missing_or_invalid_expiry_stops_the_chain() {
    for (expires_on, why) in [
        ("", "missing field `expires_on`"),
        (r#""expires_on":4102444800,"#, "integer `4102444800`, expected a string"),
        (r#""expires_on":null,"#, "null, expected a string"),
        (r#""expires_on":"","#, "cannot parse integer from empty string"),
        (
            r#""expires_on":"01/01/2100 00:00:00 +00:00","#,
            "invalid digit found in string",
        ),
        (r#""expires_on":"4102444800.5","#, "invalid digit found in string"),
        (r#""expires_on":"99999999999999999","#, "timestamp"),
    ] {
        let (outcome, _) = ask(&[], move |_, _| answer(200, token_json(expires_on))).await;
        let reason = refusal(&outcome);
        assert!(reason.contains(why), "{expires_on}: {reason}");
        assert!(!outcome.output.contains("token of the app"), "{}", outcome.output);
    }
}

#[tokio::test]
async fn an_expired_token_is_returned_unchanged() {
    let (outcome, _) = ask(&[], |_, _| answer(200, token_json(r#""expires_on":"1","#))).await;
    assert_eq!(
        (outcome.token.as_str(), outcome.expires_on.as_str()),
        ("token of the app", "1")
    );
}

#[tokio::test]
async fn a_slow_endpoint_stops_the_chain_within_the_limit() {
    let start = Instant::now();
    let (outcome, _) = ask(&[(TOKEN_TIMEOUT, "300")], |_, _| {
        answer(200, "").after(Duration::from_secs(600))
    })
    .await;
    assert_eq!(refusal(&outcome), "no token within 300 ms");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn a_refused_connection_stops_the_chain() {
    let refusing = Refusing::new();
    let outcome = run_with(&format!("http://{}/msi/token", refusing.address), &[]).await;
    let reason = refusal(&outcome);
    assert!(
        reason.contains("retry policy expired") && reason.contains("failed to execute"),
        "{reason}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_not_a_url_stops_the_chain() {
    let outcome = run_with("msi", &[]).await;
    assert!(
        refusal(&outcome).contains("must be a valid URL, but is 'msi'"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_endpoint_without_its_header_stops_the_chain() {
    let outcome = run(&[("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token")]).await;
    assert_eq!(
        refusal(&outcome),
        "IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not"
    );
}

#[tokio::test]
async fn a_platform_that_is_not_supported_stops_the_chain() {
    let outcome = run_with("http://127.0.0.1:9/", &[("IDENTITY_SERVER_THUMBPRINT", "t")]).await;
    assert_eq!(refusal(&outcome), "Service Fabric managed identity isn't supported");
    let arc = [
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:9/"),
        ("IMDS_ENDPOINT", "http://127.0.0.1:9/"),
    ];
    assert_eq!(refusal(&run(&arc).await), "Azure Arc managed identity isn't supported");
    let outcome = run(&[("MSI_ENDPOINT", "http://127.0.0.1:9/"), ("MSI_SECRET", "s")]).await;
    assert_eq!(refusal(&outcome), "Azure ML managed identity isn't supported");
}

#[cfg(unix)]
#[tokio::test]
async fn in_cloud_shell_the_chain_continues_with_its_login() {
    let folder = logged_in();
    let path = folder.path().to_str().unwrap();
    let outcome = run(&[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token"), ("PATH", path)]).await;
    assert_eq!(outcome.token, "token of az");
}

/// The child uses the HTTP client of a real program, which uses the proxy of the environment.
#[cfg(unix)]
#[tokio::test]
async fn the_chain_continues_if_a_proxy_has_no_route_to_imds() {
    let proxy = Server::start(|_, _| answer(504, "<html>no way</html>")).await;
    let folder = logged_in();
    let path = folder.path().to_str().unwrap();
    let outcome = run(&[("HTTP_PROXY", &format!("http://{}", proxy.address)), ("PATH", path)]).await;
    assert_eq!(outcome.token, "token of az", "{outcome:?}");
    let seen = proxy.seen();
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0]
            .line
            .starts_with("GET http://169.254.169.254/metadata/identity/")
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_real_shell_runs_the_tools_on_the_path() {
    let folder = logged_in();
    let path = folder.path().to_str().unwrap();
    let outcome = run(&[("AZURE_TOKEN_CREDENTIALS", "dev"), ("PATH", path)]).await;
    assert_eq!(
        (outcome.token.as_str(), outcome.expires_on.as_str()),
        ("token of az", "4102444800")
    );

    let empty = tempfile::tempdir().unwrap();
    let outcome = run(&[
        ("AZURE_TOKEN_CREDENTIALS", "dev"),
        ("PATH", empty.path().to_str().unwrap()),
    ])
    .await;
    assert!(
        outcome.error.contains("AzureCliCredential: az not found on PATH"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .error
            .contains("AzureDeveloperCliCredential: azd not found on PATH"),
        "{outcome:?}"
    );
}
