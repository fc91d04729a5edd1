//! Requests that are not valid.

use local_azure::state::RoleDefinition;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Control;

/// Checks the status and the code of the answers to a table of the owner's requests.
async fn check(control: &Control, table: Vec<(String, Value, u16, &str)>) {
    for (what, body, status, code) in table {
        let answer = control.arm(&what, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (status, code),
            "{what} {body}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_refused() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let subscription = control.subscription();
    let owner = RoleDefinition::find("Owner").unwrap().id;
    let principal = control.stranger().id;
    let assignment = || {
        format!(
            "PUT {group}/providers/Microsoft.Authorization/roleAssignments/{}",
            Uuid::new_v4()
        )
    };
    let with = |name: &str, value: Value| {
        let role = format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{owner}");
        let mut body = json!({"properties": {"roleDefinitionId": role, "principalId": principal}});
        body["properties"][name] = value;
        body
    };
    let mut table = Vec::new();
    for (name, value, code) in [
        ("condition", json!(5), "InvalidRequestContent"),
        ("condition", json!({}), "InvalidRequestContent"),
        ("condition", json!("x"), "InvalidConditionVersion"),
        ("description", json!([]), "InvalidRequestContent"),
        ("principalType", json!(1), "InvalidRequestContent"),
        ("principalType", json!("Group"), "UnmatchedPrincipalType"),
        ("principalId", json!("x"), "InvalidPrincipalId"),
        ("roleDefinitionId", json!("x"), "InvalidRoleDefinitionId"),
        (
            "roleDefinitionId",
            json!(format!("/foo/{owner}")),
            "InvalidRoleDefinitionId",
        ),
    ] {
        table.push((assignment(), with(name, value), 400, code));
    }
    let unknown =
        json!({"properties": {"roleDefinitionId": owner, "principalId": Uuid::new_v4(), "principalType": "Robot"}});
    table.push((assignment(), unknown, 400, "InvalidPrincipalType"));
    let role = |permissions: Value| json!({"properties": {"roleName": "r", "permissions": permissions, "assignableScopes": [group]}});
    for (permissions, code) in [
        (json!([]), "InvalidRoleDefinition"),
        (json!(5), "InvalidRoleDefinition"),
        (json!([{"actions": 5}]), "InvalidRoleDefinition"),
        (json!([{"actions": ["Foo.Bar/x/y"]}]), "InvalidActionOrNotAction"),
        (json!([{"actions": ["read"]}]), "InvalidActionOrNotAction"),
    ] {
        let id = format!(
            "PUT {group}/providers/Microsoft.Authorization/roleDefinitions/{}",
            Uuid::new_v4()
        );
        table.push((id, role(permissions), 400, code));
    }
    let locks = format!("PUT {group}/providers/Microsoft.Authorization/locks");
    let lock = |notes: Value| json!({"properties": {"level": "CanNotDelete", "notes": notes}});
    table.push((format!("{locks}/l"), lock(json!(5)), 400, "InvalidRequestContent"));
    table.push((
        format!("{locks}/{}", "l".repeat(261)),
        lock(json!("")),
        400,
        "InvalidLockName",
    ));
    check(&control, table).await;
    let group = group.parse().unwrap();
    assert_eq!(
        control
            .azure()
            .read(|state| state.permissions(principal, &group).count()),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_has_the_types_that_it_should() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let mut table = Vec::new();
    for identity_property in [json!([]), json!(5), json!({}), json!({"type": 5})] {
        let body = json!({"location": "westeurope", "identity": identity_property});
        let machine = format!("PUT {group}/providers/Microsoft.Compute/virtualMachines/m");
        table.push((machine, body, 400, "InvalidRequestContent"));
    }
    for (value, code) in [
        (json!({"type": "Bogus"}), "InvalidIdentityType"),
        (json!({"type": "UserAssigned"}), "InvalidIdentityValues"),
        (
            json!({"type": "UserAssigned", "userAssignedIdentities": []}),
            "InvalidRequestContent",
        ),
    ] {
        let body = json!({"location": "westeurope", "identity": value});
        let machine = format!("PUT {group}/providers/Microsoft.Compute/virtualMachines/m");
        table.push((machine, body, 400, code));
    }
    for (name, value) in [
        ("location", json!(5)),
        ("properties", json!("x")),
        ("sku", json!("x")),
        ("kind", json!(5)),
    ] {
        let mut body = json!({"location": "westeurope"});
        body[name] = value;
        let machine = format!("PUT {group}/providers/Microsoft.Compute/virtualMachines/m");
        table.push((machine, body, 400, "InvalidRequestContent"));
    }
    let tags = |tags: Value| json!({"location": "westeurope", "tags": tags});
    let many: serde_json::Map<_, _> = (0..51).map(|n| (n.to_string(), json!(""))).collect();
    for wrong in [
        json!([]),
        json!({"a": 5}),
        json!({"": "x"}),
        json!({"a<b": "x"}),
        json!({"Microsoft.x": "x"}),
        json!({"a": "1", "A": "2"}),
        json!({"a": "x".repeat(257)}),
        json!({"x".repeat(513): "a"}),
        Value::Object(many),
    ] {
        table.push((format!("PUT {identity}"), tags(wrong), 400, "InvalidTagsProvided"));
    }
    let plan = format!("PUT {group}/providers/Microsoft.Web/serverfarms/p");
    for sku in [json!(""), json!("é1"), json!(5)] {
        let body = json!({"location": "westeurope", "sku": {"name": sku}});
        table.push((plan.clone(), body, 400, "InvalidRequestContent"));
    }
    let merge = |n: usize| {
        let tags: serde_json::Map<_, _> = (0..40).map(|m| (format!("{n}-{m}"), json!(""))).collect();
        json!({"operation": "Merge", "properties": {"tags": tags}})
    };
    let tags_of = format!("PATCH {identity}/providers/Microsoft.Resources/tags/default");
    table.push((tags_of.clone(), merge(1), 200, ""));
    table.push((tags_of, merge(2), 400, "InvalidTagsProvided"));
    check(&control, table).await;
}

/// Methods, and operations that do not exist.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_method_does_something() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let subscription = control.subscription();
    let web = format!("{group}/providers/Microsoft.Web");
    let plan = json!({"location": "westeurope", "sku": {"name": "B1"}});
    assert_eq!(control.arm(&format!("PUT {web}/serverfarms/p"), plan).await.status, 200);
    let site = json!({"location": "westeurope", "properties": {"serverFarmId": format!("{web}/serverfarms/p")}});
    assert_eq!(
        control.arm(&format!("PUT {web}/sites/app-of-tests"), site).await.status,
        200
    );
    let mut table = Vec::new();
    for what in [
        format!("GET {web}/sites/app-of-tests/stop"),
        format!("GET {web}/sites/app-of-tests/restart"),
        format!("GET {web}/sites/app-of-tests/config/appsettings/list"),
        format!("DELETE {web}/sites/app-of-tests/publishxml"),
        format!("GET {identity}/listAssociatedResources"),
        format!("DELETE {subscription}/providers/Microsoft.Web/register"),
        format!("DELETE {subscription}/operations/{}", Uuid::new_v4()),
        format!("GET {subscription}/providers/Microsoft.Web/checknameavailability"),
    ] {
        table.push((what, Value::Null, 405, "MethodNotAllowed"));
    }
    for what in [
        format!("GET {subscription}/operations/{}", Uuid::new_v4()),
        format!("GET {subscription}/operationresults/x"),
    ] {
        table.push((what, Value::Null, 404, "OperationNotFound"));
    }
    // Only a command of Local Azure may name a file of this machine.
    let package = json!({"properties": {"packageUri": "file:///etc", "type": "zip"}});
    table.push((
        format!("PUT {web}/sites/app-of-tests/extensions/onedeploy"),
        package,
        400,
        "BadRequest",
    ));
    // A plan that is in use stays.
    table.push((format!("DELETE {web}/serverfarms/p"), Value::Null, 409, "Conflict"));
    // A lock prevents operations that are not harmless too.
    let lock = format!("{group}/providers/Microsoft.Authorization/locks/l");
    table.push((
        format!("PUT {lock}"),
        json!({"properties": {"level": "ReadOnly"}}),
        201,
        "",
    ));
    for what in [
        format!("POST {web}/sites/app-of-tests/stop"),
        format!("POST {web}/sites/app-of-tests/publishxml"),
        format!("POST {identity}/listAssociatedResources"),
    ] {
        table.push((what, Value::Null, 409, "ScopeLocked"));
    }
    table.push((format!("DELETE {lock}"), Value::Null, 200, ""));
    // Names that mean something elsewhere.
    let identities = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    for name in ["providers", "resourceGroups", "default", "subscriptions"] {
        let body = json!({"location": "westeurope"});
        table.push((format!("PUT {identities}/{name}"), body, 201, ""));
        table.push((format!("GET {identities}/{name}"), Value::Null, 200, ""));
        table.push((format!("DELETE {identities}/{name}"), Value::Null, 200, ""));
    }
    let tags = json!({"properties": {"tags": {"a": "b"}}});
    let ghost = format!("PUT {identities}/default/providers/Microsoft.Resources/tags/default");
    table.push((ghost, tags, 404, "ParentResourceNotFound"));
    table.push((
        format!("GET {identities}/default"),
        Value::Null,
        404,
        "ResourceNotFound",
    ));
    let template = format!("PUT {group}/providers/Microsoft.Resources/deployments/d");
    table.push((template, json!("{relaxed: 1}"), 404, "InvalidResourceType"));
    let policies = format!("GET {group}/providers/Microsoft.Authorization/policyAssignments");
    table.push((policies, Value::Null, 404, "InvalidResourceType"));
    check(&control, table).await;
}

/// Azure takes passwords in properties, and never shows them again.
#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_neither_shown_nor_stored() {
    let control = Control::storing(&["Microsoft.Sql"]);
    let (group, _) = control.world("team").await;
    let secret = "Riddle-123456";
    let postgres = "Microsoft.DBforPostgreSQL/flexibleServers/db-of-tests";
    for (what, properties) in [
        (
            "Microsoft.Compute/virtualMachines/m",
            json!({"osProfile": {"adminPassword": secret, "customData": secret}, "list": [{"protectedSettings": secret}]}),
        ),
        ("Microsoft.Sql/servers/s", json!({"administratorLoginPassword": secret})),
        (
            postgres,
            json!({"administratorLogin": "ada", "administratorLoginPassword": secret}),
        ),
    ] {
        let id = format!("{group}/providers/{what}");
        let body = json!({"location": "westeurope", "properties": properties});
        let answer = control.arm(&format!("PUT {id}"), body).await;
        assert!(answer.status < 300, "{answer:?}");
        let shown = control.arm(&format!("GET {id}"), Value::Null).await;
        assert!(
            shown.status == 200 && !shown.body.to_string().contains(secret),
            "{shown:?}"
        );
    }
    let state = control.azure().read(|state| serde_json::to_string(state).unwrap());
    assert!(!state.contains(secret));
    let id = format!("PATCH {group}/providers/{postgres}");
    for (properties, code) in [
        (json!({"authConfig": "x"}), "InvalidRequestContent"),
        (json!({"storage": []}), "InvalidRequestContent"),
        (json!({"version": 17}), "InvalidRequestContent"),
        (json!({"administratorLogin": "eve"}), "InvalidParameterValue"),
        (json!({"administratorLoginPassword": "short"}), "PasswordNotComplex"),
        (
            json!({"authConfig": {"passwordAuth": "Maybe"}}),
            "InvalidParameterValue",
        ),
    ] {
        let answer = control.arm(&id, json!({"properties": properties})).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (400, code),
            "{properties}: {answer:?}"
        );
    }
}

/// A filter that is not understood does not pass as one that matches nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_understood_or_refused() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let subscription = control.subscription();
    let authorization = format!("{subscription}/providers/Microsoft.Authorization");
    control
        .arm(&format!("PATCH {group}"), json!({"tags": {"env": "tagName eq 'x'"}}))
        .await;
    let mut table = Vec::new();
    for (list, filter, status) in [
        (format!("{authorization}/roleAssignments"), "foo()", 400),
        (format!("{authorization}/roleAssignments"), "nope eq 'x'", 400),
        (format!("{authorization}/roleAssignments"), "atScope() and", 400),
        (
            format!("{authorization}/roleAssignments"),
            "atScope() and assignedTo('x')",
            200,
        ),
        (format!("{authorization}/roleDefinitions"), "startswith(roleName)", 400),
        (
            format!("{authorization}/roleDefinitions"),
            "startswith(roleName, 'Own')",
            200,
        ),
        (format!("{authorization}/locks"), "level eq 'ReadOnly'", 400),
        (format!("{subscription}/resourcegroups"), "color eq 'red'", 400),
        (format!("{subscription}/resourcegroups"), "tagName eq 'env'", 200),
    ] {
        let code = if status == 200 {
            ""
        } else {
            "InvalidFilterInQueryString"
        };
        table.push((format!("GET {list}?$filter={filter}"), Value::Null, status, code));
    }
    check(&control, table).await;
    for (filter, found) in [
        ("tagName eq 'env'", 1),
        ("tagName eq 'x'", 0),
        ("tagValue eq 'tagName eq ''x'''", 1),
        ("tagName eq 'env' and tagValue eq 'other'", 0),
        ("name eq 'team'", 1),
    ] {
        let list = format!("GET {subscription}/resourcegroups?$filter={filter}");
        let listed = control.arm(&list, Value::Null).await.body;
        assert_eq!(listed["value"].as_array().unwrap().len(), found, "{filter}: {listed}");
    }
}
