//! Forged headers, cookies, sign-ins and addresses.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::guarded::{ADA, Guarded, PASSWORD, configure, cookie, location, settings};
use crate::rig::{add, change};

/// Sends these header lines over plain HTTP, and returns the headers that the app sees.
async fn raw(guarded: &Guarded, lines: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", guarded.site.service().http_port()))
        .await
        .unwrap();
    let request = format!("GET /headers HTTP/1.1\r\nHost: contoso.azurewebsites.net\r\n{lines}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The connection may be kept, so the answer ends with the JSON.
    while !answer.ends_with(b"}") {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "{lines}: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    let answer = String::from_utf8(answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn forged_headers_never_reach_the_app() {
    let guarded = Guarded::start(&[
        ("/globalValidation/unauthenticatedClientAction", json!("AllowAnonymous")),
        ("/globalValidation/requireAuthentication", json!(false)),
        ("/httpSettings/requireHttps", json!(false)),
    ])
    .await;
    let (session, _) = guarded.sign_in("/.auth/login/aad").await;
    let names = [
        "X-MS-CLIENT-PRINCIPAL",
        "X-MS-CLIENT-PRINCIPAL-ID",
        "X-MS-CLIENT-PRINCIPAL-NAME",
        "X-MS-CLIENT-PRINCIPAL-IDP",
        "X-MS-TOKEN-AAD-ID-TOKEN",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN",
    ];
    for _ in 0..60 {
        let mut lines = Vec::new();
        for _ in 0..fastrand::usize(1..6) {
            let name: String = fastrand::choice(names)
                .unwrap()
                .chars()
                .map(|c| match c {
                    '-' if fastrand::bool() => fastrand::choice(['_', '.', '~']).unwrap(),
                    c if fastrand::bool() => c.to_ascii_lowercase(),
                    c => c,
                })
                .collect();
            lines.push(format!(
                "{name}: forged{}",
                fastrand::choice(["", ", x", "=="]).unwrap()
            ));
        }
        // A client must not have the platform's headers removed either.
        if fastrand::bool() {
            lines.push(format!("Connection: close, {}", fastrand::choice(names).unwrap()));
        }
        let is_signed_in = fastrand::bool();
        if is_signed_in {
            lines.push(format!("Cookie: a=b; {session}"));
        }
        fastrand::shuffle(&mut lines);
        let lines = lines.join("\r\n");
        let headers = raw(&guarded, &lines).await;
        assert!(!headers.to_string().contains("forged"), "{lines}\n{headers}");
        let name = headers.get("x-ms-client-principal-name");
        assert_eq!(name, is_signed_in.then_some(&json!(ADA)), "{lines}\n{headers}");
        assert_eq!(headers.get("x-ms-client-principal").is_some(), is_signed_in, "{lines}");
    }
}

#[tokio::test]
async fn only_the_sessions_of_this_app_count() {
    let guarded = Guarded::start(&[]).await;
    let (session, _) = guarded.sign_in("/version").await;
    let (name, id) = session.split_once('=').unwrap();
    let mut flipped = id.to_owned();
    let last = flipped.pop().unwrap();
    flipped.push(if last == '0' { '1' } else { '0' });
    for foreign in [
        String::new(),
        format!("{name}="),
        format!("{name}={flipped}"),
        format!("{name}={}", id.to_uppercase() + "g"),
        format!("{name}={}", "0".repeat(64)),
        format!("appserviceauthsession={id}"),
        format!("{name}1={id}"),
        format!("{name}={id}x"),
        format!("{name}=\"{id}\""),
        format!("Nonce={id}"),
    ] {
        let status = guarded.get("/version", &foreign).await.status();
        assert_eq!(status, StatusCode::FOUND, "{foreign}");
    }
    // A browser may send a foreign cookie of the name first.
    let both = format!("{name}=x; {session}");
    assert_eq!(guarded.get("/version", &both).await.status(), 200);
    // Another app knows nothing of it.
    add(guarded.site.azure(), "fabrikam", |_| {});
    change(guarded.site.azure(), |state| {
        let settings = settings(guarded.client_id, state.tenant, &[]);
        configure(state, "fabrikam", &settings);
    });
    let url = format!("{}/version", guarded.site.service().url("fabrikam"));
    let answer = guarded
        .site
        .client
        .get(url)
        .header(COOKIE, &session)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn a_sign_in_counts_once_and_in_its_browser() {
    let guarded = Guarded::start(&[]).await;
    let refused = async |form: &[(String, String)], cookie: &str, why: &str| {
        let answer = guarded.complete(form, cookie).await;
        assert_eq!(answer.status(), 401, "{why}");
        let cookies = answer.headers().get_all(SET_COOKIE).iter().count();
        assert_eq!(cookies, 0, "{why}");
    };
    // The form of one sign-in does not complete another one.
    let (page, nonce) = guarded.begin("/version").await;
    let (other_page, other_nonce) = guarded.begin("/version").await;
    let form = guarded.sign_in_at(&page).await;
    let other_form = guarded.sign_in_at(&other_page).await;
    let of = |form: &[(String, String)], name: &str| form.iter().find(|(key, _)| key == name).unwrap().clone();
    let mixed = [of(&form, "id_token"), of(&other_form, "state")];
    refused(&mixed, &other_nonce, "another nonce").await;
    refused(&form, "", "no cookie").await;
    refused(&form, &nonce, "its state was used up").await;

    let (page, nonce) = guarded.begin("/version").await;
    let form = guarded.sign_in_at(&page).await;
    refused(&form, &other_nonce, "another browser").await;
    let (page, nonce) = if nonce == other_nonce {
        unreachable!()
    } else {
        guarded.begin("/version").await
    };
    let form = guarded.sign_in_at(&page).await;
    for change in [
        "",
        "x",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        let form = [of(&form, "id_token"), ("state".to_owned(), change.to_owned())];
        refused(&form, &nonce, "a forged state").await;
    }
    let answer = guarded.complete(&form, &nonce).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    refused(&form, &nonce, "a replay").await;

    // Forged, foreign and absent ID tokens.
    let azure = guarded.site.azure();
    let user = azure.read(|state| state.principal(guarded.ada)).unwrap();
    let access = azure.token(&user, "https://graph.microsoft.com");
    for token in ["", "a.b.c", &access, &format!("{access}x")] {
        let (page, nonce) = guarded.begin("/version").await;
        let mut form = guarded.sign_in_at(&page).await;
        form.retain(|(name, _)| name != "id_token");
        form.push(("id_token".to_owned(), token.to_owned()));
        refused(&form, &nonce, token).await;
    }
    // What the sign-in page reports is shown as text.
    let (page, nonce) = guarded.begin("/version").await;
    let mut form = guarded.sign_in_at(&page).await;
    form.retain(|(name, _)| name == "state");
    form.push(("error".to_owned(), "access_denied".to_owned()));
    form.push(("error_description".to_owned(), "<script>alert(1)</script>".to_owned()));
    let answer = guarded.complete(&form, &nonce).await;
    assert_eq!(answer.status(), 401);
    let page = answer.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");

    // Two tabs of one browser sign in at the same time.
    let (page, nonce) = guarded.begin("/version").await;
    let second = guarded.get("/id", &nonce).await;
    assert_eq!(cookie(&second, "Nonce"), nonce);
    for (page, is_last) in [(location(&second), false), (page, true)] {
        let answer = guarded.complete(&guarded.sign_in_at(&page).await, &nonce).await;
        assert_eq!(answer.status(), StatusCode::FOUND);
        // The first tab to finish leaves the browser its cookie, which the other one needs.
        let mut set = answer.headers().get_all(SET_COOKIE).iter();
        let is_removed = set.any(|one| one.to_str().unwrap().starts_with("Nonce=;"));
        assert_eq!(is_removed, is_last);
    }
}

#[tokio::test]
async fn a_sign_in_has_a_time_limit() {
    let nonce = json!({"nonceExpirationInterval": "00:00:00"});
    let guarded = Guarded::start(&[("/login/nonce", nonce)]).await;
    let answer = guarded.get("/version", "").await;
    let form = guarded.sign_in_at(&location(&answer)).await;
    let cookie = answer.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let answer = guarded.complete(&form, &cookie).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.text().await.unwrap().contains("too long"));
}

/// Where a visitor must never be sent.
fn hostile_targets(own: &str) -> Vec<String> {
    let mut targets: Vec<String> = [
        "https://evil.example",
        "http://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:\\\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "https://docs.example",
        "https://docs.example/guide/../other",
        "https://docs.example/guidelines",
        "http://docs.example/guide",
        "https://user@docs.example/guide",
        "https://docs.example:8443/guide",
        "",
    ]
    .map(str::to_owned)
    .into();
    for suffix in [
        ".evil.example/",
        "@evil.example/",
        ":pw@evil.example/",
        "\\@evil.example",
        "x.example",
        ":1/",
    ] {
        targets.push(format!("{own}{suffix}"));
        targets.push(format!("https://contoso.azurewebsites.net{suffix}"));
    }
    targets
}

#[tokio::test]
async fn no_redirection_leads_to_another_site() {
    let guarded = Guarded::start(&[]).await;
    let own = guarded.site.url("");
    let encoded = |target: &str| url::form_urlencoded::byte_serialize(target.as_bytes()).collect::<String>();
    for target in hostile_targets(&own) {
        for (path, parameter) in [
            ("/.auth/login/aad", "post_login_redirect_uri"),
            ("/.auth/login/aad", "post_login_redirect_url"),
            ("/.auth/logout", "post_logout_redirect_uri"),
        ] {
            let answer = guarded
                .get(&format!("{path}?{parameter}={}", encoded(&target)), "")
                .await;
            assert_eq!(answer.status(), 400, "{path} {target:?}");
        }
    }
    // Generated ones lead to this app, or nowhere.
    let own_origin = Url::parse(&own).unwrap().origin();
    let pieces = [
        "/",
        "\\",
        "//",
        "..",
        ".",
        "%2f",
        "%5c",
        "@",
        ":",
        "?",
        "#",
        "evil.example",
        "https:",
        "a",
        "\t",
        " ",
        "%09",
        "é",
        "contoso.azurewebsites.net",
        &own,
    ];
    for _ in 0..300 {
        let target: String = (0..fastrand::usize(1..7))
            .map(|_| fastrand::choice(&pieces).unwrap().to_owned())
            .collect();
        let answer = guarded
            .get(
                &format!("/.auth/logout?post_logout_redirect_uri={}", encoded(&target)),
                "",
            )
            .await;
        if answer.status() == 400 {
            continue;
        }
        let location = location(&answer);
        assert_eq!(
            Url::parse(&location).unwrap().origin(),
            own_origin,
            "{target:?}: {location}"
        );
        assert!(location.starts_with(&format!("{own}/")), "{target:?}: {location}");
    }
    for (target, expected) in [
        ("/version?a=b#c", format!("{own}/version?a=b#c")),
        ("/./a/../version", format!("{own}/version")),
        ("/.//evil.example", format!("{own}//evil.example")),
        ("https://contoso.azurewebsites.net/version", format!("{own}/version")),
        ("https://docs.example/guide", "https://docs.example/guide".to_owned()),
        (
            "https://docs.example/guide?page=2",
            "https://docs.example/guide?page=2".to_owned(),
        ),
    ] {
        let answer = guarded
            .get(
                &format!("/.auth/logout?post_logout_redirect_uri={}", encoded(target)),
                "",
            )
            .await;
        assert_eq!(location(&answer), expected, "{target}");
    }
    // The address that was requested before the sign-in is one of this app too.
    let (_, target) = guarded.sign_in("//evil.example/x").await;
    assert_eq!(target, format!("{own}//evil.example/x"));
    for host in [
        "contoso.localhost:1@evil.example",
        "localhost:x@evil.example",
        "localhost:/evil.example",
    ] {
        let request = guarded
            .site
            .client
            .get(guarded.site.url("/version"))
            .header("Host", host);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{host}: {:?}", answer.headers());
    }
}

#[tokio::test]
async fn pages_of_other_sites_cannot_post() {
    let guarded = Guarded::start(&[]).await;
    let (session, _) = guarded.sign_in("/version").await;
    let (page, nonce) = guarded.begin("/version").await;
    let form = guarded.sign_in_at(&page).await;
    let own = guarded.site.url("");
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", &own.replace("contoso", "fabrikam")),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let post = guarded.site.client.post(guarded.site.url("/.auth/logout"));
        let answer = post.header(COOKIE, &session).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{name}: {value}");
        if name == "Origin" {
            let post = guarded.site.client.post(guarded.site.url("/.auth/login/aad/callback"));
            let post = post.header(COOKIE, &nonce).header(name, value).form(&form);
            assert_eq!(post.send().await.unwrap().status(), 403, "{name}: {value}");
            let post = guarded.site.client.post(&page).header(name, value);
            let post = post.form(&[("user", ADA), ("password", PASSWORD)]);
            assert_eq!(post.send().await.unwrap().status(), 403, "{name}: {value}");
        }
    }
    assert_eq!(
        guarded.get("/version", &session).await.status(),
        200,
        "the session has not ended"
    );
    let authority = guarded.site.entra().authority_host();
    let post = guarded.site.client.post(guarded.site.url("/.auth/login/aad/callback"));
    let post = post
        .header(COOKIE, &nonce)
        .header("Origin", authority.trim_end_matches('/'))
        .form(&form);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::FOUND);
    let post = guarded.site.client.post(guarded.site.url("/.auth/logout"));
    let post = post
        .header(COOKIE, &session)
        .header("Origin", &own)
        .header("Sec-Fetch-Site", "same-origin");
    assert_eq!(post.send().await.unwrap().status(), StatusCode::FOUND);
    for (method, path, status) in [
        ("POST", "/.auth/login/aad", 405),
        ("GET", "/.auth/login/aad/callback", 405),
        ("PUT", "/.auth/me", 405),
        ("DELETE", "/.auth/logout", 405),
        ("GET", "/.auth", 404),
        ("GET", "/.auth/", 404),
        ("GET", "/.auth/login/google", 404),
        ("GET", "/.auth/refresh", 404),
    ] {
        let request = guarded
            .site
            .client
            .request(method.parse().unwrap(), guarded.site.url(path));
        assert_eq!(request.send().await.unwrap().status(), status, "{method} {path}");
    }
    let long = "x".repeat(100_000);
    let post = guarded
        .site
        .client
        .post(guarded.site.url("/.auth/login/aad/callback"))
        .body(long);
    assert_eq!(post.send().await.unwrap().status(), 400);
}
