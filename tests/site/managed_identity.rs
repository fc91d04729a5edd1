//! The rig's identity endpoint: it answers as App Service does.

use std::env;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use default_azure_credential::DefaultAzureCredential;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::rig::{Behaviour, IdentityEndpoint};

const STORAGE: &str = "https://storage.azure.com";

/// Asks as a well-behaved client does, but for what a test changes.
async fn ask(endpoint: &IdentityEndpoint, changes: &[(&str, &str)]) -> Response {
    let client_id = endpoint.client_id().to_owned();
    let mut query = vec![
        ("resource", STORAGE),
        ("api-version", "2019-08-01"),
        ("client_id", &client_id),
    ];
    let mut secret = endpoint.header();
    for (name, value) in changes {
        query.retain(|(known, _)| known != name);
        match (*name, *value) {
            ("header", value) => secret = value,
            (_, "") => {}
            parameter => query.push(parameter),
        }
    }
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.get(endpoint.url()).query(&query);
    request.header("X-IDENTITY-HEADER", secret).send().await.unwrap()
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_signed_and_says_what_entra_says() {
    let endpoint = IdentityEndpoint::start();
    endpoint.set_lifetime(3600);
    let answer = json(ask(&endpoint, &[]).await).await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["resource"], STORAGE);
    assert_eq!(answer["client_id"], endpoint.client_id());
    let token = answer["access_token"].as_str().unwrap();
    let claims = endpoint.public_key().open(token).unwrap();
    assert_eq!(answer["expires_on"], claims.exp.to_string(), "a string of seconds");
    assert_eq!(claims.aud, STORAGE);
    assert_eq!(claims.iss, format!("https://sts.windows.net/{}/", claims.tid));
    assert_eq!((claims.iat, claims.exp), (claims.nbf, claims.nbf + 3600));
    assert_eq!(
        (claims.appid.as_str(), claims.oid.as_str(), claims.sub.as_str()),
        (endpoint.client_id(), endpoint.object_id(), endpoint.object_id())
    );
    assert_eq!((claims.idtyp.as_str(), claims.ver.as_str()), ("app", "1.0"));

    // Neither another key nor another text passes.
    let other = IdentityEndpoint::start();
    assert!(other.public_key().open(token).is_err());
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = rest.split_once('.').unwrap();
    let other_token = other.token(STORAGE);
    let foreign = other_token.split('.').nth(1).unwrap();
    assert!(
        endpoint
            .public_key()
            .open(&format!("{header}.{foreign}.{signature}"))
            .is_err()
    );
}

#[tokio::test]
async fn wrong_requests_are_refused_in_azures_words() {
    let endpoint = IdentityEndpoint::start();
    let not_assigned =
        "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
    let object_id = endpoint.object_id().to_owned();
    for (changes, status, message) in [
        (&[("header", "guess")][..], 401, "X-IDENTITY-HEADER"),
        (&[("api-version", "2017-09-01")], 400, "api-version"),
        (&[("api-version", "")], 400, "api-version"),
        (&[("resource", "")], 400, "resource"),
        (&[("resource", "https://storage.azure.com/.default")], 400, "resource"),
        (
            &[("client_id", "33333333-3333-3333-3333-333333333333")],
            400,
            not_assigned,
        ),
        (&[("client_id", "")], 400, not_assigned),
        (&[("object_id", &object_id)], 400, not_assigned),
    ] {
        let answer = ask(&endpoint, changes).await;
        assert_eq!(answer.status(), status, "{changes:?}");
        let answer = json(answer).await;
        assert_eq!(answer["statusCode"], status, "{changes:?}");
        assert!(
            answer["message"].as_str().unwrap().contains(message),
            "{changes:?}: {answer}"
        );
    }
    assert_eq!((endpoint.requests(), endpoint.tokens().len()), (8, 0));
    let by_object = [("client_id", ""), ("object_id", &*object_id)];
    assert_eq!(ask(&endpoint, &by_object).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn it_fails_as_told_and_recovers() {
    let endpoint = IdentityEndpoint::start();
    endpoint.set_behaviour(Behaviour::Fails(500));
    assert_eq!(ask(&endpoint, &[]).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    endpoint.set_behaviour(Behaviour::TooManyRequests { retry_after: 7 });
    let answer = ask(&endpoint, &[]).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "7");
    endpoint.set_behaviour(Behaviour::Hangs);
    let hanging = timeout(Duration::from_millis(200), ask(&endpoint, &[])).await;
    assert!(hanging.is_err());
    endpoint.set_behaviour(Behaviour::Works);
    assert_eq!(ask(&endpoint, &[]).await.status(), StatusCode::OK);
    assert_eq!((endpoint.requests(), endpoint.tokens().len()), (4, 1));
}

#[tokio::test]
async fn it_goes_away_with_its_connections_and_comes_back() {
    let endpoint = IdentityEndpoint::start();
    let address = endpoint.url().split('/').nth(2).unwrap().to_owned();
    let client = Client::builder().no_proxy().build().unwrap();
    // A connection that the client keeps, and one that waits for its answer.
    let _ = client.get(endpoint.url()).send().await.unwrap();
    endpoint.set_behaviour(Behaviour::Hangs);
    let waiting = tokio::spawn(client.get(endpoint.url()).send());
    while endpoint.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..3 {
        endpoint.stop();
        assert!(TcpStream::connect(&address).is_err());
        assert!(client.get(endpoint.url()).send().await.unwrap_err().is_connect());
        endpoint.start_again();
        endpoint.set_behaviour(Behaviour::Works);
        assert_eq!(ask(&endpoint, &[]).await.status(), StatusCode::OK);
    }
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn tokens_repeat_when_asked_to() {
    let endpoint = IdentityEndpoint::start();
    let token = async || json(ask(&endpoint, &[]).await).await["access_token"].clone();
    assert_ne!(token().await, token().await);
    endpoint.set_repeat_while_left(Some(60));
    let first = token().await;
    endpoint.token("https://ossrdbms-aad.database.windows.net");
    assert_eq!(token().await, first);
    endpoint.set_lifetime(60);
    endpoint.set_repeat_while_left(Some(24 * 60 * 60));
    let second = token().await;
    assert_ne!(second, first);
    assert_ne!(token().await, second, "it has too little left");
}

#[tokio::test]
async fn secrets_are_found_in_a_text() {
    let endpoint = IdentityEndpoint::start();
    let token = endpoint.token(STORAGE);
    endpoint.assert_no_secret_in("a harmless text");
    let found = |text: String| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| endpoint.assert_no_secret_in(&text))).is_err()
    };
    assert!(found(format!("token={token}")));
    assert!(found(format!("token={}...", &token[..30])));
    assert!(found(format!("...{}", &token[token.len() - 47..])));
    assert!(found(format!("header={}", endpoint.header())));
}

/// Runs [`child`] with these variables and no others.
async fn credential(variables: &[(&str, String)]) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "managed_identity::child",
            "--ignored",
            "--nocapture",
            "--quiet",
        ])
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test]
async fn the_sites_credential_gets_a_token() {
    let endpoint = IdentityEndpoint::start();
    let text = credential(&endpoint.environment()).await;
    let tokens = endpoint.tokens();
    assert_eq!(tokens.len(), 1);
    assert!(text.contains(&format!("token={} ", tokens[0])), "{text}");
    let claims = endpoint.public_key().open(&tokens[0]).unwrap();
    assert!(text.contains(&format!("expires_on={}\n", claims.exp)), "{text}");
    assert_eq!(claims.aud, STORAGE);
}

#[tokio::test]
async fn the_sites_credential_is_told_of_an_identity_that_is_not_assigned() {
    let endpoint = IdentityEndpoint::start();
    let mut variables = endpoint.environment();
    variables[2].1 = "33333333-3333-3333-3333-333333333333".to_owned();
    let text = credential(&variables).await;
    assert!(
        text.contains("error=") && text.contains("has not been assigned to this resource"),
        "{text}"
    );
    endpoint.assert_no_secret_in(&text);
}

#[tokio::test]
#[ignore = "a part of other tests, which run it in a process of its own: variables are read from there"]
async fn child() {
    let credential = DefaultAzureCredential::new().unwrap();
    match credential
        .get_token(&["https://storage.azure.com/.default"], None)
        .await
    {
        Ok(token) => println!(
            "\ntoken={} expires_on={}",
            token.token.secret(),
            token.expires_on.unix_timestamp()
        ),
        Err(error) => println!("\nerror={error}"),
    }
}
