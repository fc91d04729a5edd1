//! Microsoft's own clients.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, Transport};
use azure_core::time::{Duration, OffsetDateTime};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures_util::TryStreamExt as _;
use local_azure::state::StorageAccount;

use crate::rig::{Storage, https, script};

#[tokio::test]
async fn the_python_client_works_as_on_azure() {
    let storage = Storage::start().await;
    let owner = storage.owner();
    let environment = [
        ("URL", storage.service().account_url("photos")),
        ("OTHER_URL", storage.service().account_url("other")),
        ("TOKEN", storage.token(&owner)),
        ("KEY", storage.key("photos")),
        (
            "REQUESTS_CA_BUNDLE",
            storage.azure().authority().file().display().to_string(),
        ),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ];
    let output = script("blobs.py").envs(environment).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let left: HashMap<String, String> = serde_json::from_slice(&output.stdout).unwrap();

    // The permissions behind a signature are checked at each request.
    let answer = |name: &str| {
        let (_, target) = left[name]
            .split_once(&format!(":{}", storage.service().port()))
            .unwrap();
        storage.ask(&format!("GET {target}")).answer()
    };
    assert_eq!(answer("by_key").await.0, 200);
    assert_eq!(answer("by_delegation").await.0, 200);
    set_key_access(&storage, false);
    assert_eq!(
        answer("by_key").await,
        (403, "KeyBasedAuthenticationNotPermitted".to_owned())
    );
    assert_eq!(answer("by_delegation").await.0, 200);
    set_key_access(&storage, true);
    storage.change(|state| state.role_assignments.retain(|there| there.principal_id != owner.id));
    assert_eq!(answer("by_key").await.0, 200);
    assert_eq!(
        answer("by_delegation").await,
        (403, "AuthorizationPermissionMismatch".to_owned())
    );
    storage.give(owner.id, "Storage Blob Data Reader", &storage.scope("photos", None));
    assert_eq!(answer("by_delegation").await.0, 200);
    storage.change(|state| _ = state.remove(&owner.managed_identity.clone().unwrap()));
    assert_eq!(answer("by_delegation").await, (403, "AuthenticationFailed".to_owned()));

    let log = storage.service().log();
    assert!(log.contains("/photos/python/copy"), "{log}");
    for (what, signed) in &left {
        let (_, signature) = signed.split_once("sig=").unwrap();
        let signature = signature.split('&').next().unwrap();
        assert!(!log.contains(signature), "the log contains the signature {what}");
    }
}

fn set_key_access(storage: &Storage, allowed: bool) {
    storage.change(|state| {
        state.edit("photos", |account: &mut StorageAccount| {
            account.allow_shared_key_access = allowed;
        });
    });
}

#[derive(Debug)]
struct Token(String);

#[async_trait]
impl TokenCredential for Token {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(
            self.0.clone(),
            OffsetDateTime::now_utc() + Duration::hours(1),
        ))
    }
}

fn container(storage: &Storage, name: &str, token: String) -> BlobContainerClient {
    let client = https(storage.azure()).build().unwrap();
    let options = BlobContainerClientOptions {
        client_options: ClientOptions {
            transport: Some(Transport::new(Arc::new(client))),
            ..ClientOptions::default()
        },
        ..BlobContainerClientOptions::default()
    };
    let url = format!("{}/{name}", storage.service().account_url("photos"))
        .parse()
        .unwrap();
    BlobContainerClient::new(url, Some(Arc::new(Token(token))), Some(options)).unwrap()
}

#[tokio::test]
async fn the_rust_client_works_as_on_azure() {
    let storage = Storage::start().await;
    let contributor = storage.identity();
    storage.give(
        contributor.id,
        "Storage Blob Data Contributor",
        &storage.scope("photos", None),
    );
    let container = container(&storage, "rust", storage.token(&contributor));
    let missing = container.get_properties(None).await.unwrap_err();
    assert_eq!(missing.http_status().map(u16::from), Some(404));
    container.create(None).await.unwrap();
    for name in ["a", "b/c d.txt"] {
        let blob = container.blob_client(name);
        blob.upload(Bytes::from_static(b"hello").into(), None).await.unwrap();
        let body = blob.download(None).await.unwrap().body.collect().await.unwrap();
        assert_eq!(body, &b"hello"[..]);
    }
    let blobs: Vec<_> = container.list_blobs(None).unwrap().try_collect().await.unwrap();
    let names: Vec<_> = blobs.into_iter().map(|blob| blob.name.unwrap()).collect();
    assert_eq!(names, ["a", "b/c d.txt"]);
    container.blob_client("a").delete(None).await.unwrap();
    container.delete(None).await.unwrap();
}
