//! Acknowledged changes are durable; names and large bodies arrive unchanged.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::TcpStream;

use axum::body::{Body, Bytes};
use axum::http::{Method, Uri};
use futures_util::StreamExt as _;
use local_azure::faults::{FaultSet, Targets};
use local_azure::proxy;
use local_azure::state::{Container, PublicAccess, StorageAccount};

use crate::rig::{Storage, VERSION, account};

#[tokio::test]
async fn acknowledged_changes_survive_kill_9_and_restarts() {
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    let put = async |storage: &Storage, name: &str| {
        let put = storage
            .ask(&format!("PUT /photos/one/{name}"))
            .token(&token)
            .body(name.to_owned());
        assert_eq!(put.answer().await.0, 201, "{name}");
    };
    let get = async |storage: &Storage, name: &str| {
        storage
            .ask(&format!("GET /photos/one/{name}"))
            .token(&token)
            .send()
            .await
            .text
    };

    // Azurite is killed right after each response. On its own, it saves its index only every few seconds.
    let names: Vec<_> = (0..5).map(|index| format!("blob-{index}")).collect();
    for name in &names {
        put(&storage, name).await;
        storage.service().kill_azurite();
        for name in names.iter().take_while(|other| *other <= name) {
            assert_eq!(get(&storage, name).await, *name);
        }
    }
    let delete = storage.ask("DELETE /photos/one/blob-0").token(&token).answer().await;
    assert_eq!(delete.0, 202);
    storage.service().kill_azurite();
    assert!(get(&storage, "blob-0").await.contains("BlobNotFound"));

    // New accounts, containers and levels of access take effect immediately; everything else is unchanged.
    storage.change(|state| {
        let mut new = account(state, "third", "rg", true);
        new.containers.truncate(1);
        state.put(&new);
        state.edit("photos", |photos: &mut StorageAccount| {
            let one = photos.containers.iter_mut().find(|container| container.name == "one");
            one.unwrap().public_access = PublicAccess::Blob;
            photos.containers.push(Container {
                name: "later".to_owned(),
                public_access: PublicAccess::None,
            });
        });
    });
    storage.service().reconcile().await.unwrap();
    for path in ["/third/one", "/photos/later"] {
        let found = storage
            .ask(&format!("GET {path}?restype=container"))
            .token(&token)
            .answer()
            .await;
        assert_eq!(found.0, 200, "{path}");
    }
    assert_eq!(storage.ask("GET /photos/one/blob-1").send().await.text, "blob-1");

    let storage = storage.reopen().await;
    for name in &names[1..] {
        assert_eq!(get(&storage, name).await, *name);
    }
}

#[tokio::test]
async fn the_service_stops_and_starts_again_on_its_port() {
    let storage = Storage::start().await;
    storage.put("/photos/one/blob", "x").await;
    let port = storage.service().port();
    storage.service().stop();
    storage.service().stop();
    let refused = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    storage.service().start_again().unwrap();
    storage.service().start_again().unwrap();
    assert_eq!(storage.service().port(), port);
    let token = storage.token(&storage.owner());
    let get = async || storage.ask("GET /photos/one/blob").token(&token).answer().await;
    assert_eq!(get().await.0, 200);
    storage.azure().faults().change(|faults| faults.roles_removed.add(None));
    assert_eq!(get().await, (403, "AuthorizationPermissionMismatch".to_owned()));
    storage
        .azure()
        .faults()
        .change(|faults| faults.roles_removed = Targets::default());
    assert_eq!(get().await.0, 200);
}

#[tokio::test]
async fn blob_names_arrive_unchanged() {
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    let make = storage.ask("PUT /photos/names?restype=container").token(&token);
    assert_eq!(make.answer().await.0, 201);
    let names = [
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%C3%BCml%C3%A4ut", "ümläut"),
        ("x%2Fy", "x/y"),
        ("up/../down", "up/../down"),
        ("./here", "./here"),
        ("two//slashes", "two//slashes"),
        ("%25", "%"),
        ("%3Fa%26b%3Dc%23d", "?a&amp;b=c#d"),
    ];
    for (path, name) in names {
        let put = storage.ask(&format!("PUT /photos/names/{path}")).token(&token);
        assert_eq!(put.body(name).answer().await.0, 201, "{path}");
    }
    for (path, name) in names {
        let get = storage
            .ask(&format!("GET /photos/names/{path}"))
            .token(&token)
            .send()
            .await;
        assert_eq!(get.text, name);
    }
    let list = storage
        .ask("GET /photos/names?restype=container&comp=list")
        .token(&token)
        .send()
        .await;
    for (_, name) in names {
        assert!(
            list.text.contains(&format!("<Name>{name}</Name>")),
            "{name}: {}",
            list.text
        );
    }
}

#[tokio::test]
async fn large_bodies_are_streamed() {
    const PART: usize = 1 << 20;
    const PARTS: usize = 64;
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    let part = |index: usize| Bytes::from(vec![u8::try_from(index).unwrap(); PART]);
    let parts = futures_util::stream::iter((0..PARTS).map(move |index| Ok::<_, Infallible>(part(index))));
    let put = storage.ask("PUT /photos/one/large").token(&token);
    let put = put
        .header("content-length", &(PART * PARTS).to_string())
        .body(Body::from_stream(parts));
    assert_eq!(put.answer().await.0, 201);

    let mut request = axum::extract::Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = "/photos/one/large".parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("host", "127.0.0.1".parse().unwrap());
    headers.insert("x-ms-version", VERSION.parse().unwrap());
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let base: Uri = format!("https://127.0.0.1:{}", storage.service().port())
        .parse()
        .unwrap();
    let answer = proxy::forward(&storage.client(), &base, request).await.unwrap();
    assert_eq!(answer.headers()["content-length"], (PART * PARTS).to_string());
    let (mut stream, mut read) = (answer.into_body().into_data_stream(), 0);
    while let Some(bytes) = stream.next().await {
        for byte in bytes.unwrap() {
            assert_eq!(usize::from(byte), read / PART);
            read += 1;
        }
    }
    assert_eq!(read, PART * PARTS);
    // A range returns only these bytes.
    let get = storage
        .ask("GET /photos/one/large")
        .token(&token)
        .header("x-ms-range", "bytes=0-9");
    assert_eq!(get.send().await.text.len(), 10);
}

#[tokio::test]
async fn an_account_answers_with_the_injected_status() {
    let storage = Storage::start().await;
    storage.put("/photos/one/there", "x").await;
    let token = storage.token(&storage.owner());
    let faults = storage.azure().faults();
    faults.change(|faults| faults.storage = Some(500));
    faults.change(|faults| _ = faults.storage_of.insert("photos".to_owned(), 503));
    for (path, status, code, retry_after) in [
        ("GET /photos/one/there", 503, "ServerBusy", true),
        ("PUT /photos/one/there", 503, "ServerBusy", true),
        ("GET /other/one/there", 500, "InternalError", false),
    ] {
        let answer = storage.ask(path).token(&token).send().await;
        assert_eq!((answer.status.as_u16(), answer.code.as_str()), (status, code));
        assert_eq!(answer.headers.contains_key("retry-after"), retry_after);
    }
    faults.change(|faults| *faults = FaultSet::default());
    let answer = storage.ask("GET /photos/one/there").token(&token).send().await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "x"));
}
