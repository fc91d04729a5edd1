//! Blob Storage for the benchmark: Local Azure's identity endpoint and its Azurite, with a container.
//!
//! It prints one line of JSON and runs until its standard input is closed:
//!
//! - `environment` contains the settings that make the site store its photos there and sign in as it does on Azure;
//! - `container_url` and `token` are for reading a blob without the site.

use std::error::Error;
use std::io::{Read as _, stdin};

use local_azure::testing::{Cloud, STORAGE_ACCOUNT};
use local_azure::tokens::STORAGE;

const CONTAINER: &str = "photos";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cloud = Cloud::start();
    cloud.create_container(CONTAINER).await;
    let account_url = cloud.blob_storage().await.account_url(STORAGE_ACCOUNT);
    let container_url = format!("{account_url}/{CONTAINER}");
    let mut environment = serde_json::Map::new();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value.into());
    for (name, value) in cloud.environment() {
        set(name, value);
    }
    set("STORAGE_ACCOUNT_NAME", account_url);
    set("STORAGE_CONTAINER_NAME", CONTAINER.to_owned());
    set("SSL_CERT_FILE", cloud.root_certificate().display().to_string());
    let token = cloud.token(STORAGE);
    println!(
        "{}",
        serde_json::json!({ "environment": environment, "container_url": container_url, "token": token })
    );
    // The benchmark closes the standard input when it is done.
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}
