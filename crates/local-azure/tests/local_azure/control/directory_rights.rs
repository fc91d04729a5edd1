//! Microsoft Graph: who may change what.

use local_azure::state::Principal;
use local_azure::tokens::GRAPH;
use serde_json::{Value, json};

use super::directory_changes::{World, id, new_group, new_user, reference};
use super::{Answer, Control};

async fn graph_as(control: &Control, caller: &Principal, what: &str, body: Value) -> Answer {
    let token = control.azure().token(caller, GRAPH);
    let (method, path) = what.split_once(' ').unwrap();
    control
        .send_graph(&format!("{method} /v1.0{path}"), Some(&token), body)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn users_change_only_what_they_own() {
    let World {
        control,
        user,
        group,
        application,
        principal,
    } = &World::new().await;
    let subscription = control.subscription();
    let bob = &control.user("Reader", &subscription);
    let app_id = control.graph(&format!("GET {application}"), Value::Null).await.body["appId"].clone();
    let gone = control.graph(&format!("DELETE {principal}"), Value::Null).await;
    assert_eq!(gone.status, 204);
    // No name of an object makes a change look like a question.
    let credential = json!({
        "name": "getByIds", "issuer": "https://issuer.example", "subject": "s", "audiences": ["api://x"],
    });
    let credentials = format!("{application}/federatedIdentityCredentials");
    let created = control.graph(&format!("POST {credentials}"), credential).await;
    assert_eq!(created.status, 201);
    let me = format!("/users/{}", bob.id);
    for (what, body) in [
        ("POST /users".to_owned(), new_user("eve")),
        (
            format!("PATCH {user}"),
            json!({"passwordProfile": {"password": "Riddle-1234567"}}),
        ),
        (format!("PATCH {me}"), json!({"accountEnabled": true})),
        ("PATCH /me".to_owned(), json!({"jobTitle": "x"})),
        (format!("DELETE {user}"), Value::Null),
        (format!("PATCH {group}"), json!({"description": "x"})),
        (format!("DELETE {group}"), Value::Null),
        (format!("POST {group}/members/$ref"), reference(&bob.id.to_string())),
        (format!("POST {group}/owners/$ref"), reference(&bob.id.to_string())),
        (format!("PATCH {application}"), json!({"displayName": "x"})),
        (format!("DELETE {application}"), Value::Null),
        (format!("POST {application}/addPassword"), json!({})),
        (
            format!("POST {application}/owners/$ref"),
            reference(&bob.id.to_string()),
        ),
        (format!("POST {application}/federatedIdentityCredentials"), json!({})),
        (format!("DELETE {credentials}/getByIds"), Value::Null),
        ("POST /servicePrincipals".to_owned(), json!({"appId": app_id})),
        ("POST /oauth2PermissionGrants".to_owned(), json!({})),
    ] {
        let answer = graph_as(control, bob, &what, body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (403, "Authorization_RequestDenied"),
            "{what}"
        );
    }
    // What he creates is his own.
    let own = graph_as(control, bob, "POST /groups", new_group("own")).await;
    let group = format!("/groups/{}", id(&own));
    let own = graph_as(control, bob, "POST /applications", json!({"displayName": "own"})).await;
    let application = format!("/applications/{}", id(&own));
    let own = graph_as(
        control,
        bob,
        "POST /servicePrincipals",
        json!({"appId": own.body["appId"]}),
    )
    .await;
    let principal = format!("/servicePrincipals/{}", id(&own));
    for what in ["memberOf", "ownedObjects"] {
        let answer = graph_as(control, bob, &format!("GET /me/{what}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{what}");
    }
    let owned = graph_as(control, bob, "GET /me/ownedObjects", Value::Null).await;
    assert_eq!(owned.body["value"].as_array().unwrap().len(), 3);
    for (what, body, status) in [
        (
            format!("POST {group}/members/$ref"),
            reference(&bob.id.to_string()),
            204,
        ),
        (format!("PATCH {group}"), json!({"description": "x"}), 204),
        (format!("POST {application}/addPassword"), json!({}), 200),
        (format!("PATCH {principal}"), json!({"tags": ["x"]}), 204),
        (
            format!("POST {me}/getMemberGroups"),
            json!({"securityEnabledOnly": true}),
            200,
        ),
        ("GET /users".to_owned(), Value::Null, 200),
        (format!("DELETE {principal}"), Value::Null, 204),
        (format!("DELETE {application}"), Value::Null, 204),
        (format!("DELETE {group}"), Value::Null, 204),
    ] {
        let answer = graph_as(control, bob, &what, body).await;
        assert_eq!(answer.status, status, "{what} {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_are_refused() {
    let World {
        control, user, group, ..
    } = &World::new().await;
    let id = group.rsplit('/').next().unwrap();
    let evil = format!("https://evil.example/v1.0/directoryObjects/{id}");
    for (what, body) in [
        ("POST /directoryObjects/getByIds".to_owned(), json!({})),
        ("POST /directoryObjects/getByIds".to_owned(), json!({"ids": [1]})),
        (
            "POST /directoryObjects/getByIds".to_owned(),
            json!({"ids": [id], "types": ["x"]}),
        ),
        (
            "POST /directoryObjects/getByIds".to_owned(),
            json!({"ids": [id], "types": "user"}),
        ),
        (format!("POST {user}/checkMemberGroups"), json!({})),
        (format!("POST {user}/checkMemberGroups"), json!({"groupIds": "x"})),
        (format!("POST {user}/checkMemberGroups"), json!([])),
        (format!("POST {group}/members/$ref"), json!({})),
        (format!("POST {group}/members/$ref"), json!({"@odata.id": 5})),
        (format!("POST {group}/members/$ref"), json!({"@odata.id": id})),
        (format!("POST {group}/members/$ref"), json!({"@odata.id": evil})),
        (format!("POST {group}/members/$ref"), reference(id)),
        (
            format!("PATCH {group}"),
            json!({"members@odata.bind": [reference(id)["@odata.id"]]}),
        ),
        (format!("PATCH {group}"), json!({"members@odata.bind": 5})),
        ("POST /groups".to_owned(), Value::Null),
        ("POST /groups".to_owned(), json!(5)),
    ] {
        let answer = control.graph(&what, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, "Request_BadRequest"),
            "{what} {body}"
        );
    }
    let twice = json!({"ids": [id, id.to_uppercase()], "types": ["Group", "user"]});
    let found = control.graph("POST /directoryObjects/getByIds", twice).await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 1);
}
