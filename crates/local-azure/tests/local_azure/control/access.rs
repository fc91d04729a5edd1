//! Who may do what: tokens, roles over actions and scopes, and locks over operations and levels.

use local_azure::state::{Action, ResourceId, RoleDefinition};
use local_azure::tokens::{Claims, GRAPH, MANAGEMENT, MANAGEMENT_CORE, STORAGE, now};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Control;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_valid_token_for_the_control_plane_is_accepted() {
    let control = Control::start();
    let azure = control.azure();
    let list = "GET /subscriptions?api-version=2022-12-01";
    let changed = |change: fn(&mut Claims)| {
        let mut claims = azure.claims(&control.owner, MANAGEMENT);
        change(&mut claims);
        azure.sign(&claims)
    };
    for audience in [
        MANAGEMENT,
        MANAGEMENT_CORE,
        "https://management.azure.com/",
        "https://management.core.windows.net/",
    ] {
        let answer = control
            .send_arm(list, Some(&azure.token(&control.owner, audience)), Value::Null)
            .await;
        assert_eq!(answer.status, 200, "{audience}: {answer:?}");
    }
    let other = Control::start();
    for (token, code) in [
        (String::new(), "InvalidAuthenticationToken"),
        ("secret".to_owned(), "InvalidAuthenticationToken"),
        (
            azure.token(&control.owner, STORAGE),
            "InvalidAuthenticationTokenAudience",
        ),
        (azure.token(&control.owner, GRAPH), "InvalidAuthenticationTokenAudience"),
        (
            other.azure().token(&other.owner, MANAGEMENT),
            "InvalidAuthenticationToken",
        ),
        (changed(|claims| claims.exp = now()), "ExpiredAuthenticationToken"),
        (
            changed(|claims| claims.tid = Uuid::nil()),
            "InvalidAuthenticationTokenTenant",
        ),
        (
            changed(|claims| claims.oid = Uuid::new_v4()),
            "InvalidAuthenticationToken",
        ),
    ] {
        let answer = control.send_arm(list, Some(&token), Value::Null).await;
        assert_eq!((answer.status, answer.code.as_str()), (401, code), "{token}");
    }
    let answer = control.send_arm(list, None, Value::Null).await;
    assert_eq!((answer.status, answer.code.as_str()), (401, "AuthenticationFailed"));
    assert!(
        answer.headers.contains_key("x-ms-request-id") && answer.headers.contains_key("x-ms-correlation-request-id")
    );
    let answer = control
        .send_graph(
            "GET /v1.0/me",
            Some(&azure.token(&control.owner, MANAGEMENT)),
            Value::Null,
        )
        .await;
    assert_eq!(
        (answer.status, answer.code.as_str()),
        (401, "InvalidAuthenticationToken")
    );
}

/// An operation: the request, its body, the action that it needs, and where.
struct Operation {
    what: String,
    body: Value,
    action: &'static str,
    at: String,
}

fn operations(control: &Control, group: &str, identity: &str) -> Vec<Operation> {
    const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
    let subscription = control.subscription();
    let reader = RoleDefinition::find("Reader").unwrap().id;
    let authorization = "providers/Microsoft.Authorization";
    let assign = json!({"properties": {
        "roleDefinitionId": format!("{subscription}/{authorization}/roleDefinitions/{reader}"),
        "principalId": Uuid::new_v4(), "principalType": "ServicePrincipal",
    }});
    let operation = |what: String, body: Value, action: &'static str, at: &str| Operation {
        what,
        body,
        action,
        at: at.to_owned(),
    };
    let new = Uuid::new_v4();
    vec![
        operation(
            format!("GET {identity}"),
            Value::Null,
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
            identity,
        ),
        operation(
            format!("PUT {identity}"),
            json!({"location": "westeurope", "tags": {"a": "b"}}),
            "Microsoft.ManagedIdentity/userAssignedIdentities/write",
            identity,
        ),
        operation(
            format!("DELETE {group}/providers/{IDENTITY}/nobody"),
            Value::Null,
            "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
            group,
        ),
        operation(
            format!("GET {group}"),
            Value::Null,
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            group,
        ),
        operation(
            format!("PATCH {group}"),
            json!({"tags": {}}),
            "Microsoft.Resources/subscriptions/resourceGroups/write",
            group,
        ),
        operation(
            format!("PUT {identity}/{authorization}/roleAssignments/{new}"),
            assign,
            "Microsoft.Authorization/roleAssignments/write",
            identity,
        ),
        operation(
            format!("GET {group}/{authorization}/roleAssignments"),
            Value::Null,
            "Microsoft.Authorization/roleAssignments/read",
            group,
        ),
        operation(
            format!("PUT {identity}/{authorization}/locks/{new}"),
            json!({"properties": {"level": "CanNotDelete"}}),
            "Microsoft.Authorization/locks/write",
            identity,
        ),
    ]
}

/// The built-in roles that concern what is emulated, for each operation, at three scopes.
#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_the_caller_decide() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    control.world("other").await;
    let subscription = control.subscription();
    let mut rows = 0;
    for role in RoleDefinition::built_in() {
        let all = operations(&control, &group, &identity);
        let concerned = all
            .iter()
            .filter(|one| role.permits(Action::Control(one.action)))
            .count();
        // Most roles may read groups and role assignments.
        if concerned < 3 && role.name != "User Access Administrator" {
            continue;
        }
        for scope in [&subscription, &group, &identity] {
            let user = control.user(&role.name, scope);
            for Operation { what, body, action, at } in operations(&control, &group, &identity) {
                let (on, id): (ResourceId, ResourceId) = (scope.parse().unwrap(), at.parse().unwrap());
                let permitted = on.contains(&id) && role.permits(Action::Control(action));
                let answer = control.arm_as(&user, &what, body).await;
                let row = format!("{} at {scope}: {what}: {answer:?}", role.name);
                rows += 1;
                if permitted {
                    assert!(answer.status < 300, "{row}");
                } else {
                    assert_eq!(
                        (answer.status, answer.code.as_str()),
                        (403, "AuthorizationFailed"),
                        "{row}"
                    );
                    let message = answer.body["error"]["message"].as_str().unwrap();
                    let says = |text: &str| message.contains(text);
                    assert!(says(action) && says(&at) && says(&user.display_name), "{row}");
                }
                if what.contains("/locks/") && answer.status < 300 {
                    control.arm(&what.replace("PUT", "DELETE"), Value::Null).await;
                }
            }
        }
    }
    assert!(rows > 300, "{rows} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_inherited_and_enforced() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let (_, elsewhere) = control.world("other").await;
    let subscription = control.subscription();
    for level in ["CanNotDelete", "ReadOnly"] {
        for scope in [&subscription, &group, &identity] {
            let lock = format!("{scope}/providers/Microsoft.Authorization/locks/l");
            let created = control
                .arm(&format!("PUT {lock}"), json!({"properties": {"level": level}}))
                .await;
            assert_eq!(created.status, 201, "{created:?}");
            for (what, body, is_delete, at) in [
                ("PUT", json!({"location": "westeurope"}), false, &identity),
                ("PATCH", json!({"tags": {}}), false, &identity),
                ("DELETE", Value::Null, true, &identity),
                ("PATCH", json!({"tags": {}}), false, &group),
                ("DELETE", Value::Null, true, &group),
                ("PATCH", json!({"tags": {}}), false, &elsewhere),
                ("GET", Value::Null, false, &identity),
            ] {
                let (on, id): (ResourceId, ResourceId) = (scope.parse().unwrap(), at.parse().unwrap());
                let is_near = on.contains(&id) || (is_delete && id.contains(&on));
                let is_locked = is_near && what != "GET" && (is_delete || level == "ReadOnly");
                // A deletion that is permitted would end the table.
                if is_delete && !is_locked {
                    continue;
                }
                let answer = control.arm(&format!("{what} {at}"), body).await;
                if is_locked {
                    assert_eq!(
                        (answer.status, answer.code.as_str()),
                        (409, "ScopeLocked"),
                        "{level} {scope}: {what} {at}"
                    );
                } else {
                    assert_eq!(answer.status, 200, "{level} {scope}: {what} {at}: {answer:?}");
                }
            }
            let listed = control
                .arm(
                    &format!("GET {identity}/providers/Microsoft.Authorization/locks"),
                    Value::Null,
                )
                .await;
            assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
            let deleted = control.arm(&format!("DELETE {lock}"), Value::Null).await;
            assert_eq!(deleted.status, 200);
        }
    }
    let wrong = format!("PUT {group}/providers/Microsoft.Authorization/locks/l");
    let answer = control.arm(&wrong, json!({"properties": {"level": "Never"}})).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn role_assignments_are_created_once_and_outlive_their_principal() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let subscription = control.subscription();
    let object = control.arm(&format!("GET {identity}"), Value::Null).await.body["properties"]["principalId"].clone();
    let role = RoleDefinition::find("Reader").unwrap().id;
    let body = |principal: &Value, kind: Option<&str>| {
        json!({"properties": {
            "roleDefinitionId": format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
            "principalId": principal, "principalType": kind,
        }})
    };
    let new = |scope: &str| {
        format!(
            "PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{}",
            Uuid::new_v4()
        )
    };
    let first = control.arm(&new(&group), body(&object, None)).await;
    assert_eq!(
        (first.status, &first.body["properties"]["principalType"]),
        (201, &json!("ServicePrincipal"))
    );
    for (what, body, status, code) in [
        (new(&group), body(&object, None), 409, "RoleAssignmentExists"),
        (
            new(&group),
            body(&json!(Uuid::new_v4()), None),
            400,
            "PrincipalNotFound",
        ),
        (new(&group), body(&object, Some("User")), 400, "UnmatchedPrincipalType"),
        (new(&group), body(&json!("nobody"), None), 400, "InvalidPrincipalId"),
        (
            new(&format!("{subscription}/resourceGroups/nobody")),
            body(&object, None),
            404,
            "ResourceGroupNotFound",
        ),
        (
            new(&group),
            json!({"properties": {"principalId": object, "roleDefinitionId": Uuid::new_v4()}}),
            400,
            "RoleDefinitionDoesNotExist",
        ),
        (new(&group), json!({}), 400, "InvalidRequestContent"),
        (new(&group), json!([]), 400, "InvalidRequestContent"),
        (
            format!("PUT {group}/providers/Microsoft.Authorization/roleAssignments/x"),
            body(&object, None),
            400,
            "InvalidRoleAssignmentId",
        ),
    ] {
        let answer = control.arm(&what, body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (status, code),
            "{what}: {answer:?}"
        );
    }
    // A principal that is not known everywhere yet is accepted if its type is given.
    let answer = control
        .arm(&new(&group), body(&json!(Uuid::new_v4()), Some("ServicePrincipal")))
        .await;
    assert_eq!(answer.status, 201);
    // The identity can read, until it is deleted.
    let principal = control.azure().read(|state| state.find_principal("site")).unwrap();
    assert_eq!(
        control
            .arm_as(&principal, &format!("GET {group}"), Value::Null)
            .await
            .status,
        200
    );
    control.arm(&format!("DELETE {identity}"), Value::Null).await;
    let refused = control.arm_as(&principal, &format!("GET {group}"), Value::Null).await;
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (401, "InvalidAuthenticationToken")
    );
    let filter = format!("$filter=principalId eq '{}'", object.as_str().unwrap());
    let listed = control
        .arm(
            &format!("GET {group}/providers/Microsoft.Authorization/roleAssignments?{filter}"),
            Value::Null,
        )
        .await;
    assert_eq!(
        listed.body["value"][0]["properties"]["principalType"], "Unknown",
        "{listed:?}"
    );
}
