//! Anonymous access.

use crate::rig::Storage;

#[tokio::test]
async fn an_anonymous_read_needs_an_account_and_a_container_that_allow_it() {
    let storage = Storage::start().await;
    for path in [
        "/photos/one/blob",
        "/photos/blobs/blob",
        "/photos/listed/blob",
        "/other/listed/blob",
    ] {
        storage.put(path, "x").await;
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
        ("GET /photos/listed?restype=container".to_owned(), (200, "")),
        ("GET /photos/listed?restype=container&comp=acl".to_owned(), nothing),
        ("HEAD /photos/listed?restype=container&comp=acl".to_owned(), nothing),
        ("GET /photos/listed/blob?comp=metadata".to_owned(), (200, "")),
        ("GET /photos/listed/blob?comp=blocklist".to_owned(), (200, "")),
        (
            "GET /photos/listed/blob?comp=blocklist&blocklisttype=uncommitted".to_owned(),
            nothing,
        ),
        (
            "GET /photos/listed/blob?comp=blocklist&blocklisttype=All".to_owned(),
            nothing,
        ),
        ("GET /photos/listed/blob?comp=tags".to_owned(), nothing),
        ("GET /other/listed/blob".to_owned(), (409, "PublicAccessNotPermitted")),
        ("GET /other/one/blob".to_owned(), (409, "PublicAccessNotPermitted")),
    ] {
        let answer = storage.ask(&what).send().await;
        assert_eq!((answer.status.as_u16(), answer.code.as_str()), expected, "{what}");
        assert_eq!(
            answer.headers.contains_key("www-authenticate"),
            expected == nothing,
            "{what}"
        );
    }
    // Without a version, as from a browser, and in old versions, a private blob is reported as missing.
    for ask in [
        storage.ask("GET /photos/one/blob").without("x-ms-version"),
        storage.ask("GET /photos/one/blob").header("x-ms-version", "2019-07-07"),
    ] {
        assert_eq!(ask.answer().await, (404, "ResourceNotFound".to_owned()));
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_even_for_public_blobs() {
    let storage = Storage::start().await;
    storage.put("/photos/blobs/signed", "x").await;
    storage.put("/other/blobs/signed", "x").await;
    let sas = "?sv=2024-11-04&sr=b&sp=r&se=2099-01-01T00:00:00Z&sig=AAAA";
    for what in ["/photos/blobs/signed", "/other/blobs/signed"] {
        let (status, code) = storage.ask(&format!("GET {what}{sas}")).answer().await;
        assert!(
            matches!(
                code.as_str(),
                "AuthenticationFailed" | "KeyBasedAuthenticationNotPermitted"
            ),
            "{what}: {status} {code}"
        );
    }
    let get = storage
        .ask("GET /photos/blobs/signed")
        .header("authorization", "SharedKey photos:AAAA");
    assert_eq!(get.answer().await, (403, "AuthenticationFailed".to_owned()));
}

#[tokio::test]
async fn an_account_without_public_access_has_no_public_containers() {
    let storage = Storage::start().await;
    let token = storage.token(&storage.owner());
    let open = |account| {
        let make = format!("PUT /{account}/opened?restype=container");
        storage
            .ask(&make)
            .header("x-ms-blob-public-access", "blob")
            .token(&token)
            .answer()
    };
    assert_eq!(open("other").await, (409, "PublicAccessNotPermitted".to_owned()));
    assert_eq!(open("photos").await.0, 201);
}

/// Characters that a version may have, and some that it may not.
const CHARACTERS: &[u8] = b"0123456789-+/. T:Zabc";

/// A version that is almost a date.
fn malformed_version() -> String {
    loop {
        let mut version = b"2025-11-05".to_vec();
        for _ in 0..=fastrand::usize(..3) {
            let at = fastrand::usize(..=version.len());
            let new = CHARACTERS[fastrand::usize(..CHARACTERS.len())];
            match fastrand::u8(..3) {
                0 => version.insert(at, new),
                1 if at < version.len() => version[at] = new,
                _ => version.truncate(at),
            }
        }
        let text = String::from_utf8(version).unwrap().trim().to_owned();
        let [year, month, day] = [text.get(..4), text.get(5..7), text.get(8..)].map(Option::unwrap_or_default);
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_form = text.len() == 10 && [4, 7].iter().all(|at| text.as_bytes()[*at] == b'-');
        let may_be_date = has_form
            && [year, month, day].into_iter().all(is_number)
            && (1..=12).contains(&month.parse().unwrap())
            && (1..=31).contains(&day.parse().unwrap());
        if !may_be_date {
            return text;
        }
    }
}

#[tokio::test]
async fn a_version_that_is_no_date_is_refused() {
    let storage = Storage::start().await;
    storage.put("/photos/blobs/version", "x").await;
    let token = storage.token(&storage.owner());
    let given = [
        "",
        "abc",
        "2019",
        "2019-13-01",
        "2019-02-30",
        "2019-07-07x",
        "-",
        "+2019-07-07",
        "-2019-07-07",
    ];
    let versions = given
        .into_iter()
        .map(str::to_owned)
        .chain((0..60).map(|_| malformed_version()));
    for version in versions {
        for what in [
            "GET /photos/blobs/version",
            "HEAD /photos/blobs/version",
            "PUT /photos/blobs/other",
        ] {
            let ask = storage.ask(what).header("x-ms-version", &version).token(&token);
            let answer = ask.send().await;
            let (status, code) = (answer.status.as_u16(), answer.code.as_str());
            assert_eq!((status, code), (400, "InvalidHeaderValue"), "{what}: {version:?}");
            assert_eq!(answer.headers["x-ms-version"], "2025-11-05", "{what}: {version:?}");
            let has_text = answer.text.contains("<Code>InvalidHeaderValue</Code>");
            assert_eq!(has_text, !what.starts_with("HEAD"), "{what}: {}", answer.text);
        }
    }
    let answer = storage.ask("GET /photos/blobs/other").token(&token).answer().await;
    assert_eq!(answer, (404, "BlobNotFound".to_owned()));
}
