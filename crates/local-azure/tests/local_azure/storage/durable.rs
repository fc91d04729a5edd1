//! What was acknowledged stays; names and large bodies arrive as they are.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::TcpStream;

use axum::body::{Body, Bytes};
use axum::http::{Method, Uri};
use futures_util::StreamExt as _;
use local_azure::proxy;
use local_azure::state::{Container, PublicAccess};

use crate::rig::{Rig, account};

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let token = rig.token(&rig.owner());
    let put = async |rig: &Rig, name: &str| {
        let put = rig
            .ask(&format!("PUT /photos/one/{name}"))
            .token(&token)
            .body(name.to_owned());
        assert_eq!(put.answer().await.0, 201, "{name}");
    };
    let get = async |rig: &Rig, name: &str| {
        rig.ask(&format!("GET /photos/one/{name}"))
            .token(&token)
            .send()
            .await
            .text
    };

    // Killed right after the answer, many times: the index is saved every few seconds otherwise.
    let names: Vec<_> = (0..5).map(|index| format!("blob-{index}")).collect();
    for name in &names {
        put(&rig, name).await;
        rig.storage.kill_azurite();
        for name in names.iter().take_while(|other| *other <= name) {
            assert_eq!(get(&rig, name).await, *name);
        }
    }
    let delete = rig.ask("DELETE /photos/one/blob-0").token(&token).answer().await;
    assert_eq!(delete.0, 202);
    rig.storage.kill_azurite();
    assert!(get(&rig, "blob-0").await.contains("BlobNotFound"));

    // A new account and new containers are there at once; what is changed is changed, and the rest stays.
    let mut new = account("third", "rg", true);
    new.containers.truncate(1);
    rig.change(|state| {
        state.storage_accounts.push(new);
        let photos = &mut state.storage_accounts[0];
        photos.containers[0].public_access = PublicAccess::Blob;
        photos.containers.push(Container {
            name: "later".to_owned(),
            public_access: PublicAccess::None,
        });
    });
    rig.storage.sync().await.unwrap();
    for path in ["/third/one", "/photos/later"] {
        let found = rig
            .ask(&format!("GET {path}?restype=container"))
            .token(&token)
            .answer()
            .await;
        assert_eq!(found.0, 200, "{path}");
    }
    assert_eq!(rig.ask("GET /photos/one/blob-1").send().await.text, "blob-1");

    // The whole, as after a restart of the machine.
    drop(rig);
    let rig = Rig::start(folder.path()).await;
    for name in &names[1..] {
        assert_eq!(get(&rig, name).await, *name);
    }
}

#[tokio::test]
async fn the_service_can_be_away() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.put("/photos/one/blob", "x").await;
    let port = rig.storage.port();
    rig.storage.stop();
    rig.storage.stop();
    let refused = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    rig.storage.start_again().unwrap();
    rig.storage.start_again().unwrap();
    assert_eq!(rig.storage.port(), port);
    let token = rig.token(&rig.owner());
    let get = async || rig.ask("GET /photos/one/blob").token(&token).answer().await;
    assert_eq!(get().await.0, 200);
    rig.azure.faults().change(|faults| faults.roles_removed = true);
    assert_eq!(get().await, (403, "AuthorizationPermissionMismatch".to_owned()));
    rig.azure.faults().change(|faults| faults.roles_removed = false);
    assert_eq!(get().await.0, 200);
}

#[tokio::test]
async fn names_arrive_as_they_are() {
    let rig = Rig::shared().await;
    let token = rig.token(&rig.owner());
    let make = rig.ask("PUT /photos/names?restype=container").token(&token);
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
        let put = rig.ask(&format!("PUT /photos/names/{path}")).token(&token);
        assert_eq!(put.body(name).answer().await.0, 201, "{path}");
    }
    for (path, name) in names {
        let get = rig.ask(&format!("GET /photos/names/{path}")).token(&token).send().await;
        assert_eq!(get.text, name);
    }
    let list = rig
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
    let rig = Rig::shared().await;
    let token = rig.token(&rig.owner());
    let part = |index: usize| Bytes::from(vec![u8::try_from(index).unwrap(); PART]);
    let parts = futures_util::stream::iter((0..PARTS).map(move |index| Ok::<_, Infallible>(part(index))));
    let put = rig.ask("PUT /photos/one/large").token(&token);
    let put = put
        .header("content-length", &(PART * PARTS).to_string())
        .body(Body::from_stream(parts));
    assert_eq!(put.answer().await.0, 201);

    let mut request = axum::extract::Request::new(Body::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = "/photos/one/large".parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("host", "127.0.0.1".parse().unwrap());
    headers.insert("x-ms-version", crate::rig::VERSION.parse().unwrap());
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let base: Uri = format!("https://127.0.0.1:{}", rig.storage.port()).parse().unwrap();
    let answer = proxy::forward(&rig.client(), &base, request).await.unwrap();
    assert_eq!(answer.headers()["content-length"], (PART * PARTS).to_string());
    let (mut stream, mut read) = (answer.into_body().into_data_stream(), 0);
    while let Some(bytes) = stream.next().await {
        for byte in bytes.unwrap() {
            assert_eq!(usize::from(byte), read / PART);
            read += 1;
        }
    }
    assert_eq!(read, PART * PARTS);
    // Who reads the beginning alone takes nothing else with it.
    let get = rig
        .ask("GET /photos/one/large")
        .token(&token)
        .header("x-ms-range", "bytes=0-9");
    assert_eq!(get.send().await.text.len(), 10);
}
