//! Which credentials are taken, and what the others are told.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::Azure;
use local_azure::tokens::{POSTGRES, STORAGE, now};
use uuid::Uuid;

use crate::rig::Rig;

const CONTAINER: &str = "GET /photos/one?restype=container";

#[tokio::test]
async fn only_the_right_token_is_taken() {
    let rig = Rig::shared().await;
    let owner = rig.owner();
    let token = rig.token(&owner);
    for resource in [
        STORAGE,
        "https://storage.azure.com/",
        "https://photos.blob.core.windows.net",
        "https://photos.blob.core.windows.net/",
        "e406a681-f3d4-42a8-90b6-c2b029497af1",
    ] {
        let token = rig.azure.token(&owner, resource);
        assert_eq!(rig.ask(CONTAINER).token(&token).answer().await.0, 200, "{resource}");
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
        (rig.changed(&owner, |claims| claims.tid = Uuid::new_v4()), "Issuer"),
        (rig.azure.token(&owner, POSTGRES), "Audience"),
        (
            rig.azure.token(&owner, "https://other.blob.core.windows.net"),
            "Audience",
        ),
        (
            rig.changed(&owner, |claims| claims.exp = now()),
            "The token is expired.",
        ),
        (rig.changed(&owner, |claims| claims.nbf = now() + 60), "not yet valid"),
        ("secret".to_owned(), "JWT"),
    ] {
        let answer = rig.ask(CONTAINER).token(&token).send().await;
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
        let tenant = rig.azure.read(|state| state.tenant);
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
async fn a_token_needs_a_version_that_knows_tokens() {
    let rig = Rig::shared().await;
    let token = rig.token(&rig.owner());
    for ask in [
        rig.ask(CONTAINER).without("x-ms-version"),
        rig.ask(CONTAINER).header("x-ms-version", "2016-05-31"),
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
async fn what_is_no_credential_is_refused() {
    let rig = Rig::shared().await;
    for value in ["Basic YTpi", "Bearer", "Digest a"] {
        let answer = rig.ask(CONTAINER).header("authorization", value).answer().await;
        assert_eq!(answer, (400, "InvalidAuthenticationInfo".to_owned()), "{value}");
    }
    for (target, expected) in [
        ("/nobody/one/blob", (404, "ResourceNotFound")),
        ("/photos/one?comp=list&comp=acl", (400, "InvalidQueryParameterValue")),
        ("/photos/one/%ff", (400, "InvalidUri")),
    ] {
        let answer = rig
            .ask(&format!("GET {target}"))
            .token(&rig.token(&rig.owner()))
            .answer()
            .await;
        assert_eq!((answer.0, answer.1.as_str()), expected, "{target}");
    }
    // A key is refused before a large body is sent in vain, and the answer is read.
    rig.change(|state| {
        let mut accounts = state.storage_accounts.iter_mut();
        accounts
            .find(|found| found.name == "other")
            .unwrap()
            .allow_shared_key_access = false;
    });
    let put = rig
        .ask("PUT /other/one/large")
        .header("authorization", "SharedKey other:AAAA");
    let answer = put.body(Body::from(vec![0; 8 << 20])).answer().await;
    assert_eq!(answer, (403, "KeyBasedAuthenticationNotPermitted".to_owned()));
}

#[tokio::test]
async fn an_account_is_found_by_its_host_name_too() {
    let rig = Rig::shared().await;
    let token = rig.token(&rig.owner());
    rig.put("/photos/one/by-host", "hello").await;
    let root = std::fs::read(rig.azure.authority().file()).unwrap();
    let port = rig.storage.port();
    for host in ["photos.blob.core.windows.net", "photos.blob.localhost"] {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&root).unwrap()])
            .resolve(host, ([127, 0, 0, 1], port).into())
            .no_proxy()
            .build()
            .unwrap();
        let get = client
            .get(format!("https://{host}:{port}/one/by-host"))
            .bearer_auth(&token);
        let answer = get.header("x-ms-version", "2025-11-05").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "hello");
    }
    // A name that says nothing is not taken for an account's.
    let get = rig.ask("GET /photos/one/by-host").header("host", "photos.example.com");
    assert_eq!(get.token(&token).send().await.text, "hello");
}

#[tokio::test]
async fn copies_read_no_more_than_the_caller_may() {
    let rig = Rig::shared().await;
    rig.put("/photos/two/secret", "secret").await;
    rig.put("/photos/blobs/open", "open").await;
    let writer = rig.identity();
    rig.give(
        writer.id,
        "Storage Blob Data Contributor",
        &rig.scope("photos", Some("one")),
    );
    let token = rig.token(&writer);
    let url = rig.storage.account_url("photos");
    let copy = async |source: &str| {
        let put = rig.ask("PUT /photos/one/copied").header("x-ms-copy-source", source);
        let put = put.without("x-ms-blob-type").token(&token);
        put.answer().await
    };
    rig.put("/photos/one/own", "own").await;
    assert_eq!(copy(&format!("{url}/one/own")).await.0, 202);
    assert_eq!(copy(&format!("{url}/blobs/open")).await.0, 202);
    for source in [
        format!("{url}/two/secret"),
        format!("{url}/one/../two/secret"),
        format!("{url}/one/%2e%2e/two/secret"),
        format!("{url}%2Ftwo/secret"),
        format!("{}/two/secret", rig.storage.account_url("other")),
    ] {
        let (status, code) = copy(&source).await;
        assert_eq!(code, "CannotVerifyCopySource", "{status} {source}");
    }
    let (_, code) = copy("https://photos.example.com/two/secret").await;
    assert_eq!(code, "InvalidHeaderValue");
}
