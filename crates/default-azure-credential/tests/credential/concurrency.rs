//! Concurrent calls, and calls that are cancelled.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use default_azure_credential::DefaultAzureCredential;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::{SCOPE, offline, token};
use crate::tools::{Run, Tools};

const NAMED: [(&str, &str); 1] = [("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")];
const OTHER_SCOPE: &str = "https://vault.azure.net/.default";

/// A delay that is long enough for all calls of a test to begin.
const SLOW: Duration = Duration::from_secs(2);

async fn get(credential: &DefaultAzureCredential, scope: &str) -> Result<String, String> {
    match credential.get_token(&[scope], None).await {
        Ok(token) => Ok(token.token.secret().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The results of `count` concurrent calls.
async fn call_concurrently(credential: &Arc<DefaultAzureCredential>, count: usize) -> Vec<Result<String, String>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let credential = Arc::clone(credential);
        calls.spawn(async move { get(&credential, SCOPE).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_share_one_fetch() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("token of az").after(SLOW));
    let credential = offline(&NAMED, &tools);
    let all = call_concurrently(&credential, 50).await;
    assert_eq!(all, vec![Ok("token of az".to_owned()); 50]);
    assert_eq!(tools.runs(), ["az"]);

    // This also holds for a remembered credential.
    let all = call_concurrently(&credential, 50).await;
    assert_eq!(all, vec![Ok("token of az".to_owned()); 50]);
    assert_eq!(tools.runs(), ["az", "az"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_share_one_failure() {
    let tools = Tools::none();
    tools.set_az(Run::failing(1, "ERROR: not logged in").after(SLOW));
    let all = call_concurrently(&offline(&NAMED, &tools), 50).await;
    assert_eq!(all.len(), 50);
    for outcome in all {
        assert!(outcome.unwrap_err().contains("ERROR: not logged in"));
    }
    assert_eq!(tools.runs(), ["az"]);
}

#[tokio::test]
async fn a_call_after_the_fetch_starts_a_new_one() {
    let tools = Tools::logged_in();
    let credential = offline(&NAMED, &tools);
    token(&credential).await;
    tools.set_az(Run::az_token("newer token"));
    assert_eq!(token(&credential).await, "newer token");
}

#[tokio::test]
async fn a_token_for_another_scope_is_fetched_separately() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("token of az").after(SLOW));
    let credential = offline(&NAMED, &tools);
    let (one, other) = tokio::join!(get(&credential, SCOPE), get(&credential, OTHER_SCOPE));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(tools.runs(), ["az", "az"]);
}

#[tokio::test]
async fn a_cancelled_call_leaves_the_fetch_to_the_others() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("token of az").after(SLOW));
    let credential = offline(&NAMED, &tools);
    let first = {
        let credential = Arc::clone(&credential);
        tokio::spawn(async move { get(&credential, SCOPE).await })
    };
    while tools.runs().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = {
        let credential = Arc::clone(&credential);
        tokio::spawn(async move { get(&credential, SCOPE).await })
    };
    tokio::task::yield_now().await;
    first.abort();
    let outcome = timeout(Duration::from_secs(60), second)
        .await
        .expect("the call returns");
    assert_eq!(outcome.unwrap(), Ok("token of az".to_owned()));
    assert_eq!(tools.runs(), ["az"]);
}

#[tokio::test]
async fn after_all_calls_are_cancelled_the_next_call_starts_a_fetch() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("never").after(Duration::from_secs(600)));
    let credential = offline(&NAMED, &tools);
    let abandoned = timeout(Duration::from_millis(100), get(&credential, SCOPE)).await;
    assert!(abandoned.is_err());
    tools.set_az(Run::az_token("token of az"));
    let outcome = timeout(Duration::from_secs(60), get(&credential, SCOPE)).await;
    assert_eq!(outcome.expect("the call returns"), Ok("token of az".to_owned()));
}

#[tokio::test]
async fn a_cancelled_selection_lets_a_call_for_another_scope_start_one() {
    let tools = Tools::logged_in();
    tools.set_az(Run::az_token("never").after(Duration::from_secs(600)));
    let credential = offline(&NAMED, &tools);
    let selecting = {
        let credential = Arc::clone(&credential);
        tokio::spawn(async move { get(&credential, SCOPE).await })
    };
    while tools.runs().is_empty() {
        tokio::task::yield_now().await;
    }
    tools.set_az(Run::az_token("token of az"));
    let waiting = {
        let credential = Arc::clone(&credential);
        tokio::spawn(async move { get(&credential, OTHER_SCOPE).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(tools.runs(), ["az"], "one selection at a time");
    selecting.abort();
    let outcome = timeout(Duration::from_secs(60), waiting)
        .await
        .expect("the call returns");
    assert_eq!(outcome.unwrap(), Ok("token of az".to_owned()));
}
