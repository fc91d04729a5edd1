//! Photos in the Blob Storage of Local Azure: how they are stored and served, and the message of each error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport};
use futures_util::{StreamExt, future};
use image::ImageFormat;
use local_azure::certificates::Authority;
use local_azure::testing::STORAGE_ACCOUNT;
use local_azure::tokens::{POSTGRES, STORAGE};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use restaurant_review::config::{Config, StorageConfig};
use restaurant_review::error_chain::chain;
use restaurant_review::photos::{BlobPhotos, PhotoName, PhotoStore, ProcessedPhoto};
use tokio::time::timeout;

use crate::harness::{Site, assert_passed, encoded, photo_link, red_blue, review_with_photo, test_process};
use crate::rig::{Container, TestCredential, shared};

fn photo(content: &'static [u8]) -> ProcessedPhoto {
    ProcessedPhoto {
        photo: content.into(),
        medium: b"medium"[..].into(),
        thumbnail: b"small"[..].into(),
    }
}

/// The message of a photo store that is not ready.
async fn fault(photos: &dyn PhotoStore) -> String {
    let text = chain(&photos.ready().await.unwrap_err());
    assert!(!text.contains("eyJ"), "{text} holds a token");
    text
}

#[tokio::test]
async fn a_blob_has_a_type_and_never_changes() {
    let container = Container::new(&shared().await).await;
    let photos = container.photos();
    let name = PhotoName::random();
    photos.put(&name, &photo(b"the photo")).await.unwrap();
    photos.put(&name, &photo(b"another")).await.unwrap();

    for (name, content) in [
        (&name, &b"the photo"[..]),
        (&name.medium(), b"medium"),
        (&name.thumbnail(), b"small"),
    ] {
        let stored = photos.get(name).await.unwrap().unwrap();
        assert_eq!(stored.length, content.len() as u64);
        let body = axum::body::to_bytes(stored.body, usize::MAX).await.unwrap();
        assert_eq!(body, content, "the first content under a name remains");
        let blob = container
            .client
            .blob_client(name.as_str())
            .download(None)
            .await
            .unwrap();
        assert_eq!(blob.properties.content_type.as_deref(), Some("image/jpeg"));
        let caching = blob.properties.cache_control;
        assert_eq!(caching.as_deref(), Some("public, max-age=31536000, immutable"));
    }

    photos.delete(&name).await.unwrap();
    assert!(container.names().await.is_empty());
    assert!(photos.get(&name).await.unwrap().is_none());
    photos.delete(&name).await.unwrap();
}

#[tokio::test]
async fn only_the_site_can_read_a_private_container() {
    let site = Site::start_on_blobs().await;
    let container = site.container.as_ref().unwrap();
    let path = site.add_restaurant("A").await;
    let picture = encoded(&red_blue(40, 30), ImageFormat::Png);
    site.review(&path, review_with_photo("Ada", "5", picture)).await;
    let link = photo_link(&site.page(&path).await);
    let photo = site.get(&link).send().await.unwrap();
    assert_eq!(photo.status(), StatusCode::OK);
    assert_eq!(photo.headers()[CONTENT_TYPE], "image/jpeg");

    let name = link.strip_prefix("/photos/").unwrap().parse().unwrap();
    let stranger = container.http_client().get(container.url(&name)).send().await.unwrap();
    assert!(stranger.status().is_client_error(), "{}", stranger.status());
}

#[tokio::test]
async fn a_missing_container_is_named_with_its_command() {
    let container = Container::missing(&shared().await).await;
    let photos = container.photos();
    let name = &container.config.container;
    let command = format!("az storage container create --name {name} --account-name {STORAGE_ACCOUNT}");
    let text = fault(&photos).await;
    assert!(text.contains(&command), "{text}");
    for error in [
        photos.get(&PhotoName::random()).await.err().unwrap(),
        photos.put(&PhotoName::random(), &photo(b"x")).await.unwrap_err(),
        photos.delete(&PhotoName::random()).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(&command), "{error}");
    }
}

#[tokio::test]
async fn a_token_for_another_service_is_refused() {
    let container = Container::new(&shared().await).await;
    let text = fault(&container.photos_with(container.cloud.token(POSTGRES))).await;
    assert!(text.contains("the Entra token is not accepted"), "{text}");
    container.photos().ready().await.unwrap();
}

#[tokio::test]
async fn an_untrusted_certificate_is_reported_within_seconds() {
    let container = Container::new(&shared().await).await;
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::open(folder.path()).unwrap();
    let other = reqwest::Certificate::from_pem(&std::fs::read(other.file()).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([other]).no_proxy();
    let options = ClientOptions {
        transport: Some(Transport::new(Arc::new(client.build().unwrap()))),
        ..ClientOptions::default()
    };
    let begun = Instant::now();
    let text = fault(&container.photos_over(options)).await;
    assert!(text.contains("the certificate of 127.0.0.1 is not trusted"), "{text}");
    assert!(text.contains("SSL_CERT_FILE"), "{text}");
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn an_authority_in_ssl_cert_file_is_trusted() {
    // Opens the store as the site does, in a separate process with its own environment.
    if let Ok(account_url) = std::env::var("ALONE") {
        restaurant_review::tls::choose_provider();
        let config = StorageConfig {
            account_url: account_url.parse().unwrap(),
            container: std::env::var("CONTAINER").unwrap(),
            photos_base_url: None,
            client_id: None,
        };
        let credential = Arc::new(TestCredential(std::env::var("TOKEN").unwrap()));
        let photos = BlobPhotos::open(&config, credential, ClientOptions::default()).unwrap();
        photos.ready().await.unwrap();
        return;
    }
    let container = Container::new(&shared().await).await;
    let output = test_process(module_path!(), "an_authority_in_ssl_cert_file_is_trusted")
        .env("ALONE", container.config.account_url.as_str())
        .env("TOKEN", container.cloud.token(STORAGE))
        .env("CONTAINER", &container.config.container)
        .env("SSL_CERT_FILE", container.cloud.root_certificate())
        .env("NO_PROXY", "127.0.0.1")
        .output();
    assert_passed(&output.await.unwrap());
}

#[tokio::test]
async fn a_call_to_a_silent_service_times_out_within_seconds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut container = Container::missing(&shared().await).await;
    let url = format!("https://{}/{STORAGE_ACCOUNT}", listener.local_addr().unwrap());
    container.config.account_url = url.parse().unwrap();
    let credential = Arc::new(TestCredential(container.cloud.token(STORAGE)));
    // The site's own HTTP client, with its time limits.
    let photos = BlobPhotos::open(&container.config, credential, ClientOptions::default()).unwrap();
    let begun = Instant::now();
    let text = fault(&photos).await;
    assert!(
        text.contains("cannot be reached") || text.contains("no answer"),
        "{text}"
    );
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn a_missing_account_is_reported_within_seconds() {
    let mut container = Container::missing(&shared().await).await;
    container.config.account_url = "https://contoso.blob.core.windows.invalid".parse().unwrap();
    let begun = Instant::now();
    let text = fault(&container.photos()).await;
    assert!(
        text.contains("the name contoso.blob.core.windows.invalid cannot be resolved"),
        "{text}"
    );
    assert!(begun.elapsed() < Duration::from_mins(1));
}

/// A client that counts its requests and the bytes it has read.
#[derive(Debug)]
struct Counting {
    client: reqwest::Client,
    requests: Arc<AtomicUsize>,
    read: Arc<AtomicUsize>,
}

#[async_trait]
impl HttpClient for Counting {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (status, headers, body) = self.client.execute_request(request).await?.deconstruct();
        let read = self.read.clone();
        let body = body.inspect(move |bytes| {
            let length = bytes.as_ref().map_or(0, azure_core::Bytes::len);
            read.fetch_add(length, Ordering::Relaxed);
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}

/// Starts a site on that container. Returns its counts of requests to the container and of bytes read.
async fn start_counting(container: &Container) -> (Site, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (requests, read) = (Arc::default(), Arc::default());
    let counting = Counting {
        client: container.http_client(),
        requests: Arc::clone(&requests),
        read: Arc::clone(&read),
    };
    let options = ClientOptions {
        transport: Some(Transport::new(Arc::new(counting))),
        ..ClientOptions::default()
    };
    let site = Site::start_over(Box::new(container.photos_over(options))).await;
    (site, requests, read)
}

#[tokio::test]
async fn the_storage_is_asked_once_a_second_however_many_want_to_know_whether_it_is_ready() {
    let container = Container::new(&shared().await).await;
    let (site, requests, _) = start_counting(&container).await;
    let (start, before) = (Instant::now(), requests.load(Ordering::Relaxed));
    while requests.load(Ordering::Relaxed) < before + 3 {
        let stay = future::join_all((0..20).map(|_| site.get("/readyz").send()));
        let leave = future::join_all((0..20).map(|_| timeout(Duration::from_millis(1), site.get("/readyz").send())));
        let (answers, _) = future::join(stay, leave).await;
        assert!(
            answers
                .into_iter()
                .all(|answer| answer.unwrap().status() == StatusCode::OK)
        );
    }
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_large_photo_is_streamed() {
    const LENGTH: usize = 48 << 20;
    let container = Container::new(&shared().await).await;
    let name = PhotoName::random();
    let content: Bytes = (0..LENGTH).map(|index| u8::try_from(index % 251).unwrap()).collect();
    let blob = container.client.blob_client(name.as_str());
    blob.upload(content.clone().into(), None).await.unwrap();

    let (site, _, read) = start_counting(&container).await;
    let mut response = site.get(&format!("/photos/{name}")).send().await.unwrap();
    assert_eq!(response.headers()[CONTENT_LENGTH], LENGTH.to_string());
    let first = response.chunk().await.unwrap().unwrap();
    // The browser stops reading: the sockets fill up, and nothing more is fetched.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let fetched = read.load(Ordering::Relaxed);
    assert!(
        fetched < LENGTH / 2,
        "{fetched} bytes were fetched although the browser had stopped reading"
    );
    let mut received = first.to_vec();
    while let Some(bytes) = response.chunk().await.unwrap() {
        received.extend(bytes);
    }
    assert!(received == content);
}

#[tokio::test]
async fn with_a_base_url_browsers_load_photos_directly() {
    let container = Container::new(&shared().await).await;
    let base = "https://photos.example.com:8443/restaurant/";
    let direct = |config: &mut Config| config.storage.as_mut().unwrap().photos_base_url = Some(base.parse().unwrap());
    let site = Site::start_in(direct, Some(container)).await;
    let path = site.add_restaurant("A").await;
    let picture = encoded(&red_blue(40, 30), ImageFormat::Png);
    site.review(&path, review_with_photo("Ada", "5", picture)).await;

    let details = site.get(&path).send().await.unwrap();
    let policy = details.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(
        policy.contains("img-src 'self' https://photos.example.com:8443 data: blob:;"),
        "{policy}"
    );
    let names = site.stored_photos().await;
    let details = details.text().await.unwrap();
    // Nobody but this site serves a photo in place of a middle size that an earlier version did not store.
    for name in names.iter().filter(|name| !name.ends_with("-medium.jpg")) {
        assert!(details.contains(&format!("{base}{name}")), "{name} is not in {details}");
    }
    let list = site.page("/").await;
    assert!(
        list.contains(&format!("src=\"{base}")) && !list.contains("\"/photos/"),
        "{list}"
    );
    // The old addresses still work, for existing links.
    let photo = site.get(&format!("/photos/{}", names[0])).send().await.unwrap();
    assert_eq!(photo.status(), StatusCode::OK);
    assert_eq!(photo.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
}
