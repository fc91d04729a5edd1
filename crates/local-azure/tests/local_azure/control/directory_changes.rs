//! Microsoft Graph: what clients may set.

use local_azure::state::State;
use serde_json::{Value, json};

use super::{Answer, Control};

const DOMAIN: &str = "contoso.onmicrosoft.com";

pub fn new_user(name: &str) -> Value {
    json!({
        "displayName": name, "mailNickname": name, "userPrincipalName": format!("{name}@{DOMAIN}"),
        "accountEnabled": true, "passwordProfile": {"password": "Riddle-123456"},
    })
}

pub fn new_group(name: &str) -> Value {
    json!({"displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true})
}

pub fn reference(id: &str) -> Value {
    json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")})
}

/// The id of an object that was created.
pub fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub struct World {
    pub control: Control,
    pub user: String,
    pub group: String,
    pub application: String,
    pub principal: String,
}

impl World {
    pub async fn new() -> Self {
        let control = Control::start();
        let user = id(&control.graph("POST /users", new_user("ada")).await);
        let group = id(&control.graph("POST /groups", new_group("writers")).await);
        let application = control.graph("POST /applications", json!({"displayName": "api"})).await;
        let app_id = application.body["appId"].clone();
        let principal = control.graph("POST /servicePrincipals", json!({"appId": app_id})).await;
        Self {
            user: format!("/users/{user}"),
            group: format!("/groups/{group}"),
            application: format!("/applications/{}", id(&application)),
            principal: format!("/servicePrincipals/{}", id(&principal)),
            control,
        }
    }
}

/// A certificate as `keyCredentials` has it.
fn key() -> Value {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["api".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pem = certificate.pem();
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    json!({"type": "AsymmetricX509Cert", "usage": "Verify", "key": lines.collect::<String>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_properties_can_be_changed() {
    let world = World::new().await;
    let long = json!({"displayName": "x".repeat(257)});
    let tables = [
        (
            &world.user,
            "User",
            vec![
                (json!({"id": "x"}), "read-only id"),
                (
                    json!({"createdDateTime": "2026-01-01T00:00:00Z"}),
                    "read-only createdDateTime",
                ),
                (json!({"password": "x"}), "unknown password"),
                (json!({"passwordprofile": {"password": "x"}}), "unknown passwordprofile"),
                (json!({"passwordProfile": {"Password": "x"}}), "unknown Password"),
                (json!({"DisplayName": "x"}), "unknown DisplayName"),
                (json!({"user_principal_name": "x"}), "unknown user_principal_name"),
                (json!({"displayName": 5}), "value displayName"),
                (json!({"displayName": null}), "value displayName"),
                (json!({"displayName": "a\nb"}), "value displayName"),
                (long, "value displayName"),
                (json!({"accountEnabled": "false"}), "value accountEnabled"),
                (json!({"accountEnabled": null}), "value accountEnabled"),
                (json!({"businessPhones": [1]}), "value businessPhones"),
                (json!({"birthday": "yesterday"}), "value birthday"),
                (json!({"passwordProfile": 5}), "value passwordProfile"),
                (json!({"mailNickname": "a@b"}), "value mailNickname"),
                (json!({"userPrincipalName": "a b@contoso.onmicrosoft.com"}), "name"),
                (json!({"userPrincipalName": null}), "name"),
            ],
        ),
        (
            &world.group,
            "Group",
            vec![
                (json!({"members": []}), "unknown members"),
                (json!({"owners": []}), "unknown owners"),
                (json!({"display_name": "x"}), "unknown display_name"),
                (json!({"groupTypes": "Unified"}), "value groupTypes"),
            ],
        ),
        (
            &world.application,
            "Application",
            vec![
                (json!({"secrets": []}), "unknown secrets"),
                (json!({"client_id": "x"}), "unknown client_id"),
                (json!({"appId": "x"}), "read-only appId"),
                (json!({"passwordCredentials": []}), "read-only passwordCredentials"),
                (json!({"web": []}), "value web"),
                (json!({"keyCredentials": 5}), "value keyCredentials"),
                (json!({"keyCredentials": [5]}), "value keyCredentials"),
            ],
        ),
        (
            &world.principal,
            "ServicePrincipal",
            vec![
                (json!({"keyCredentials": null}), "value keyCredentials"),
                (json!({"certificates": []}), "unknown certificates"),
                (json!({"servicePrincipalType": "x"}), "read-only servicePrincipalType"),
                (
                    json!({"appOwnerOrganizationId": "x"}),
                    "read-only appOwnerOrganizationId",
                ),
            ],
        ),
    ];
    let before = world.control.azure().state().directory.clone();
    for (path, kind, cases) in tables {
        for (body, expected) in cases {
            let answer = world.control.graph(&format!("PATCH {path}"), body.clone()).await;
            let expected = match expected.split_once(' ') {
                Some(("unknown", name)) => format!("Invalid property '{name}'."),
                Some(("read-only", name)) => format!("Property '{name}' is read-only and cannot be set."),
                Some((_, name)) => format!("Invalid value specified for property '{name}' of resource '{kind}'."),
                None => "Property userPrincipalName is invalid.".to_owned(),
            };
            assert_eq!(answer.body["error"]["message"], expected, "{path} {body}");
            assert_eq!(
                (answer.status, answer.code.as_str()),
                (400, "Request_BadRequest"),
                "{body}"
            );
        }
    }
    assert_eq!(before, world.control.azure().state().directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_properties_can_be_set() {
    let control = Control::start();
    let before = control.azure().state().directory.clone();
    let (user, group) = (|| new_user("eve"), || new_group("eve"));
    let evil = json!(["https://evil.example/v1.0/users/11111111-1111-1111-1111-111111111111"]);
    for (kind, body) in [
        ("users", with(user(), "id", json!("x"))),
        ("users", with(user(), "password", json!("x"))),
        (
            "users",
            with(user(), "userPrincipalName", json!(format!("e\nve@{DOMAIN}"))),
        ),
        ("users", with(user(), "passwordProfile", json!({}))),
        ("groups", with(group(), "members", json!([]))),
        ("groups", with(group(), "mailEnabled", json!(true))),
        ("groups", with(group(), "securityEnabled", json!(false))),
        ("groups", with(group(), "displayName", json!(""))),
        ("groups", with(group(), "owners@odata.bind", evil)),
        ("applications", json!({"displayName": "x", "owners": []})),
        ("applications", json!({"displayName": null})),
        ("servicePrincipals", json!({"appId": 5})),
    ] {
        let answer = control.graph(&format!("POST /{kind}"), body.clone()).await;
        let found = (answer.status, answer.code.as_str());
        assert_eq!(found, (400, "Request_BadRequest"), "{kind} {body}");
    }
    assert_eq!(before, control.azure().state().directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_set_is_kept_apart() {
    let World {
        control,
        user,
        application,
        principal,
        ..
    } = &World::new().await;
    for (path, body) in [
        (user, json!({"jobTitle": "Analyst", "department": "x"})),
        (user, json!({"department": null})),
        (
            application,
            json!({"web": {"redirectUris": ["https://x"], "homePageUrl": "https://y"}, "tags": ["one"]}),
        ),
        (
            application,
            json!({"web": {"homePageUrl": null}, "tags@odata.type": "#Collection(String)"}),
        ),
        (principal, json!({"tags": ["two"], "accountEnabled": false})),
    ] {
        let answer = control.graph(&format!("PATCH {path}"), body.clone()).await;
        assert_eq!(answer.status, 204, "{body} {answer:?}");
    }
    let text = serde_json::to_string(&*control.azure().state()).unwrap();
    let state: State = serde_json::from_str(&text).unwrap();
    assert_eq!(state.directory, control.azure().state().directory);
    let shown = control
        .graph(&format!("GET {user}?$select=jobTitle,department"), Value::Null)
        .await;
    assert_eq!(
        (&shown.body["jobTitle"], &shown.body["department"]),
        (&json!("Analyst"), &Value::Null)
    );
    let web = control.graph(&format!("GET {application}"), Value::Null).await.body["web"].clone();
    assert_eq!(
        (&web["redirectUris"], &web["homePageUrl"]),
        (&json!(["https://x"]), &Value::Null)
    );
    assert_eq!(web["implicitGrantSettings"]["enableIdTokenIssuance"], false);
    let shown = control.graph(&format!("GET {principal}"), Value::Null).await;
    assert_eq!(
        (&shown.body["tags"], &shown.body["accountEnabled"]),
        (&json!(["two"]), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_checked() {
    let World {
        control, application, ..
    } = &World::new().await;
    let patch = format!("PATCH {application}");
    let one = control.graph(&patch, json!({"keyCredentials": [key()]})).await;
    assert_eq!(one.status, 204, "{one:?}");
    let mut shown = control.graph(&format!("GET {application}"), Value::Null).await;
    let existing = shown.body["keyCredentials"][0].take();
    assert!(existing["endDateTime"].is_string());
    for (wrong, name) in [
        (with(key(), "key", json!("MDEyMw==")), "not a certificate"),
        (with(key(), "key", json!("?")), "not base64"),
        (with(key(), "keyId", json!("x")), "not an id"),
        (with(key(), "type", json!("Symmetric")), "a symmetric key"),
        (with(key(), "unknown", json!("x")), "an unknown property"),
        (with(key(), "endDateTime", json!("tomorrow")), "not a time"),
        (
            with(key(), "endDateTime", json!("2001-01-01T00:00:00Z")),
            "a time in the past",
        ),
        (
            with(key(), "startDateTime", json!("9999-12-31T00:00:00Z")),
            "a start in the distant future",
        ),
        (json!({"keyId": uuid::Uuid::new_v4()}), "an unknown certificate"),
    ] {
        let answer = control
            .graph(&patch, json!({"keyCredentials": [existing, wrong]}))
            .await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, "Request_BadRequest"),
            "{name}"
        );
    }
    for wrong in [
        json!(5),
        json!({"endDateTime": "tomorrow"}),
        json!({"endDateTime": "2001-01-01T00:00:00Z"}),
        json!({"startDateTime": "2099-01-02T00:00:00Z", "endDateTime": "2099-01-01T00:00:00Z"}),
        json!({"startDateTime": "9999-12-31T00:00:00Z"}),
        json!({"displayName": 5}),
        json!({"unknown": "x"}),
    ] {
        let body = json!({"passwordCredential": wrong});
        let answer = control.graph(&format!("POST {application}/addPassword"), body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, "Request_BadRequest"),
            "{wrong}"
        );
    }
    let two = control
        .graph(&patch, json!({"keyCredentials": [existing, key()]}))
        .await;
    assert_eq!(two.status, 204, "{two:?}");
    let shown = control.graph(&format!("GET {application}"), Value::Null).await;
    assert_eq!(shown.body["keyCredentials"].as_array().unwrap().len(), 2);
    assert_eq!(shown.body["passwordCredentials"], json!([]));
    // A secret may come with a new application.
    let body = json!({"displayName": "x", "passwordCredentials": [{"displayName": "first"}]});
    let new = control.graph("POST /applications", body).await;
    assert!(new.body["passwordCredentials"][0]["secretText"].is_string(), "{new:?}");
    let good = json!({
        "name": "a", "issuer": "https://issuer.example", "subject": "s", "audiences": ["api://AzureADTokenExchange"],
    });
    for (name, wrong) in [
        ("issuer", json!("http://issuer.example")),
        ("issuer", json!("https://")),
        ("issuer", json!("x")),
        ("subject", json!(" ")),
        ("audiences", json!([])),
        ("audiences", json!([" "])),
        ("audiences", json!("x")),
        ("unknown", json!("x")),
    ] {
        let post = format!("POST {application}/federatedIdentityCredentials");
        let answer = control.graph(&post, with(good.clone(), name, wrong.clone())).await;
        assert_eq!(answer.status, 400, "{name} {wrong}");
    }
}
