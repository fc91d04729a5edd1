//! Which credentials are accepted, and how the others are refused.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::Azure;
use local_azure::state::StorageAccount;
use local_azure::tokens::{POSTGRES, STORAGE, now};
use uuid::Uuid;

use crate::rig::{Storage, https};

const CONTAINER: &str = "GET /photos/one?restype=container";

#[tokio::test]
async fn only_a_valid_token_for_blob_storage_is_accepted() {
    let storage = Storage::start().await;
    let owner = storage.owner();
    let token = storage.token(&owner);
    for resource in [
        STORAGE,
        "https://storage.azure.com/",
        "https://photos.blob.core.windows.net",
        "https://photos.blob.core.windows.net/",
        "e406a681-f3d4-42a8-90b6-c2b029497af1",
    ] {
        let token = storage.azure().token(&owner, resource);
        assert_eq!(storage.ask(CONTAINER).token(&token).answer().await.0, 200, "{resource}");
    }

    let other = tempfile::tempdir().unwrap();
    let other = Azure::open(other.path()).unwrap();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = rest.split_once('.').unwrap();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let forged = {
        let claims = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let claims = String::from_utf8(claims)
            .unwrap()
            .replace(&owner.id.to_string(), &Uuid::new_v4().to_string());
        format!("{header}.{}.{signature}", encode(&claims))
    };
    for (token, detail) in [
        (forged, "Signature"),
        (format!("{rest}."), "Signature"),
        (format!("{}.{payload}.", encode(r#"{"alg":"none"}"#)), "JWT"),
        (
            format!("{}.{payload}.{signature}", encode(r#"{"alg":"HS256"}"#)),
            "Signature",
        ),
        (other.token(&owner, STORAGE), "Signature"),
        (storage.changed(&owner, |claims| claims.tid = Uuid::new_v4()), "Issuer"),
        (storage.azure().token(&owner, POSTGRES), "Audience"),
        (
            storage.azure().token(&owner, "https://other.blob.core.windows.net"),
            "Audience",
        ),
        (
            storage.changed(&owner, |claims| claims.exp = now()),
            "The token is expired.",
        ),
        (
            storage.changed(&owner, |claims| claims.nbf = now() + 60),
            "not yet valid",
        ),
        ("secret".to_owned(), "JWT"),
    ] {
        let answer = storage.ask(CONTAINER).token(&token).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.code.as_str()),
            (401, "InvalidAuthenticationInfo"),
            "{detail}"
        );
        assert!(
            answer
                .text
                .starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>Inv"),
            "{answer:?}"
        );
        assert!(
            answer.text.contains("<AuthenticationErrorDetail>") && answer.text.contains(detail),
            "{answer:?}"
        );
        let tenant = storage.azure().read(|state| state.tenant);
        assert_eq!(
            answer.headers["www-authenticate"],
            format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize \
                 resource_id=https://storage.azure.com"
            )
        );
        for header in ["x-ms-request-id", "x-ms-version", "date"] {
            assert!(answer.headers.contains_key(header), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_token_is_refused_by_protocol_versions_without_tokens() {
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    for ask in [
        storage.ask(CONTAINER).without("x-ms-version"),
        storage.ask(CONTAINER).header("x-ms-version", "2016-05-31"),
    ] {
        let answer = ask.token(&token).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.code.as_str()),
            (403, "AuthenticationFailed")
        );
        assert!(
            answer.text.contains("Bearer is not supported in this version"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn invalid_credentials_and_addresses_are_refused() {
    let storage = Storage::start().await;
    for value in ["Basic YTpi", "Bearer", "Digest a"] {
        let answer = storage.ask(CONTAINER).header("authorization", value).answer().await;
        assert_eq!(answer, (400, "InvalidAuthenticationInfo".to_owned()), "{value}");
    }
    for (target, expected) in [
        ("/nobody/one/blob", (404, "ResourceNotFound")),
        ("/photos/one?comp=list&comp=acl", (400, "InvalidQueryParameterValue")),
        ("/photos/one/%ff", (400, "InvalidUri")),
    ] {
        let answer = storage
            .ask(&format!("GET {target}"))
            .token(&storage.token(&storage.owner()))
            .answer()
            .await;
        assert_eq!((answer.0, answer.1.as_str()), expected, "{target}");
    }
    // A key is refused before a large body is sent, and the client receives the response.
    storage.change(|state| {
        state.edit("other", |account: &mut StorageAccount| {
            account.allow_shared_key_access = false;
        });
    });
    let put = storage
        .ask("PUT /other/one/large")
        .header("authorization", "SharedKey other:AAAA");
    let answer = put.body(Body::from(vec![0; 8 << 20])).answer().await;
    assert_eq!(answer, (403, "KeyBasedAuthenticationNotPermitted".to_owned()));
}

#[tokio::test]
async fn an_account_is_also_found_by_its_host_name() {
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    storage.put("/photos/one/by-host", "hello").await;
    let port = storage.service().port();
    for host in ["photos.blob.core.windows.net", "photos.blob.localhost"] {
        let address = ([127, 0, 0, 1], port).into();
        let client = https(storage.azure()).resolve(host, address).build().unwrap();
        let get = client
            .get(format!("https://{host}:{port}/one/by-host"))
            .bearer_auth(&token);
        let answer = get.header("x-ms-version", "2025-11-05").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "hello");
    }
    // Another host name does not name an account.
    let get = storage
        .ask("GET /photos/one/by-host")
        .header("host", "photos.example.com");
    assert_eq!(get.token(&token).send().await.text, "hello");
}

#[tokio::test]
async fn a_copy_reads_only_blobs_that_the_caller_may_read() {
    let storage = Storage::start().await;
    storage.put("/photos/two/secret", "secret").await;
    storage.put("/photos/blobs/open", "open").await;
    let writer = storage.identity();
    storage.give(
        writer.id,
        "Storage Blob Data Contributor",
        &storage.scope("photos", Some("one")),
    );
    let token = storage.token(&writer);
    let url = storage.service().account_url("photos");
    let copy = async |source: &str| {
        let put = storage.ask("PUT /photos/one/copied").header("x-ms-copy-source", source);
        let put = put.without("x-ms-blob-type").token(&token);
        put.answer().await
    };
    storage.put("/photos/one/own", "own").await;
    assert_eq!(copy(&format!("{url}/one/own")).await.0, 202);
    assert_eq!(copy(&format!("{url}/blobs/open")).await.0, 202);
    for source in [
        format!("{url}/two/secret"),
        format!("{url}/one/../two/secret"),
        format!("{url}/one/%2e%2e/two/secret"),
        format!("{url}%2Ftwo/secret"),
        format!("{}/two/secret", storage.service().account_url("other")),
    ] {
        let (status, code) = copy(&source).await;
        assert_eq!(code, "CannotVerifyCopySource", "{status} {source}");
    }
    let (_, code) = copy("https://photos.example.com/two/secret").await;
    assert_eq!(code, "InvalidHeaderValue");
}
