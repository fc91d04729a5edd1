//! The sign-in page: authorization codes with PKCE, and where they may be sent.

use local_azure::tokens::AZURE_CLI;
use serde_json::{Value, json};

use super::page::{ADA, PASSWORD, Page, SPA, WEB, payload};
use crate::rig::change;

#[tokio::test]
async fn a_code_is_redeemed_once_by_its_client() {
    let page = Page::start();
    let html = page.tenant.https().get(page.url(&[])).send().await.unwrap();
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'; style-src 'self'; form-action 'self' https://contoso.example;"),
        "{policy}"
    );
    let html = html.text().await.unwrap();
    assert!(
        html.contains("&lt;b&gt;contoso") && html.contains("Local Azure") && !html.contains("<b>contoso"),
        "{html}"
    );

    let answer = page.sign_in(&page.url(&[])).await;
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with("https://contoso.example/callback?a=b&code="),
        "{location}"
    );
    assert!(location.ends_with("&state=a+state%26b"), "{location}");

    let code = page.code(&[]).await;
    let (status, body) = page.redeem(&code, &[]).await;
    assert_eq!(status, 200, "{body}");
    let claims = payload(body["id_token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "n1");
    assert_eq!(
        (&claims["aud"], &claims["oid"]),
        (&json!(page.client), &json!(page.ada))
    );
    let (_, body) = page.redeem(&code, &[]).await;
    assert_eq!(body["error_codes"], json!([54005]), "a replay");

    let other = page.tenant.application.client_id.to_string();
    for (changes, code) in [
        (
            &[("code_verifier", "another-verifier-of-at-least-43-characters-01")][..],
            501_481,
        ),
        (&[("code_verifier", "")], 50_148),
        (&[("redirect_uri", "https://contoso.example/callback")], 500_112),
        (&[("redirect_uri", "")], 900_144),
        (&[("client_secret", "wrong")], 7_000_215),
        (&[("client_secret", "")], 7_000_218),
        (&[("client_id", &other)], 70_000),
        (&[("client_id", AZURE_CLI)], 70_000),
        (&[("code", "1.x")], 70_008),
        (&[("origin", "https://contoso.example")], 9_002_326),
        (&[("scope", "User.Read api://my-api/read")], 28_000),
    ] {
        let issued = page.code(&[]).await;
        let (status, body) = page.redeem(&issued, changes).await;
        assert_eq!(body["error_codes"], json!([code]), "{changes:?} {status}: {body}");
        // Whoever holds a code has one attempt.
        if !["code", "redirect_uri"].contains(&changes[0].0) {
            assert_eq!(
                page.redeem(&issued, &[]).await.1["error_codes"],
                json!([54005]),
                "{changes:?}"
            );
        }
    }
    let issued = page
        .code(&[("code_challenge", ""), ("code_challenge_method", "")])
        .await;
    let (_, body) = page.redeem(&issued, &[]).await;
    assert_eq!(body["error_codes"], json!([50148]), "a verifier without a challenge");
}

#[tokio::test]
async fn programs_without_credentials_use_pkce() {
    let page = Page::start();
    for (client, uri, origin) in [
        (page.client.to_string(), SPA, "https://spa.example"),
        (page.client.to_string(), "http://localhost:4321/done", ""),
        (page.client.to_string(), "http://127.0.0.1:4321/loopback", ""),
        (AZURE_CLI.to_owned(), "http://localhost:8400", ""),
        (AZURE_CLI.to_owned(), "http://localhost:8400/", ""),
    ] {
        let asked = [("client_id", client.as_str()), ("redirect_uri", uri)];
        let with = |secret, origin| [asked[0], asked[1], ("client_secret", secret), ("origin", origin)];
        let code = page.code(&asked).await;
        let (_, body) = page.redeem(&code, &with("x", origin)).await;
        assert_eq!(body["error_codes"], json!([700_025]), "{uri}: {body}");
        if uri == SPA {
            let code = page.code(&asked).await;
            let (_, body) = page.redeem(&code, &with("", "")).await;
            assert_eq!(body["error_codes"], json!([9_002_327]), "{body}");
        }
        let code = page.code(&asked).await;
        let (status, body) = page.redeem(&code, &with("", origin)).await;
        assert_eq!(status, 200, "{uri}: {body}");
        assert_eq!(payload(body["access_token"].as_str().unwrap())["appid"], client);
    }
    let url = page.url(&[
        ("redirect_uri", SPA),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ]);
    let answer = page.sign_in(&url).await;
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with(SPA) && location.contains("AADSTS9002325"),
        "{location}"
    );
}

/// Nothing is sent to an address that is not the application's.
#[tokio::test]
async fn only_registered_addresses_get_an_answer() {
    let page = Page::start();
    let mut hostile: Vec<String> = [
        "",
        "https://evil.example/callback?a=b",
        "https://contoso.example/callback",
        "https://contoso.example/callback?a=b&c=d",
        "https://contoso.example/callback?a=b#c",
        "https://contoso.example/x/../callback?a=b",
        "https://contoso.example:443/callback?a=b",
        "https://contoso.example.evil.example/callback?a=b",
        "https://contoso.example@evil.example/callback?a=b",
        "https://user@contoso.example/callback?a=b",
        "http://contoso.example/callback?a=b",
        "//contoso.example/callback?a=b",
        "/callback?a=b",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://spa.example/x",
        "http://localhost/other",
        "https://localhost/done",
        "http://127.0.0.1/done",
        "http://localhost/loopback",
        "https://127.0.0.1/loopback",
        "http://localhost.evil.example/done",
        "http://localhost:1@evil.example/done",
        "http://evil.example:80/done",
    ]
    .map(str::to_owned)
    .into();
    let pieces = [
        "\\",
        "/",
        "@",
        "#",
        "%",
        "\t",
        "\n",
        " ",
        "..",
        "evil.example",
        ":",
        "?",
        "é",
        "\u{202e}",
    ];
    for _ in 0..200 {
        let mut uri = fastrand::choice([WEB, SPA, "http://localhost/done"])
            .unwrap()
            .to_owned();
        let at = fastrand::usize(..=uri.len());
        uri.insert_str(at, fastrand::choice(pieces).unwrap());
        hostile.push(uri);
    }
    for uri in hostile {
        let url = page.url(&[("redirect_uri", &uri)]);
        let shown = page.tenant.https_without_redirects().get(&url).send().await.unwrap();
        let posted = page.sign_in(&url).await;
        for answer in [shown, posted] {
            assert_eq!(answer.status(), 400, "{uri:?}");
            assert!(!answer.headers().contains_key("location"), "{uri:?}");
            let text = answer.text().await.unwrap();
            assert!(text.contains("AADSTS"), "{uri:?}: {text}");
        }
    }
    for (changes, code) in [
        (&[("client_id", "x")][..], "AADSTS700016"),
        (&[("client_id", "")], "AADSTS900144"),
        (&[("client_id", AZURE_CLI)], "AADSTS50011"),
    ] {
        let answer = page.sign_in(&page.url(changes)).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains(code), "{changes:?}");
    }
    // What occurs twice has two readings.
    let twice = format!("{}&redirect_uri=https://evil.example/", page.url(&[]));
    assert!(
        page.sign_in(&twice)
            .await
            .text()
            .await
            .unwrap()
            .contains("AADSTS9000411")
    );
    let unknown = page.url(&[]).replace("/common/", "/fabrikam.example/");
    assert!(
        page.sign_in(&unknown)
            .await
            .text()
            .await
            .unwrap()
            .contains("AADSTS90002")
    );
}

#[tokio::test]
async fn the_application_is_told_what_is_wrong() {
    let page = Page::start();
    let ids = ("response_type", "id_token");
    for (changes, code) in [
        (&[("response_type", "token")][..], "AADSTS70005"),
        (&[("response_type", "")], "AADSTS70005"),
        (&[("response_mode", "postal")], "AADSTS70007"),
        (&[ids, ("response_mode", "query")], "AADSTS70007"),
        (&[ids, ("nonce", "")], "AADSTS900144"),
        (&[ids, ("scope", "profile")], "AADSTS70011"),
        (&[("scope", "")], "AADSTS900144"),
        (&[("code_challenge", "short")], "AADSTS501481"),
        (&[("code_challenge_method", "plain")], "AADSTS501481"),
        (&[("code_challenge_method", "")], "AADSTS501481"),
        (&[("prompt", "none")], "AADSTS50058"),
        (&[("prompt", "perhaps")], "AADSTS90023"),
        (&[("scope", "openid api://unknown/read")], "AADSTS500011"),
        (&[("scope", "openid a/b")], "AADSTS70011"),
    ] {
        let answer = page.sign_in(&page.url(changes)).await;
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(
            location.starts_with("https://contoso.example/callback?a=b"),
            "{changes:?}"
        );
        assert!(
            location.contains(code) && location.contains("state=a+state"),
            "{changes:?}: {location}"
        );
        assert!(!location.contains("code="), "{changes:?}: {location}");
    }
    page.edit(|application| application.properties["web"]["implicitGrantSettings"] = Value::Null);
    let answer = page.sign_in(&page.url(&[ids])).await;
    assert!(answer.headers()["location"].to_str().unwrap().contains("AADSTS700054"));
    // Whoever is not assigned is told so by the application.
    change(page.tenant.azure(), |state| {
        let principal = state
            .directory
            .service_principals
            .iter_mut()
            .find(|one| one.client_id == page.client);
        principal
            .unwrap()
            .properties
            .insert("appRoleAssignmentRequired".to_owned(), true.into());
    });
    let answer = page.sign_in(&page.url(&[])).await;
    assert!(answer.headers()["location"].to_str().unwrap().contains("AADSTS50105"));
}

#[tokio::test]
async fn people_sign_in_with_their_password() {
    let page = Page::start();
    let url = page.url(&[
        ("response_mode", "form_post"),
        ("login_hint", "ADA@contoso.onmicrosoft.com"),
    ]);
    let html = page
        .tenant
        .https()
        .get(&url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let chosen = format!("value=\"{ADA}\" class=\"with-password\" required checked>");
    assert!(html.contains(&chosen), "{html}");
    let client = page.tenant.https_without_redirects();
    for (form, status, text) in [
        ([("user", ADA), ("password", "wrong")], 403, "The password is wrong."),
        ([("user", ADA), ("password", "")], 403, "The password is wrong."),
        ([("user", "nobody"), ("password", PASSWORD)], 400, "Choose a user."),
    ] {
        let answer = client.post(&url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let html = answer.text().await.unwrap();
        assert!(html.contains(text) && html.contains("<form method=\"post\">"), "{html}");
    }
    let html = page.sign_in(&url).await.text().await.unwrap();
    assert!(
        html.contains("action=\"https://contoso.example/callback?a=b\""),
        "{html}"
    );
    assert!(
        html.contains("name=\"code\"") && html.contains("value=\"a state&amp;b\""),
        "{html}"
    );
    for _ in 0..10 {
        client
            .post(&url)
            .form(&[("user", ADA), ("password", "wrong")])
            .send()
            .await
            .unwrap();
    }
    let answer = page.sign_in(&url).await;
    assert_eq!(answer.status(), 403, "the account is locked");
    change(page.tenant.azure(), |state| {
        let user = state
            .directory
            .users
            .iter_mut()
            .find(|user| user.id == page.ada)
            .unwrap();
        user.password = None;
        user.properties.insert("accountEnabled".to_owned(), false.into());
    });
    let html = page.sign_in(&url).await.text().await.unwrap();
    assert!(html.contains("This user is disabled."), "{html}");
}
