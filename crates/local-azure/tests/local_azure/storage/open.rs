//! What is open to everybody, and what only looks so.

use crate::rig::Rig;

#[tokio::test]
async fn anonymous_reads_go_as_far_as_account_and_container_allow() {
    let rig = Rig::shared().await;
    for path in [
        "/photos/one/blob",
        "/photos/blobs/blob",
        "/photos/listed/blob",
        "/other/listed/blob",
    ] {
        rig.put(path, "x").await;
    }
    let list = "?restype=container&comp=list";
    let nothing = (401, "NoAuthenticationInformation");
    for (what, expected) in [
        ("GET /photos/blobs/blob".to_owned(), (200, "")),
        ("HEAD /photos/listed/blob".to_owned(), (200, "")),
        (format!("GET /photos/listed{list}"), (200, "")),
        (format!("GET /photos/blobs{list}"), nothing),
        ("GET /photos/one/blob".to_owned(), nothing),
        ("GET /photos/missing/blob".to_owned(), nothing),
        ("GET /photos/blobs/missing".to_owned(), (404, "BlobNotFound")),
        ("PUT /photos/listed/new".to_owned(), nothing),
        ("DELETE /photos/listed/blob".to_owned(), nothing),
        ("GET /photos?comp=list".to_owned(), nothing),
        ("GET /other/listed/blob".to_owned(), (409, "PublicAccessNotPermitted")),
        ("GET /other/one/blob".to_owned(), (409, "PublicAccessNotPermitted")),
    ] {
        let answer = rig.ask(&what).send().await;
        assert_eq!((answer.status.as_u16(), answer.code.as_str()), expected, "{what}");
        assert_eq!(
            answer.headers.contains_key("www-authenticate"),
            expected == nothing,
            "{what}"
        );
    }
    // A browser names no version, and old ones did not say that there is something.
    for ask in [
        rig.ask("GET /photos/one/blob").without("x-ms-version"),
        rig.ask("GET /photos/one/blob").header("x-ms-version", "2019-07-07"),
    ] {
        assert_eq!(ask.answer().await, (404, "ResourceNotFound".to_owned()));
    }
}

#[tokio::test]
async fn a_wrong_signature_opens_nothing_that_is_open() {
    let rig = Rig::shared().await;
    rig.put("/photos/blobs/signed", "x").await;
    rig.put("/other/blobs/signed", "x").await;
    let sas = "?sv=2024-11-04&sr=b&sp=r&se=2099-01-01T00:00:00Z&sig=AAAA";
    for what in ["/photos/blobs/signed", "/other/blobs/signed"] {
        let (status, code) = rig.ask(&format!("GET {what}{sas}")).answer().await;
        assert!(
            matches!(
                code.as_str(),
                "AuthenticationFailed" | "KeyBasedAuthenticationNotPermitted"
            ),
            "{what}: {status} {code}"
        );
    }
    let get = rig
        .ask("GET /photos/blobs/signed")
        .header("authorization", "SharedKey photos:AAAA");
    assert_eq!(get.answer().await, (403, "AuthenticationFailed".to_owned()));
}

#[tokio::test]
async fn an_account_that_is_closed_opens_no_container() {
    let rig = Rig::shared().await;
    let token = rig.token(&rig.owner());
    let open = |account| {
        let make = format!("PUT /{account}/opened?restype=container");
        rig.ask(&make)
            .header("x-ms-blob-public-access", "blob")
            .token(&token)
            .answer()
    };
    assert_eq!(open("other").await, (409, "PublicAccessNotPermitted".to_owned()));
    assert_eq!(open("photos").await.0, 201);
}
