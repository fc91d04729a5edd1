//! Requests from hostile clients.

use local_azure::state::RoleDefinition;
use local_azure::tokens::MANAGEMENT;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Control;

/// Whatever a client sends, the state can be read again, and no field of it is set that the client may not set.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_breaks_or_forges_the_state() {
    let control = Control::storing(&["Microsoft.Network"]);
    let (group, identity) = control.world("team").await;
    let before = control.azure().read(|state| state.uid(&identity.parse().unwrap()));
    for levels in 55..130 {
        let mut nested = json!(1);
        for _ in 0..levels {
            nested = json!([nested]);
        }
        let network = format!("PUT {group}/providers/Microsoft.Network/virtualNetworks/v{levels}");
        let body = json!({"location": "westeurope", "properties": {"a": nested}});
        let answer = control.arm(&network, body).await;
        let is_permitted = levels + 2 <= 64;
        assert_eq!(
            answer.status,
            if is_permitted { 200 } else { 400 },
            "{levels}: {answer:?}"
        );
    }
    for (kind, name) in [
        ("Microsoft.Network/virtualNetworks", "v"),
        ("Microsoft.ManagedIdentity/userAssignedIdentities", "site"),
    ] {
        let body = json!({
            "location": "westeurope", "id": "/x", "name": "x", "type": "x", "uid": Uuid::nil(), "secrets": 5,
            "topLevel": 5, "top_level": 5, "other": 5, "zones": ["1"], "systemData": 5,
        });
        let answer = control.arm(&format!("PUT {group}/providers/{kind}/{name}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            (&answer.body["name"], &answer.body["zones"]),
            (&json!(name), &json!(["1"]))
        );
    }
    let control = control.reopen();
    assert_eq!(
        control.azure().read(|state| state.uid(&identity.parse().unwrap())),
        before
    );
    let shown = control
        .arm(
            &format!("GET {group}/providers/Microsoft.Network/virtualNetworks/v"),
            Value::Null,
        )
        .await;
    assert_eq!((shown.status, &shown.body["zones"]), (200, &json!(["1"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_changed_only_by_those_who_may_everywhere_it_applies() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let (other, _) = control.world("other").await;
    let subscription = control.subscription();
    let role = |actions: Value, scope: &str| json!({"properties": {"roleName": "weak", "permissions": [{"actions": actions}], "assignableScopes": [scope]}});
    let id = Uuid::new_v4();
    let at = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}");
    let weak = role(json!(["Microsoft.Resources/subscriptions/read"]), &subscription);
    assert_eq!(
        control.arm(&format!("PUT {}", at(&subscription)), weak).await.status,
        201
    );
    let user = control.user("User Access Administrator", &group);
    let strong = role(json!(["*"]), &group);
    for request in ["PUT", "DELETE"] {
        let answer = control
            .arm_as(&user, &format!("{request} {}", at(&group)), strong.clone())
            .await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (403, "AuthorizationFailed"),
            "{answer:?}"
        );
    }
    let elsewhere = role(json!(["*"]), &other);
    let answer = control.arm_as(&user, &format!("PUT {}", at(&other)), elsewhere).await;
    assert_eq!(answer.status, 403);
    let permissions = control
        .azure()
        .read(|state| state.role(id).unwrap().permissions.clone());
    assert_eq!(permissions[0].actions, ["Microsoft.Resources/subscriptions/read"]);
}

/// A letter that is equal to another one in some comparisons only does not lead around a rule.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_types_are_plain_letters() {
    let control = Control::storing(&["all"]);
    let (group, _) = control.world("team").await;
    let body = json!({"location": "westeurope"});
    // The Kelvin sign, whose lower case is k.
    for kind in [
        "Microsoft.Networ\u{212a}/virtualNetworks",
        "Microsoft.Network/virtualNetwor\u{212a}s",
    ] {
        let kind = kind.replace('\u{212a}', "%E2%84%AA");
        let answer = control
            .arm(&format!("PUT {group}/providers/{kind}/v"), body.clone())
            .await;
        assert_eq!(answer.status, 400, "{kind}: {answer:?}");
    }
    let list = format!("GET {}/providers", control.subscription());
    assert_eq!(control.arm(&list, Value::Null).await.status, 200);
}

/// Without any role, nothing can be seen or done.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_sees_nothing() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let (stranger, reader) = (control.stranger(), control.user("Reader", &group));
    let subscription = control.subscription();
    let register = format!("POST {subscription}/providers/Microsoft.Web/register");
    for (what, is_for_reader) in [
        (format!("GET {subscription}"), true),
        (format!("GET {subscription}/locations"), true),
        (format!("GET {subscription}/providers"), true),
        (format!("GET {subscription}/providers/Microsoft.Web"), true),
        (format!("GET {subscription}/resources"), true),
        (format!("GET {group}/resources"), true),
        (format!("GET {group}"), true),
        (format!("GET {group}-of-others"), false),
        (format!("GET {group}-of-others/resources"), false),
        (
            format!("GET {group}/providers/Microsoft.Authorization/denyAssignments"),
            true,
        ),
        (format!("GET {subscription}/tagNames"), false),
        (register.clone(), false),
        (register.replace("register", "unregister"), false),
        (format!("POST {group}/exportTemplate"), false),
        (format!("POST {identity}/listAssociatedResources"), false),
    ] {
        let answer = control.arm_as(&stranger, &what, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (403, "AuthorizationFailed"),
            "{what}: {answer:?}"
        );
        let answer = control.arm_as(&reader, &what, Value::Null).await;
        assert_eq!(
            answer.status,
            if is_for_reader { 200 } else { 403 },
            "{what}: {answer:?}"
        );
    }
    // Whom the subscription is not registered for creates nothing.
    let unregister = register.replace("Microsoft.Web/register", "Microsoft.ManagedIdentity/unregister");
    assert_eq!(
        control.arm(&unregister, Value::Null).await.body["registrationState"],
        "Unregistered"
    );
    let answer = control
        .arm(&format!("PUT {identity}2"), json!({"location": "westeurope"}))
        .await;
    assert_eq!(
        (answer.status, answer.code.as_str()),
        (409, "MissingSubscriptionRegistration")
    );
    let again = control
        .arm(&unregister.replace("unregister", "register"), Value::Null)
        .await;
    assert_eq!(again.body["registrationState"], "Registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    let control = Control::start();
    let subscription = control.subscription();
    let list = format!("GET {subscription}/providers/Microsoft.Authorization/roleAssignments");
    let all = control.arm(&list, Value::Null).await.body;
    let owner = RoleDefinition::find("Owner").unwrap().id.to_string();
    let owners: Vec<_> = all["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| {
            one["properties"]["roleDefinitionId"]
                .as_str()
                .unwrap()
                .ends_with(&owner)
        })
        .collect();
    assert_eq!(owners.len(), 1);
    let id = owners[0]["id"].as_str().unwrap();
    let answer = control.arm(&format!("DELETE {id}"), Value::Null).await;
    assert_eq!(answer.code, "CannotDeleteLastRbacAdminAssignment", "{answer:?}");
    // Nor can the user be deleted or disabled.
    let user = format!("/users/{}", control.owner.id);
    for (method, body) in [("DELETE", Value::Null), ("PATCH", json!({"accountEnabled": false}))] {
        let answer = control.graph(&format!("{method} {user}"), body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, "Request_BadRequest"),
            "{answer:?}"
        );
    }
    control.user("User Access Administrator", &subscription);
    assert_eq!(control.arm(&format!("DELETE {id}"), Value::Null).await.status, 200);
}

/// A role assignment below which something is locked can be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_below_a_role_assignment_does_not_keep_it() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let lock = |scope: &str| format!("PUT {scope}/providers/Microsoft.Authorization/locks/l");
    let body = json!({"properties": {"level": "CanNotDelete"}});
    for (locked, status) in [(&identity, 200), (&group, 409)] {
        control.arm(&lock(locked), body.clone()).await;
        let reader = control.user("Reader", &group);
        let name = control.azure().read(|state| {
            let mut all = state.role_assignments.iter();
            all.find(|one| one.principal_id == reader.id).unwrap().name
        });
        let id = format!("DELETE {group}/providers/Microsoft.Authorization/roleAssignments/{name}");
        assert_eq!(control.arm(&id, Value::Null).await.status, status, "{locked}");
    }
}

/// The headers that every answer has, and the challenge of those that need a token.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_where_tokens_are_issued() {
    let control = Control::start();
    let token = control.azure().token(&control.owner, MANAGEMENT);
    let list = "GET /subscriptions?api-version=2022-12-01";
    for (token, status) in [(None, 401), (Some("x"), 401), (Some(token.as_str()), 200)] {
        let answer = control.send_arm(list, token, Value::Null).await;
        assert_eq!(answer.status, status);
        for header in ["x-ms-request-id", "x-ms-correlation-request-id"] {
            assert!(answer.headers.contains_key(header), "{header}");
        }
        let challenge = answer
            .headers
            .get("www-authenticate")
            .map(|value| value.to_str().unwrap());
        let names_authority = challenge.is_some_and(|text| text.contains("https://login.microsoftonline.com/"));
        assert_eq!(names_authority, status == 401);
    }
}
