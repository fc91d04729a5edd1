//! Tests of the store with a scripted service; those with a real one are in `tests/site/azure/blobs.rs`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::to_bytes;
use azure_core::credentials::{AccessToken, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::*;
use crate::error_chain::chain;

const TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL3N0b3JhZ2UuYXp1cmUuY29tIiwib2lkIjoiMTIzNDU2NzgifQ.c2lnbmF0dXJl";

#[derive(Debug)]
struct FixedToken;

#[async_trait]
impl TokenCredential for FixedToken {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires_on = azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(TOKEN, expires_on))
    }
}

type Answer = Box<dyn Fn(usize, &Request) -> Option<azure_core::Result<AsyncRawResponse>> + Send + Sync>;

/// Answers the nth request as the test specifies. `None` means never.
struct Script {
    asked: AtomicUsize,
    answer: Answer,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

#[async_trait]
impl HttpClient for Script {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        match (self.answer)(nth, request) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

fn config() -> StorageConfig {
    StorageConfig {
        account_url: url::Url::parse("https://contoso.blob.core.windows.net").unwrap(),
        container: "photos".to_owned(),
        photos_base_url: None,
        client_id: None,
    }
}

fn store(
    answer: impl Fn(usize, &Request) -> Option<azure_core::Result<AsyncRawResponse>> + Send + Sync + 'static,
) -> (BlobPhotos, Arc<Script>) {
    let script = Arc::new(Script {
        asked: AtomicUsize::new(0),
        answer: Box::new(answer),
    });
    let options = ClientOptions {
        transport: Some(Transport::new(script.clone())),
        ..Default::default()
    };
    let store = BlobPhotos::open(&config(), Arc::new(FixedToken), options).unwrap();
    (store, script)
}

/// An error as Blob Storage words it.
fn refusal(status: u16, code: &str, more: &str) -> AsyncRawResponse {
    let mut headers = Headers::new();
    headers.insert("x-ms-error-code", code.to_owned());
    headers.insert("x-ms-request-id", "a-request-id");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>No.\nRequestId:1</Message>{more}</Error>"
    );
    AsyncRawResponse::from_bytes(StatusCode::from(status), headers, body)
}

fn photo() -> ProcessedPhoto {
    ProcessedPhoto {
        photo: Bytes::from_static(b"photo"),
        medium: Bytes::from_static(b"medium"),
        thumbnail: Bytes::from_static(b"thumbnail"),
    }
}

async fn fault_of(answer: impl Fn() -> azure_core::Result<AsyncRawResponse> + Send + Sync + 'static) -> String {
    let (store, _) = store(move |_, _| Some(answer()));
    let error = store.ready().await.unwrap_err();
    assert!(!format!("{error:?}").contains("eyJ"), "{error:?}");
    chain(&error)
}

#[tokio::test(start_paused = true)]
async fn every_refusal_names_the_command_that_helps() {
    for (status, code, wanted) in [
        (
            403,
            "AuthorizationPermissionMismatch",
            "az role assignment create --role \"Storage Blob Data Contributor\"",
        ),
        (
            404,
            "ContainerNotFound",
            "az storage container create --name photos --account-name contoso --auth-mode login",
        ),
        (
            403,
            "AuthenticationFailed",
            "the Entra token is not accepted (Audience did not match.)",
        ),
        (401, "InvalidAuthenticationInfo", "az account show --query tenantId"),
        (
            409,
            "PublicAccessNotPermitted",
            "az storage account show --account-name contoso --query allowBlobPublicAccess",
        ),
        (403, "AuthorizationFailure", "networkRuleSet"),
        (403, "AccountIsDisabled", "the account is disabled"),
        (
            418,
            "SomethingNew",
            "it refused the request. It answered 418 SomethingNew",
        ),
    ] {
        let detail = "<AuthenticationErrorDetail>Audience did not match.</AuthenticationErrorDetail>";
        let text = fault_of(move || Ok(refusal(status, code, detail))).await;
        for part in [
            wanted,
            &format!("{status} {code}, request a-request-id"),
            "Blob Storage https://contoso.blob.core.windows.net, container photos: ",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
        assert!(!text.contains('\n'), "{text:?} is one line of the log");
    }
}

#[tokio::test(start_paused = true)]
async fn no_text_holds_a_token() {
    // A service, or a proxy, that echoes what it was sent.
    let echo = || {
        let more = format!(
            "<AuthenticationErrorDetail>Not good: Bearer {TOKEN}, sorry</AuthenticationErrorDetail><X>{TOKEN}</X>"
        );
        Ok(refusal(403, "AuthenticationFailed", &more))
    };
    let text = fault_of(echo).await;
    assert!(text.contains("Not good: Bearer [removed] sorry"), "{text}");
    let page = || {
        Ok(AsyncRawResponse::from_bytes(
            StatusCode::BadGateway,
            Headers::new(),
            format!("<html>{TOKEN}"),
        ))
    };
    let broken = || Err(azure_core::Error::with_message(ErrorKind::Io, format!("sent:{TOKEN}")));
    for text in [fault_of(page).await, fault_of(broken).await] {
        assert!(!text.contains("eyJ"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_says_why_the_service_cannot_be_reached() {
    let connect = |cause: &'static str| {
        move || {
            let cause = std::io::Error::other(cause);
            Err(azure_core::Error::with_error(
                ErrorKind::Connection,
                cause,
                "failed to send",
            ))
        }
    };
    let text = fault_of(connect("dns error: failed to lookup address information")).await;
    assert!(
        text.contains("the name contoso.blob.core.windows.net cannot be resolved"),
        "{text}"
    );
    let text = fault_of(connect("invalid peer certificate: UnknownIssuer")).await;
    assert!(text.contains("SSL_CERT_FILE"), "{text}");
    let text = fault_of(connect("operation timed out")).await;
    assert!(text.contains("networkRuleSet"), "{text}");
    let text = fault_of(connect("Connection refused (os error 111)")).await;
    assert!(
        text.contains("it cannot be reached: ") && text.contains("refused"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_called_three_times() {
    let (store, script) = store(|_, _| Some(Ok(refusal(503, "ServerBusy", ""))));
    let begun = Instant::now();
    store.ready().await.unwrap_err();
    assert_eq!(script.asked.load(Ordering::Relaxed), 3);
    assert!(begun.elapsed() < CALL_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_silent_service_times_out() {
    let (store, _) = store(|_, _| None);
    let name = PhotoName::random();
    for call in 0..4 {
        let begun = Instant::now();
        let error = match call {
            0 => store.ready().await.unwrap_err(),
            1 => store.put(&name, &photo()).await.unwrap_err(),
            2 => store.get(&name).await.err().unwrap(),
            _ => store.delete(&name).await.unwrap_err(),
        };
        assert!(error.to_string().contains("no answer within 10 seconds"), "{error}");
        assert!(begun.elapsed() <= CALL_LIMIT + Duration::from_millis(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_download_ends() {
    let (store, _) = store(|_, _| {
        let mut headers = Headers::new();
        headers.insert("content-length", "1000");
        let some = stream::iter([Ok(Bytes::from_static(b"the first bytes"))]);
        let body = some.chain(stream::pending());
        Some(Ok(AsyncRawResponse::new(StatusCode::Ok, headers, Box::pin(body))))
    });
    let photo = store.get(&PhotoName::random()).await.unwrap().unwrap();
    assert_eq!(photo.length, 1000);
    let begun = Instant::now();
    to_bytes(photo.body, usize::MAX).await.unwrap_err();
    assert!(begun.elapsed() <= STALL_LIMIT + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_answer_was_lost_is_stored_once() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = sent.clone();
    let (store, _) = store(move |nth, request| {
        let header = |name| request.headers().get_optional_string(&name);
        assert_eq!(header("if-none-match".into()).as_deref(), Some("*"));
        assert_eq!(header("x-ms-blob-content-type".into()).as_deref(), Some("image/jpeg"));
        seen.lock().unwrap().push(request.url().path().to_owned());
        Some(match nth {
            0 => Err(azure_core::Error::with_message(ErrorKind::Io, "connection reset")),
            1 => Ok(refusal(409, "BlobAlreadyExists", "")),
            _ => Ok(AsyncRawResponse::from_bytes(StatusCode::Created, Headers::new(), "")),
        })
    });
    let name = PhotoName::random();
    store.put(&name, &photo()).await.unwrap();
    let [thumbnail, medium, photo] = [name.thumbnail(), name.medium(), name].map(|name| format!("/photos/{name}"));
    assert_eq!(*sent.lock().unwrap(), [thumbnail.clone(), thumbnail, medium, photo]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_photo_is_not_an_error() {
    let (missing, _) = store(|_, _| Some(Ok(refusal(404, "BlobNotFound", ""))));
    assert!(missing.get(&PhotoName::random()).await.unwrap().is_none());
    missing.delete(&PhotoName::random()).await.unwrap();
    let (no_container, _) = store(|_, _| Some(Ok(refusal(404, "ContainerNotFound", ""))));
    no_container.get(&PhotoName::random()).await.err().unwrap();
    no_container.delete(&PhotoName::random()).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_distinguished_from_a_refused_blob() {
    #[derive(Debug)]
    struct NoIdentity(AtomicUsize);
    #[async_trait]
    impl TokenCredential for NoIdentity {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let kind = ErrorKind::HttpResponse {
                status: StatusCode::NotFound,
                error_code: None,
                raw_response: None,
            };
            let cause = azure_core::Error::with_message(kind, format!("not assigned, {TOKEN}"));
            Err(azure_core::Error::with_error(ErrorKind::Io, cause, "no identity"))
        }
    }
    let credential = Arc::new(NoIdentity(AtomicUsize::new(0)));
    let options = ClientOptions {
        transport: Some(Transport::new(Arc::new(Script {
            asked: AtomicUsize::new(0),
            answer: Box::new(|_, _| panic!("nothing is sent without a token")),
        }))),
        ..Default::default()
    };
    let store = BlobPhotos::open(&config(), credential.clone(), options).unwrap();
    let text = chain(&store.get(&PhotoName::random()).await.err().unwrap());
    for part in [
        "there is no Entra token",
        "no identity: not assigned, [removed]",
        "az login",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(
        credential.0.load(Ordering::Relaxed),
        1,
        "credentials retry by themselves"
    );
}
