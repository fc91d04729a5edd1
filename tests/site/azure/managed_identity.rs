//! The credential of the site gets its tokens from the identity endpoint of App Service.

use std::process::Stdio;

use azure_core::credentials::TokenCredential;
use default_azure_credential::DefaultAzureCredential;
use local_azure::testing::Cloud;
use local_azure::tokens::STORAGE;

use crate::harness::{assert_passed, test_process};

/// Runs [`child`] with these variables and no others.
async fn credential(variables: &[(&str, String)]) -> String {
    let output = test_process(module_path!(), "child")
        .arg("--ignored")
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert_passed(&output)
}

#[tokio::test]
async fn the_sites_credential_gets_a_token() {
    let cloud = Cloud::start();
    let text = credential(&cloud.environment()).await;
    let tokens = cloud.tokens();
    assert_eq!(tokens.len(), 1);
    assert!(text.contains(&format!("token={} ", tokens[0])), "{text}");
    let claims = cloud.azure().verify(&tokens[0], &[STORAGE]).unwrap();
    assert!(text.contains(&format!("expires_on={}\n", claims.exp)), "{text}");
    assert_eq!(claims.oid, cloud.identity().principal_id);
}

#[tokio::test]
async fn an_identity_that_is_not_assigned_is_reported() {
    let cloud = Cloud::start();
    let mut variables = cloud.environment();
    variables[2].1 = "33333333-3333-3333-3333-333333333333".to_owned();
    let text = credential(&variables).await;
    assert!(
        text.contains("error=") && text.contains("has not been assigned to this resource"),
        "{text}"
    );
    cloud.assert_no_secret_in(&text);
}

#[tokio::test]
#[ignore = "other tests run it in a separate process, because it reads the environment variables of its process"]
async fn child() {
    restaurant_review::tls::choose_provider();
    let credential = DefaultAzureCredential::new(None).unwrap();
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
