//! Microsoft Graph: objects, queries and pages.

use serde_json::{Value, json};

use super::Control;

async fn user(control: &Control, name: &str) -> Value {
    let body = json!({
        "displayName": name, "mailNickname": name, "userPrincipalName": format!("{name}@contoso.onmicrosoft.com"),
        "accountEnabled": true, "passwordProfile": {"password": "Riddle-123456"},
    });
    let created = control.graph("POST /users", body).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.body
}

fn names(body: &Value) -> Vec<&str> {
    let values = body["value"].as_array().unwrap();
    values
        .iter()
        .map(|value| value["displayName"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_select_sort_and_page() {
    let control = Control::start();
    for name in ["Ada", "Bob", "Carol", "Dora"] {
        user(&control, name).await;
    }
    for (query, expected) in [
        ("$filter=displayName eq 'bob'", &["Bob"][..]),
        (
            "$filter=startswith(displayName,'C') or displayName eq 'Ada'&$orderby=displayName desc&$count=true",
            &["Carol", "Ada"],
        ),
        ("$filter=userPrincipalName eq 'dora@contoso.onmicrosoft.com'", &["Dora"]),
        ("$search=\"displayName:car\"", &["Carol"]),
        (
            "$filter=accountEnabled eq true&$orderby=displayName&$top=2&$count=true",
            &["Ada", "Bob"],
        ),
    ] {
        let found = control
            .graph(&format!("GET /users?{}", query.replace('"', "%22")), Value::Null)
            .await;
        assert_eq!(names(&found.body), expected, "{query}: {found:?}");
    }
    let page = control
        .graph(
            "GET /users?$count=true&$top=2&$select=id,displayName&$orderby=displayName",
            Value::Null,
        )
        .await;
    assert_eq!(page.body["@odata.count"], 5);
    assert!(page.body["value"][0].get("userPrincipalName").is_none());
    let mut all = names(&page.body).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut next = page.body["@odata.nextLink"].clone();
    while let Some(url) = next.as_str() {
        let path = url.split_once("/v1.0").unwrap().1;
        let page = control.graph(&format!("GET {path}"), Value::Null).await;
        all.extend(names(&page.body).into_iter().map(str::to_owned));
        next = page.body["@odata.nextLink"].clone();
    }
    assert_eq!(all, ["Ada", "Bob", "Carol", "Dora", "owner"]);
    for wrong in [
        "$filter=displayName is 'x'",
        "$top=0",
        "$top=1000",
        "$orderby=displayName up",
        "$search=x",
    ] {
        let answer = control.graph(&format!("GET /users?{wrong}"), Value::Null).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_members_are_members() {
    let control = Control::start();
    let ada = user(&control, "Ada").await;
    let mut groups = Vec::new();
    for name in ["inner", "outer"] {
        let body = json!({"displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true});
        groups.push(
            control.graph("POST /groups", body).await.body["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let [inner, outer] = [&groups[0], &groups[1]];
    let add = |group: &str, member: &Value| {
        let id = member.as_str().unwrap();
        (
            format!("POST /groups/{group}/members/$ref"),
            json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")}),
        )
    };
    for (what, body) in [add(inner, &ada["id"]), add(outer, &json!(inner))] {
        assert_eq!(control.graph(&what, body).await.status, 204);
    }
    let id = ada["id"].as_str().unwrap();
    let found = control
        .graph(
            &format!("POST /users/{id}/getMemberGroups"),
            json!({"securityEnabledOnly": true}),
        )
        .await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 2);
    let direct = control.graph(&format!("GET /users/{id}/memberOf"), Value::Null).await;
    assert_eq!(names(&direct.body), ["inner"]);
    let types = json!({"ids": [id, inner], "types": ["group"]});
    let by_id = control.graph("POST /directoryObjects/getByIds", types).await;
    assert_eq!(names(&by_id.body), ["inner"]);
    assert_eq!(by_id.body["value"][0]["@odata.type"], "#microsoft.graph.group");
    // A deleted user is no member any more.
    assert_eq!(
        control.graph(&format!("DELETE /users/{id}"), Value::Null).await.status,
        204
    );
    let members = control
        .graph(&format!("GET /groups/{inner}/members"), Value::Null)
        .await;
    assert_eq!(members.body["value"], json!([]));
    let gone = control.graph(&format!("GET /users/{id}"), Value::Null).await;
    assert_eq!((gone.status, gone.code.as_str()), (404, "Request_ResourceNotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn service_principals_are_those_of_applications_and_identities() {
    let control = Control::start();
    let application = control
        .graph(
            "POST /applications",
            json!({"displayName": "api", "identifierUris": ["api://mine"]}),
        )
        .await;
    assert_eq!(application.status, 201, "{application:?}");
    let app_id = application.body["appId"].as_str().unwrap().to_owned();
    let principal = control.graph("POST /servicePrincipals", json!({"appId": app_id})).await;
    assert_eq!((principal.status, &principal.body["displayName"]), (201, &json!("api")));
    let again = control.graph("POST /servicePrincipals", json!({"appId": app_id})).await;
    assert_eq!(again.status, 409);
    let by_name = format!("GET /servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app_id}')");
    assert_eq!(names(&control.graph(&by_name, Value::Null).await.body), ["api"]);
    let by_key = control
        .graph(&format!("GET /servicePrincipals(appId='{app_id}')"), Value::Null)
        .await;
    assert_eq!(by_key.body["id"], principal.body["id"]);
    // The identity of the cloud's app has one too, which only the identity itself can change.
    let identities = control
        .graph(
            "GET /servicePrincipals?$filter=servicePrincipalType eq 'ManagedIdentity'",
            Value::Null,
        )
        .await;
    let identity = &identities.body["value"][0];
    assert_eq!(identity["displayName"], local_azure::testing::IDENTITY);
    let id = identity["id"].as_str().unwrap();
    assert_eq!(
        control
            .graph(&format!("DELETE /servicePrincipals/{id}"), Value::Null)
            .await
            .status,
        400
    );
    // A secret is shown once.
    let object = application.body["id"].as_str().unwrap();
    let secret = control
        .graph(
            &format!("POST /applications/{object}/addPassword"),
            json!({"passwordCredential": {"displayName": "x"}}),
        )
        .await;
    let text = secret.body["secretText"].as_str().unwrap();
    let shown = control
        .graph(&format!("GET /applications/{object}"), Value::Null)
        .await
        .body
        .to_string();
    assert!(!shown.contains(text) && shown.contains(&text[..3]));
    assert_eq!(
        control
            .graph(&format!("DELETE /applications/{object}"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(control.graph(&by_name, Value::Null).await.body["value"], json!([]));
}
