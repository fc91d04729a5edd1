//! Who reaches the app, and as whom.

use local_azure::state::{FederatedCredential, ManagedIdentity, View as _};
use local_azure::testing::patiently;
use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::guarded::{ADA, Guarded, configure, location, principal, settings, values};
use crate::rig::{APP, change};

#[tokio::test]
async fn a_visitor_signs_in_and_out() {
    let guarded = Guarded::start(&[]).await;
    let (session, target) = guarded.sign_in("/version?a=%2F&b").await;
    assert_eq!(target, guarded.site.url("/version?a=%2F&b"));
    let headers = guarded.seen(&session).await;
    assert_eq!(headers["x-ms-client-principal-id"], guarded.ada.to_string());
    assert_eq!(headers["x-ms-client-principal-name"], ADA);
    assert_eq!(headers["x-ms-client-principal-idp"], "aad");
    assert!(headers["x-ms-token-aad-id-token"].as_str().unwrap().starts_with("ey"));
    // Without a client secret there is no access token, as in Azure.
    assert_eq!(headers.get("x-ms-token-aad-access-token"), None);
    let principal = principal(&headers);
    assert_eq!(principal["auth_typ"], "aad");
    let claims = &principal["claims"];
    let tenant = guarded.site.azure().read(|state| state.tenant).to_string();
    let identity = "http://schemas.microsoft.com/identity/claims";
    assert_eq!(
        values(claims, &format!("{identity}/objectidentifier")),
        [guarded.ada.to_string()]
    );
    assert_eq!(values(claims, &format!("{identity}/tenantid")), [tenant]);
    assert_eq!(values(claims, "name"), ["Ada <L>"]);
    assert_eq!(values(claims, "preferred_username"), [ADA]);
    assert_eq!(values(claims, "roles"), ["Chef"]);
    assert_eq!(values(claims, "groups"), [guarded.group.to_string()]);
    assert_eq!(values(claims, "aud"), [guarded.client_id.to_string()]);

    let me = guarded.get("/.auth/me", &session).await;
    assert_eq!(me.headers()["cache-control"], "no-store");
    let me: Value = me.json().await.unwrap();
    assert_eq!(
        (&me[0]["user_id"], &me[0]["provider_name"]),
        (&json!(ADA), &json!("aad"))
    );
    assert_eq!(me[0]["user_claims"], *claims);
    assert_eq!(guarded.get("/.auth/me", "").await.status(), 401);

    let answer = guarded
        .get("/.auth/logout?post_logout_redirect_uri=%2Fversion", &session)
        .await;
    assert_eq!(location(&answer), guarded.site.url("/version"));
    assert!(answer.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    // The session has ended, even for whoever kept the cookie.
    assert_eq!(guarded.get("/version", &session).await.status(), StatusCode::FOUND);
    assert_eq!(guarded.get("/.auth/me", &session).await.status(), 401);
    let answer = guarded.get("/.auth/logout", "").await;
    assert_eq!(location(&answer), guarded.site.url("/.auth/logout/done"));
    assert_eq!(guarded.get("/.auth/logout/done", "").await.status(), 200);
}

#[tokio::test]
async fn an_app_with_a_secret_gets_tokens_if_it_wants_them() {
    let guarded = Guarded::with(&[], true).await;
    let (session, _) = guarded.sign_in("/version").await;
    let headers = guarded.seen(&session).await;
    let token = headers["x-ms-token-aad-access-token"].as_str().unwrap();
    let claims = guarded
        .site
        .azure()
        .verify(token, &["https://graph.microsoft.com"])
        .unwrap();
    assert_eq!((claims.oid, claims.appid), (guarded.ada, guarded.client_id.to_string()));
    assert!(headers["x-ms-token-aad-expires-on"].as_str().unwrap().ends_with('Z'));
    assert_eq!(headers.get("x-ms-token-aad-refresh-token"), None);
    // A wrong secret is reported, and lets nobody in.
    guarded
        .site
        .change(|app| _ = app.settings.insert("AAD_SECRET".to_owned(), "wrong".to_owned()));
    let (page, nonce) = guarded.begin("/.auth/login/aad").await;
    let answer = guarded.complete(&guarded.sign_in_at(&page).await, &nonce).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.text().await.unwrap().contains("AADSTS7000215"));

    let guarded = Guarded::start(&[("/login/tokenStore/enabled", json!(false))]).await;
    let (session, _) = guarded.sign_in("/version").await;
    let headers = guarded.seen(&session).await;
    assert!(
        headers
            .as_object()
            .unwrap()
            .keys()
            .all(|name| !name.starts_with("x-ms-token"))
    );
    assert_eq!(guarded.get("/.auth/me", &session).await.status(), 404);
}

/// The application trusts a managed identity of the app, and holds no secret.
#[tokio::test]
async fn an_identity_takes_the_place_of_a_secret() {
    let setting = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID";
    let path = "/identityProviders/azureActiveDirectory/registration/clientSecretSettingName";
    let guarded = Guarded::start(&[(path, json!(setting))]).await;
    let azure = guarded.site.azure();
    let refused = async |why: &str| {
        let (page, nonce) = guarded.begin("/.auth/login/aad").await;
        let answer = guarded.complete(&guarded.sign_in_at(&page).await, &nonce).await;
        assert_eq!(answer.status(), 401);
        let text = answer.text().await.unwrap();
        assert!(text.contains(why), "{text}");
    };
    let id = azure.read(|state| state.resource_id("demo", ManagedIdentity::KIND, "signs-in"));
    let identity = ManagedIdentity::new(id);
    change(azure, |state| state.put(&identity));
    let client_id = identity.client_id.to_string();
    guarded
        .site
        .change(|app| _ = app.settings.insert(setting.to_owned(), client_id));
    refused("is not the client id of a managed identity that is assigned to the app").await;
    guarded
        .site
        .change(|app| app.identity.user.push(identity.resource_id.clone()));
    refused("AADSTS70025").await;
    let trust = |subject: Uuid| {
        change(azure, |state| {
            let issuer = format!("https://login.microsoftonline.com/{}/v2.0", state.tenant);
            let mut all = state.directory.applications.iter_mut();
            let application = all.find(|one| one.client_id == guarded.client_id).unwrap();
            application.federated_credentials = vec![FederatedCredential {
                name: "site".to_owned(),
                issuer,
                subject: subject.to_string(),
                audience: "api://AzureADTokenExchange".to_owned(),
            }];
        });
    };
    trust(Uuid::new_v4());
    refused("AADSTS700213").await;
    trust(identity.principal_id);
    let (session, _) = guarded.sign_in("/version").await;
    let headers = guarded.seen(&session).await;
    assert_eq!(headers["x-ms-client-principal-id"], guarded.ada.to_string());
    assert!(
        headers["x-ms-token-aad-access-token"]
            .as_str()
            .unwrap()
            .starts_with("ey")
    );
    // Entra takes no other token of its own for one of an identity.
    let user = azure.read(|state| state.principal(guarded.ada)).unwrap();
    trust(guarded.ada);
    let token = azure.token(&user, "api://AzureADTokenExchange");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &guarded.client_id.to_string()),
        ("scope", "https://graph.microsoft.com/.default"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &token),
    ];
    let (page, _) = guarded.begin("/.auth/login/aad").await;
    let endpoint = page.split_once("/authorize?").unwrap().0.to_owned() + "/token";
    let answer = guarded.site.client.post(endpoint).form(&form).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("AADSTS700222"));
}

#[tokio::test]
async fn a_session_expires() {
    let lifetime = json!({"convention": "FixedTime", "timeToExpiration": "00:00:01"});
    let guarded = Guarded::start(&[("/login/cookieExpiration", lifetime)]).await;
    let (session, _) = guarded.sign_in("/version").await;
    patiently("the session expires", async || {
        (guarded.get("/version", &session).await.status() == StatusCode::FOUND).then_some(())
    })
    .await;
    let lifetime = json!({"convention": "FixedTime", "timeToExpiration": "00:00:00"});
    let guarded = Guarded::start(&[("/login/cookieExpiration", lifetime)]).await;
    let (session, _) = guarded.sign_in("/version").await;
    assert_eq!(guarded.get("/version", &session).await.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn each_action_for_visitors_who_are_not_signed_in() {
    for (action, status) in [("RedirectToLoginPage", 302), ("Return401", 401), ("Return403", 403)] {
        let guarded = Guarded::start(&[
            ("/globalValidation/unauthenticatedClientAction", json!(action)),
            ("/globalValidation/excludedPaths", json!(["/id", "/public/*"])),
        ])
        .await;
        for (path, expected) in [
            ("/version", status),
            ("/id", 200),
            ("/public/x", 404),
            ("/public/../version", status),
            ("/id/", status),
        ] {
            // The client would normalise the path.
            let mut url = Url::parse(&guarded.site.url("/")).unwrap();
            url.set_path(path);
            let answer = if path.contains("..") {
                guarded.get("/public/%2e%2e/version", "").await
            } else {
                guarded.site.client.get(url).send().await.unwrap()
            };
            assert_eq!(answer.status(), expected, "{action} {path}");
            assert_eq!(
                answer.headers().contains_key("www-authenticate"),
                expected == 401,
                "{action} {path}"
            );
        }
        // A script and a form could not follow a redirection.
        let script = guarded.site.client.get(guarded.site.url("/version"));
        let script = script
            .header("X-Requested-With", "XMLHttpRequest")
            .send()
            .await
            .unwrap();
        let form = guarded
            .site
            .client
            .post(guarded.site.url("/echo"))
            .body("a")
            .send()
            .await
            .unwrap();
        let expected = if status == 302 { 401 } else { status };
        assert_eq!(
            (script.status().as_u16(), form.status().as_u16()),
            (expected, expected),
            "{action}"
        );
        let (session, _) = guarded.sign_in("/.auth/login/aad").await;
        assert_eq!(guarded.get("/version", &session).await.status(), 200);
        let plain = format!(
            "http://contoso.localhost:{}/version",
            guarded.site.service().http_port()
        );
        assert_eq!(guarded.site.client.get(plain).send().await.unwrap().status(), 301);
    }
}

#[tokio::test]
async fn the_app_knows_whether_it_is_on() {
    let guarded = Guarded::start(&[]).await;
    guarded.site.service().follow();
    let (session, _) = guarded.sign_in("/version").await;
    let environment = guarded.get("/env", &session).await.json::<Value>().await.unwrap();
    assert_eq!(environment["WEBSITE_AUTH_ENABLED"], "True");
    assert_eq!(environment["WEBSITE_AUTH_DEFAULT_PROVIDER"], "AzureActiveDirectory");
    assert_eq!(environment["WEBSITE_AUTH_CLIENT_ID"], guarded.client_id.to_string());
    // A change restarts the app. When it is off, the headers are the client's own, and /.auth/ is the app's.
    change(guarded.site.azure(), |state| {
        let off = settings(guarded.client_id, state.tenant, &[("/platform/enabled", json!(false))]);
        configure(state, APP, &off);
    });
    patiently("the app has restarted", async || {
        let answer = guarded.get("/env", "").await;
        let environment = answer.json::<Value>().await.ok()?;
        (environment["WEBSITE_AUTH_ENABLED"] == "False").then_some(())
    })
    .await;
    let request = guarded.site.client.get(guarded.site.url("/headers"));
    let request = request.header("X-MS-CLIENT-PRINCIPAL-NAME", "admin");
    let headers = request.send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(headers["x-ms-client-principal-name"], "admin");
    let me = guarded.get("/.auth/me", "").await;
    assert!(!me.headers().contains_key("content-security-policy"), "the app answers");
}

#[tokio::test]
async fn what_is_not_configured_is_said() {
    let registration = "/identityProviders/azureActiveDirectory/registration";
    let guarded = Guarded::start(&[(registration, json!({}))]).await;
    let answer = guarded.get("/version", "").await;
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("az webapp auth update"));
    // The sign-in page says what is wrong with the application.
    let other = Uuid::new_v4();
    let guarded = Guarded::start(&[(registration, json!({"clientId": other}))]).await;
    let page = location(&guarded.get("/version", "").await);
    let answer = guarded.site.client.get(page).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("AADSTS700016"));
    let guarded = Guarded::start(&[]).await;
    change(guarded.site.azure(), |state| {
        let application = state
            .directory
            .applications
            .iter_mut()
            .find(|one| one.client_id == guarded.client_id);
        application
            .unwrap()
            .properties
            .insert("web".to_owned(), json!({"redirectUris": ["https://other.example/"]}));
    });
    let page = location(&guarded.get("/version", "").await);
    let answer = guarded.site.client.get(page).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("AADSTS50011"));
}
