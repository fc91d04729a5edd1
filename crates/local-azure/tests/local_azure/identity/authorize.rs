//! The sign-in page: authorization codes with PKCE, and where they may be sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_azure::entra::{add_secret, hash_password};
use local_azure::state::{Application, User};
use local_azure::tokens::AZURE_CLI;
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use crate::rig::{Tenant, change, send};

const ADA: &str = "ada@contoso.onmicrosoft.com";
const PASSWORD: &str = "Riddle-123456";
const VERIFIER: &str = "a-verifier-of-at-least-43-characters-0123456789";
const WEB: &str = "https://contoso.example/callback?a=b";
const SPA: &str = "https://spa.example/";

struct Page {
    tenant: Tenant,
    ada: Uuid,
    client: Uuid,
    secret: String,
}

impl Page {
    fn start() -> Self {
        let tenant = Tenant::start();
        let mut user = User::new(ADA);
        user.password = Some(hash_password(PASSWORD));
        let ada = user.id;
        let mut application = Application::new("<b>contoso</b>");
        let client = application.client_id;
        let properties = json!({
            "web": {"redirectUris": [WEB], "implicitGrantSettings": {"enableIdTokenIssuance": true}},
            "spa": {"redirectUris": [SPA]},
            "publicClient": {"redirectUris": ["http://localhost/done"]},
        });
        application.properties.clone_from(properties.as_object().unwrap());
        let secret = add_secret(&mut application.secrets);
        change(tenant.azure(), |state| {
            state.directory.users.push(user);
            state.directory.register(application);
        });
        Self {
            tenant,
            ada,
            client,
            secret,
        }
    }

    fn url(&self, changes: &[(&str, &str)]) -> String {
        let mut url = Url::parse(&self.tenant.entra().authority_host()).unwrap();
        url.set_path("common/oauth2/v2.0/authorize");
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut parameters = vec![
            ("client_id".to_owned(), self.client.to_string()),
            ("response_type".to_owned(), "code".to_owned()),
            ("redirect_uri".to_owned(), WEB.to_owned()),
            ("scope".to_owned(), "openid profile".to_owned()),
            ("state".to_owned(), "a state&b".to_owned()),
            ("nonce".to_owned(), "n1".to_owned()),
            ("code_challenge".to_owned(), challenge),
            ("code_challenge_method".to_owned(), "S256".to_owned()),
        ];
        for (name, value) in changes {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }

    async fn sign_in(&self, url: &str) -> Response {
        let form = [("user", ADA), ("password", PASSWORD)];
        self.tenant
            .https_without_redirects()
            .post(url)
            .form(&form)
            .send()
            .await
            .unwrap()
    }

    /// A code for the application.
    async fn code(&self, changes: &[(&str, &str)]) -> String {
        let answer = self.sign_in(&self.url(changes)).await;
        assert_eq!(answer.status(), 303);
        let location = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let mut pairs = location.query_pairs();
        pairs.find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let client = self.client.to_string();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", client.as_str()),
            ("client_secret", self.secret.as_str()),
            ("redirect_uri", WEB),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        let url = self.tenant.entra().token_url();
        send(self.tenant.https().post(url).form(&form)).await
    }
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_its_client() {
    let page = Page::start();
    let html = page.tenant.https().get(page.url(&[])).send().await.unwrap();
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'; form-action 'self' https://contoso.example;"),
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
    assert_eq!(body["error_codes"], json!([70008]), "a replay");

    let other = page.tenant.application.client_id.to_string();
    for (changes, code) in [
        (
            &[("code_verifier", "another-verifier-of-at-least-43-characters-01")][..],
            501_481,
        ),
        (&[("code_verifier", "")], 50_148),
        (&[("redirect_uri", "https://contoso.example/callback")], 50_011),
        (&[("redirect_uri", "")], 900_144),
        (&[("client_secret", "wrong")], 7_000_215),
        (&[("client_secret", "")], 7_000_216),
        (&[("client_id", &other)], 70_008),
        (&[("client_id", AZURE_CLI)], 70_008),
        (&[("code", "1.x")], 70_008),
    ] {
        let issued = page.code(&[]).await;
        let (status, body) = page.redeem(&issued, changes).await;
        assert_eq!(body["error_codes"], json!([code]), "{changes:?} {status}: {body}");
        // Whoever holds a code has one attempt.
        if !["code", "redirect_uri"].contains(&changes[0].0) {
            assert_eq!(
                page.redeem(&issued, &[]).await.1["error_codes"],
                json!([70008]),
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
    let secretless = [("client_secret", "")];
    for (client, uri) in [
        (page.client.to_string(), SPA),
        (page.client.to_string(), "http://localhost:4321/done"),
        (AZURE_CLI.to_owned(), "http://localhost:8400"),
        (AZURE_CLI.to_owned(), "http://localhost:8400/"),
    ] {
        let code = page.code(&[("client_id", &client), ("redirect_uri", uri)]).await;
        let changes = [("client_id", client.as_str()), ("redirect_uri", uri), secretless[0]];
        let (status, body) = page.redeem(&code, &changes).await;
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
    change(page.tenant.azure(), |state| {
        let application = state
            .directory
            .applications
            .iter_mut()
            .find(|one| one.client_id == page.client);
        application.unwrap().properties["web"]["implicitGrantSettings"] = Value::Null;
    });
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
    assert!(html.contains(&format!("<option value=\"{ADA}\" selected>")), "{html}");
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
