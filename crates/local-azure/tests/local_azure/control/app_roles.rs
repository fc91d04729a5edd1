//! The roles that an application gives to its users.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Control;

#[tokio::test(flavor = "multi_thread")]
async fn users_and_groups_have_roles_of_an_application() {
    let control = Control::start();
    let role = Uuid::new_v4();
    let roles = json!([{"id": role, "value": "Chef", "displayName": "Chef", "description": "Cooks", "isEnabled": true,
                        "allowedMemberTypes": ["User"]}]);
    let application = control
        .graph("POST /applications", json!({"displayName": "a", "appRoles": roles}))
        .await;
    let client = application.body["appId"].as_str().unwrap().to_owned();
    let principal = control.graph("POST /servicePrincipals", json!({"appId": client})).await;
    let resource = principal.body["id"].as_str().unwrap().to_owned();
    let user = control.owner.id;
    let group =
        json!({"displayName": "kitchen", "mailNickname": "kitchen", "mailEnabled": false, "securityEnabled": true});
    let group = control.graph("POST /groups", group).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let client_id = Uuid::try_parse(&client).unwrap();
    let held = || control.azure().read(|state| state.app_roles(user, client_id));
    assert!(held().is_empty());

    let path = format!("/servicePrincipals/{resource}/appRoleAssignedTo");
    let body =
        |principal: &str, role: Uuid| json!({"principalId": principal, "resourceId": resource, "appRoleId": role});
    let created = control
        .graph(&format!("POST {path}"), body(&user.to_string(), role))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(
        (&created.body["principalType"], &created.body["resourceDisplayName"]),
        (&json!("User"), &json!("a"))
    );
    assert_eq!(held(), ["Chef"]);
    for (what, wrong) in [
        (format!("POST {path}"), body(&user.to_string(), role)),
        (format!("POST {path}"), body(&user.to_string(), Uuid::new_v4())),
        (format!("POST {path}"), body("x", role)),
        (
            format!("POST {path}"),
            json!({"principalId": user, "resourceId": user, "appRoleId": role}),
        ),
        (
            format!("POST {path}"),
            json!({"principalId": user, "resourceId": resource, "appRoleId": role, "id": role}),
        ),
        (
            format!("POST /groups/{group}/appRoleAssignments"),
            body(&user.to_string(), role),
        ),
    ] {
        let answer = control.graph(&what, wrong.clone()).await;
        assert_eq!(answer.status, 400, "{what} {wrong}: {answer:?}");
    }
    let unknown = control
        .graph(&format!("POST {path}"), body(&Uuid::new_v4().to_string(), role))
        .await;
    assert_eq!(unknown.status, 404, "{unknown:?}");

    // A direct member of a group has its roles.
    let own = format!("/users/{user}/appRoleAssignments");
    let id = created.body["id"].as_str().unwrap();
    assert_eq!(
        control.graph(&format!("GET {own}"), Value::Null).await.body["value"][0]["id"],
        id
    );
    assert_eq!(
        control.graph(&format!("DELETE {own}/{id}"), Value::Null).await.status,
        204
    );
    assert!(held().is_empty());
    let assigned = control
        .graph(&format!("POST /groups/{group}/appRoleAssignments"), body(&group, role))
        .await;
    assert_eq!(assigned.status, 201, "{assigned:?}");
    let member = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{user}")});
    control
        .graph(&format!("POST /groups/{group}/members/$ref"), member)
        .await;
    assert_eq!(held(), ["Chef"]);

    // Nobody gives a role to themselves.
    let stranger = control.stranger();
    let token = control.azure().token(&stranger, "https://graph.microsoft.com");
    let what = format!("POST /v1.0/users/{}/appRoleAssignments", stranger.id);
    let answer = control
        .send_graph(&what, Some(&token), body(&stranger.id.to_string(), role))
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    // Whoever is deleted has none.
    assert_eq!(
        control
            .graph(&format!("DELETE /groups/{group}"), Value::Null)
            .await
            .status,
        204
    );
    assert!(held().is_empty());
    let left = control.graph(&format!("GET {path}"), Value::Null).await;
    assert_eq!(left.body["value"], json!([]));
}
