//! Reports whether the chain finds a token for a scope on this machine. If it does not, the error says why.

use std::env;
use std::process::ExitCode;

use azure_core::credentials::TokenCredential;
use default_azure_credential::DefaultAzureCredential;

#[tokio::main]
async fn main() -> ExitCode {
    let scope = env::args().nth(1);
    let scope = scope.as_deref().unwrap_or("https://management.azure.com/.default");
    match token(scope).await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn token(scope: &str) -> azure_core::Result<String> {
    let token = DefaultAzureCredential::new(None)?.get_token(&[scope], None).await?;
    Ok(format!(
        "The chain returned a token for {scope}, valid until {}.",
        token.expires_on
    ))
}
