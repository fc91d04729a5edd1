//! What an application gets for a person who has signed in, and how they sign out.

use local_azure::entra::{add_secret, hash_password};
use local_azure::state::{AppRoleAssignment, Application, Group, User};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::page::{ADA, PASSWORD, Page, SPA, WEB, payload};
use crate::rig::change;

/// The refresh token of an answer.
fn refresh_token(answer: &Value) -> String {
    answer["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn tokens_are_those_that_the_scopes_ask_for() {
    let page = Page::start();
    let user = page.ada;
    change(page.tenant.azure(), |state| {
        let mut users = state.directory.users.iter_mut();
        let user = users.find(|one| one.id == user).unwrap();
        user.properties.insert("displayName".to_owned(), "Ada L".into());
        user.properties.insert("mail".to_owned(), "ada@contoso.example".into());
    });
    for (scope, has_id_token, has_refresh_token, names, granted) in [
        ("User.Read", false, false, 0, "User.Read"),
        (
            "openid",
            true,
            false,
            0,
            "openid https://graph.microsoft.com/user_impersonation",
        ),
        (
            "openid profile User.Read offline_access",
            true,
            true,
            3,
            "openid profile User.Read",
        ),
        (
            "openid email profile User.Read",
            true,
            false,
            4,
            "openid email profile User.Read",
        ),
    ] {
        let (status, body) = page.redeem(&page.code(&[("scope", scope)]).await, &[]).await;
        assert_eq!(status, 200, "{scope}: {body}");
        assert_eq!(body["scope"], granted, "{scope}");
        assert_eq!(body["refresh_token"].is_string(), has_refresh_token, "{scope}");
        assert_eq!(body["id_token"].is_string(), has_id_token, "{scope}");
        let Some(token) = body["id_token"].as_str() else {
            continue;
        };
        let claims = payload(token);
        let names_in_token = ["name", "preferred_username", "oid", "email"];
        let found = names_in_token
            .iter()
            .filter(|name| claims.get(**name).is_some())
            .count();
        assert_eq!(found, names, "{scope}: {claims}");
        assert_ne!(claims["sub"], json!(user), "the subject is the application's own");
    }
}

/// An API with roles, to which the application asks for access.
#[tokio::test]
async fn an_api_gets_roles_and_the_groups_that_it_asks_for() {
    let page = Page::start();
    let [role, group] = [Uuid::new_v4(), Uuid::new_v4()];
    let mut api = Application::new("menu");
    api.identifier_uris.push("api://menu".to_owned());
    let client_id = api.client_id;
    let properties = json!({
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [{"value": "cook", "isEnabled": true}]},
        "appRoles": [{"id": role, "value": "Chef", "isEnabled": true}],
    });
    api.properties.clone_from(properties.as_object().unwrap());
    let ada = page.ada;
    change(page.tenant.azure(), |state| {
        let principal = state.directory.register(api);
        let mut kitchen = Group::new("kitchen", vec![ada]);
        kitchen.id = group;
        state.directory.groups.push(kitchen);
        state.directory.groups.push(Group::new("guests", vec![ada]));
        state.directory.app_role_assignments.push(AppRoleAssignment {
            id: Uuid::new_v4(),
            principal_id: group,
            resource_id: principal.id,
            app_role_id: role,
            other: Map::new(),
        });
    });
    let access = async |scope: &str| {
        let (status, body) = page.redeem(&page.code(&[("scope", scope)]).await, &[]).await;
        assert_eq!(status, 200, "{body}");
        payload(body["access_token"].as_str().unwrap())
    };
    let claims = access("openid api://menu/cook").await;
    let issuer = format!("{}{}/v2.0", page.tenant.entra().authority_host(), page.tenant.tenant());
    for (name, expected) in [
        ("aud", json!(client_id)),
        ("iss", json!(issuer)),
        ("ver", json!("2.0")),
        ("azp", json!(page.client)),
        ("azpacr", json!("1")),
        ("scp", json!("cook")),
        ("roles", json!(["Chef"])),
        ("groups", Value::Null),
        ("preferred_username", json!(ADA)),
    ] {
        assert_eq!(claims[name], expected, "{name}: {claims}");
    }
    for (kind, expected) in [("SecurityGroup", 2), ("ApplicationGroup", 1), ("None", 0)] {
        change(page.tenant.azure(), |state| {
            let mut all = state.directory.applications.iter_mut();
            let api = all.find(|one| one.client_id == client_id).unwrap();
            api.properties.insert("groupMembershipClaims".to_owned(), kind.into());
            api.properties["api"]["requestedAccessTokenVersion"] = Value::Null;
        });
        let claims = access("api://menu/.default").await;
        assert_eq!((&claims["aud"], &claims["ver"]), (&json!("api://menu"), &json!("1.0")));
        assert_eq!(claims["groups"].as_array().map_or(0, Vec::len), expected, "{kind}");
    }
    let refused = page.sign_in(&page.url(&[("scope", "api://menu/wash")])).await;
    assert!(refused.headers()["location"].to_str().unwrap().contains("AADSTS650053"));
    // The page shows who is in which group.
    let html = page.tenant.https().get(page.url(&[])).send().await.unwrap();
    let html = html.text().await.unwrap();
    assert!(html.contains("Groups: kitchen, guests"), "{html}");
}

#[tokio::test]
async fn a_refresh_token_belongs_to_its_program() {
    let page = Page::start();
    let scope = ("scope", "openid profile offline_access User.Read");
    let (_, body) = page.redeem(&page.code(&[scope]).await, &[]).await;
    let web = refresh_token(&body);
    let asked = [scope, ("redirect_uri", SPA)];
    let secretless = [
        ("client_secret", ""),
        ("redirect_uri", SPA),
        ("origin", "https://spa.example"),
    ];
    let (_, body) = page.redeem(&page.code(&asked).await, &secretless).await;
    let spa = refresh_token(&body);
    let other = page.tenant.application.client_id.to_string();
    for (token, changes, expected) in [
        (&web, &[][..], Value::Null),
        (&web, &[("scope", "Mail.Read")], Value::Null),
        (&web, &[("client_secret", "")], json!([7_000_218])),
        (&web, &[("client_secret", "wrong")], json!([7_000_215])),
        (&web, &[("client_id", &other)], json!([9_002_313])),
        (&web, &[("origin", "https://contoso.example")], json!([9_002_326])),
        (&web, &[("scope", "Mail.Read api://menu/cook")], json!([28_000])),
        (&spa, &secretless, Value::Null),
        (&spa, &[("client_secret", "")], json!([9_002_327])),
        (&spa, &[("origin", "https://spa.example")], json!([700_025])),
    ] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        let (_, body) = page.token(&form, changes).await;
        assert_eq!(body["error_codes"], expected, "{changes:?}: {body}");
        if expected.is_null() {
            assert!(body["refresh_token"].is_string(), "{body}");
            let scope = body["scope"].as_str().unwrap();
            assert!(scope.contains(if changes.first() == Some(&("scope", "Mail.Read")) {
                "Mail.Read"
            } else {
                "User.Read"
            }));
        }
    }
}

/// A sign-in without a redirect URI does not tell whether a program keeps a secret.
#[tokio::test]
async fn a_program_without_an_address_is_public_only_if_it_says_so() {
    let page = Page::start();
    let form = [
        ("grant_type", "password"),
        ("username", ADA),
        ("password", PASSWORD),
        ("scope", "openid"),
    ];
    let secretless = [("client_secret", "")];
    let (_, body) = page.token(&form, &secretless).await;
    assert_eq!(body["error_codes"], json!([7_000_218]), "{body}");
    assert_eq!(page.token(&form, &[]).await.0, 200);
    page.edit(|application| {
        let name = "isFallbackPublicClient".to_owned();
        application.properties.insert(name, true.into());
    });
    assert_eq!(page.token(&form, &secretless).await.0, 200);
}

/// `az ad app create` creates no service principal. The first sign-in does.
#[tokio::test]
async fn the_first_sign_in_creates_the_service_principal() {
    let page = Page::start();
    let mut application = Application::new("new");
    let secret = add_secret(&mut application.secrets);
    let client = application.client_id;
    let properties = json!({"web": {"redirectUris": [WEB]}});
    application.properties.clone_from(properties.as_object().unwrap());
    let bob = "bob@contoso.onmicrosoft.com";
    change(page.tenant.azure(), |state| {
        state.directory.applications.push(application);
        let mut bob = User::new(bob);
        bob.password = Some(hash_password(PASSWORD));
        state.directory.users.push(bob);
    });
    let client = client.to_string();
    let code = page.code(&[("client_id", &client)]).await;
    let (status, body) = page
        .redeem(&code, &[("client_id", &client), ("client_secret", &secret)])
        .await;
    assert_eq!(status, 200, "{body}");
    // An application that is disabled signs no one in.
    change(page.tenant.azure(), |state| {
        let mut all = state.directory.service_principals.iter_mut();
        let own = all.find(|one| one.client_id.to_string() == client).unwrap();
        own.properties.insert("accountEnabled".to_owned(), false.into());
    });
    let answer = page.sign_in(&page.url(&[("client_id", &client)])).await;
    assert!(answer.headers()["location"].to_str().unwrap().contains("AADSTS7000112"));
}

#[tokio::test]
async fn a_person_may_refuse() {
    let page = Page::start();
    let form = [("user", ADA), ("cancel", "1")];
    let request = page.tenant.https_without_redirects().post(page.url(&[])).form(&form);
    let answer = request.send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with(WEB) && location.contains("error=access_denied") && location.contains("state=a+state"),
        "{location}"
    );
}

#[tokio::test]
async fn signing_out_leads_only_to_registered_addresses() {
    let page = Page::start();
    let sign_out = async |query: &str| {
        let host = page.tenant.entra().authority_host();
        let url = format!("{host}common/oauth2/v2.0/logout?{query}");
        let answer = page.tenant.https_without_redirects().get(url).send().await.unwrap();
        let location = answer
            .headers()
            .get("location")
            .map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    };
    let uri = "post_logout_redirect_uri";
    let to = |location: &str| (303, Some(location.to_owned()));
    assert_eq!(
        sign_out(&format!("{uri}={SPA}&state=s%261")).await,
        to("https://spa.example/?state=s%261")
    );
    assert_eq!(
        sign_out(&format!("{uri}=http://localhost:9/done")).await,
        to("http://localhost:9/done")
    );
    for query in [
        String::new(),
        format!("{uri}=https://evil.example/"),
        format!("{uri}=https://spa.example@evil.example/"),
        format!("{uri}=//evil.example/"),
        format!("{uri}=javascript:alert(1)"),
        format!("{uri}={SPA}&{uri}=https://evil.example/"),
    ] {
        assert_eq!(sign_out(&query).await, (200, None), "{query}");
    }
}

/// The script of a page reads tokens, but not the page on which people sign in.
#[tokio::test]
async fn scripts_read_tokens_and_keys_only() {
    let page = Page::start();
    let host = page.tenant.entra().authority_host();
    let tenant = page.tenant.tenant();
    for (url, is_readable) in [
        (format!("{host}{tenant}/v2.0/.well-known/openid-configuration"), true),
        (format!("{host}{tenant}/discovery/v2.0/keys"), true),
        (format!("{host}{tenant}/oauth2/v2.0/token"), true),
        (page.url(&[]), false),
        (format!("{host}device"), false),
    ] {
        let client = page.tenant.https();
        let request = if url.ends_with("/token") {
            client.post(&url)
        } else {
            client.get(&url)
        };
        let answer = request.header("Origin", "https://spa.example").send().await.unwrap();
        let allowed = answer.headers().get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), is_readable, "{url}");
    }
}
