//! Users who sign in by password, and with the refresh token of an earlier sign-in.

use local_azure::entra::hash_password;
use local_azure::state::{State, User};
use local_azure::tokens::{AZURE_CLI, now};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Tenant, change, send};

const ADA: &str = "ada@contoso.onmicrosoft.com";
const PASSWORD: &str = "Riddle-123456";

fn start() -> (Tenant, Uuid) {
    let tenant = Tenant::start();
    let mut user = User::new(ADA);
    user.password = Some(hash_password(PASSWORD));
    let id = user.id;
    change(tenant.azure(), |state| state.directory.users.push(user));
    (tenant, id)
}

fn edit(state: &mut State, id: Uuid) -> &mut User {
    state.directory.users.iter_mut().find(|user| user.id == id).unwrap()
}

async fn post(tenant: &Tenant, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}{path}", tenant.entra().authority_host());
    send(tenant.https().post(url).form(form)).await
}

async fn sign_in(tenant: &Tenant, realm: &str, password: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "password"),
        ("client_id", AZURE_CLI),
        ("username", ADA),
        ("password", password),
        ("scope", "https://graph.microsoft.com/.default offline_access"),
    ];
    post(tenant, &format!("{realm}/oauth2/v2.0/token"), &form).await
}

async fn refresh(tenant: &Tenant, token: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", AZURE_CLI),
        ("refresh_token", token),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    post(tenant, "common/oauth2/v2.0/token", &form).await
}

#[tokio::test]
async fn the_tenant_is_named_by_its_id_or_its_domain() {
    let (tenant, _) = start();
    let id = tenant.tenant().to_string();
    for (realm, is_known) in [
        (id.as_str(), true),
        ("contoso.onmicrosoft.com", true),
        ("Contoso.OnMicrosoft.com", true),
        ("common", true),
        ("organizations", true),
        ("fabrikam.onmicrosoft.com", false),
        ("11111111-1111-1111-1111-111111111111", false),
    ] {
        let expected = if is_known {
            (200, Value::Null)
        } else {
            (400, json!([90002]))
        };
        let form = [("client_id", AZURE_CLI), ("scope", "openid")];
        let url = format!("{}{realm}", tenant.entra().authority_host());
        let discovery = tenant
            .https()
            .get(format!("{url}/v2.0/.well-known/openid-configuration"));
        for (status, body) in [
            sign_in(&tenant, realm, PASSWORD).await,
            post(&tenant, &format!("{realm}/oauth2/v2.0/devicecode"), &form).await,
            send(discovery).await,
        ] {
            assert_eq!((status, body["error_codes"].clone()), expected, "{realm}: {body}");
        }
    }
    let secret = [
        ("grant_type", "client_credentials"),
        ("client_id", &tenant.application.client_id.to_string()),
        ("client_secret", &tenant.secret),
        ("scope", "https://storage.azure.com/.default"),
    ];
    let (status, body) = post(&tenant, "contoso.onmicrosoft.com/oauth2/v2.0/token", &secret).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_new_password_ends_sign_ins() {
    let (tenant, id) = start();
    let (_, signed_in) = sign_in(&tenant, "common", PASSWORD).await;
    let token = signed_in["refresh_token"].as_str().unwrap();
    for (set, expected) in [(0, Value::Null), (now() + 10, json!([50173]))] {
        change(tenant.azure(), |state| edit(state, id).password_set = Some(set));
        let (_, body) = refresh(&tenant, token).await;
        assert_eq!(body["error_codes"], expected, "{body}");
    }
    change(tenant.azure(), |state| {
        let user = edit(state, id);
        user.password_set = None;
        user.properties.insert("accountEnabled".to_owned(), false.into());
    });
    assert_eq!(refresh(&tenant, token).await.1["error_codes"], json!([50057]));
}

#[tokio::test]
async fn wrong_passwords_lock_an_account() {
    let (tenant, _) = start();
    for _ in 0..10 {
        let (status, body) = sign_in(&tenant, "common", "wrong").await;
        assert_eq!((status, &body["error_codes"]), (400, &json!([50126])));
    }
    for password in ["wrong", PASSWORD] {
        let (status, body) = sign_in(&tenant, "common", password).await;
        assert_eq!((status, &body["error_codes"]), (400, &json!([50053])), "{password}");
    }
}
