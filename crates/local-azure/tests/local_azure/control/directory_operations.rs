//! Microsoft Graph: consent, Microsoft's own APIs, lists of one type, and batches.

use serde_json::{Value, json};

use super::directory_changes::{World, id, new_group, new_user, reference};
use super::{Answer, Control};

const GRAPH_CLIENT: &str = "00000003-0000-0000-c000-000000000000";
const MANAGEMENT_CLIENT: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn count(answer: &Answer) -> usize {
    answer.body["value"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .len()
}

async fn get(control: &Control, path: &str) -> Answer {
    control.graph(&format!("GET {path}"), Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_of_microsoft_have_service_principals() {
    let control = Control::start();
    for (client, name) in [
        (GRAPH_CLIENT, "https://graph.microsoft.com"),
        (MANAGEMENT_CLIENT, "https://management.azure.com/"),
    ] {
        let by_key = get(&control, &format!("/servicePrincipals(appId='{client}')")).await;
        assert_eq!(by_key.status, 200, "{by_key:?}");
        let path = format!("/servicePrincipals/{}", by_key.body["id"].as_str().unwrap());
        assert_eq!(get(&control, &path).await.body["appId"], client);
        for name in [name, client] {
            let filter = format!("servicePrincipalNames/any(c:c eq '{name}')");
            assert_eq!(
                count(&get(&control, &format!("/servicePrincipals?$filter={filter}")).await),
                1
            );
        }
        for (what, body) in [
            (format!("PATCH {path}"), json!({"tags": ["x"]})),
            (format!("DELETE {path}"), Value::Null),
            (format!("POST {path}/addPassword"), json!({})),
            (
                format!("POST {path}/owners/$ref"),
                reference(&control.owner.id.to_string()),
            ),
        ] {
            assert_eq!(control.graph(&what, body).await.status, 400, "{what}");
        }
        let again = control.graph("POST /servicePrincipals", json!({"appId": client})).await;
        assert_eq!(again.status, 409);
        assert!(control.azure().state().find_principal(client).is_none());
    }
    let graph = get(&control, &format!("/servicePrincipals(appId='{GRAPH_CLIENT}')")).await;
    let has = |list: &str, id: &str| {
        let list = graph.body[list].as_array().unwrap();
        list.iter().any(|one| one["id"] == id)
    };
    assert!(has("oauth2PermissionScopes", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"));
    assert!(has("appRoles", "df021288-bdef-4463-88db-98f22de89214"));
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_stored() {
    let World {
        control,
        user,
        principal,
        ..
    } = &World::new().await;
    let graph = get(control, &format!("/servicePrincipals(appId='{GRAPH_CLIENT}')")).await;
    let (client, user_id) = (last(principal), last(user));
    let grant = |consent: &str, user: Value| {
        json!({
            "clientId": client, "consentType": consent, "principalId": user, "resourceId": graph.body["id"],
            "scope": "User.Read",
        })
    };
    let all = control
        .graph("POST /oauth2PermissionGrants", grant("AllPrincipals", Value::Null))
        .await;
    let path = format!("/oAuth2PermissionGrants/{}", id(&all));
    let one = control
        .graph("POST /oauth2PermissionGrants", grant("Principal", json!(user_id)))
        .await;
    assert_eq!(one.status, 201, "{one:?}");
    for (wrong, status) in [
        (grant("AllPrincipals", Value::Null), 409),
        (grant("AllPrincipals", json!(user_id)), 400),
        (grant("Principal", Value::Null), 400),
        (grant("Principal", json!(client)), 400),
        (grant("Nobody", Value::Null), 400),
        (
            json!({"clientId": user_id, "consentType": "AllPrincipals", "resourceId": client}),
            404,
        ),
        (json!({"consentType": "AllPrincipals", "resourceId": client}), 400),
        (json!({"id": "x"}), 400),
        (json!({"unknown": "x"}), 400),
    ] {
        let answer = control.graph("POST /oauth2PermissionGrants", wrong.clone()).await;
        assert_eq!(answer.status, status, "{wrong} {answer:?}");
    }
    for (list, expected) in [
        ("/oauth2PermissionGrants".to_owned(), 2),
        (format!("/oauth2PermissionGrants?$filter=clientId eq '{client}'"), 2),
        (format!("/oauth2PermissionGrants?$filter=clientId eq '{user_id}'"), 0),
        (format!("{principal}/oauth2PermissionGrants"), 2),
        (format!("{user}/oauth2PermissionGrants"), 1),
    ] {
        assert_eq!(count(&get(control, &list).await), expected, "{list}");
    }
    for (body, status) in [
        (json!({"clientId": client}), 400),
        (json!({"scope": "User.Read Mail.Read"}), 204),
    ] {
        assert_eq!(control.graph(&format!("PATCH {path}"), body).await.status, status);
    }
    assert_eq!(get(control, &path).await.body["scope"], "User.Read Mail.Read");
    assert_eq!(control.graph(&format!("DELETE {path}"), Value::Null).await.status, 204);
    assert_eq!(get(control, &path).await.status, 404);
    // Consent ends with the client.
    assert_eq!(
        control.graph(&format!("DELETE {principal}"), Value::Null).await.status,
        204
    );
    assert_eq!(count(&get(control, "/oauth2PermissionGrants").await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_one_type() {
    let World {
        control,
        user,
        group,
        principal,
        ..
    } = &World::new().await;
    for member in [user, principal] {
        let added = control
            .graph(&format!("POST {group}/members/$ref"), reference(last(member)))
            .await;
        assert_eq!(added.status, 204);
    }
    for (path, expected) in [
        (format!("{group}/members"), 2),
        (format!("{group}/members/microsoft.graph.user"), 1),
        (format!("{group}/members/microsoft.graph.servicePrincipal"), 1),
        (format!("{group}/members/graph.user"), 1),
        (format!("{group}/transitiveMembers/microsoft.graph.group"), 0),
        (format!("{user}/memberOf/microsoft.graph.group"), 1),
        ("/me/ownedObjects".to_owned(), 3),
        ("/me/ownedObjects/microsoft.graph.application".to_owned(), 1),
        ("/domains".to_owned(), 1),
        ("/organization".to_owned(), 1),
        ("/directory/deletedItems/microsoft.graph.group".to_owned(), 0),
    ] {
        assert_eq!(count(&get(control, &path).await), expected, "{path}");
    }
    let number = get(control, &format!("{group}/members/microsoft.graph.user/$count")).await;
    assert_eq!((number.status, number.body), (200, json!(1)));
    for (path, status) in [
        ("/users('ADA@contoso.onmicrosoft.com')", 200),
        ("/users('o''neil@contoso.onmicrosoft.com')", 404),
        ("/domains/contoso.onmicrosoft.com", 200),
        ("/domains/fabrikam.onmicrosoft.com", 404),
        ("/directory/deletedItems/11111111-1111-1111-1111-111111111111", 404),
        ("/directory/x", 400),
    ] {
        assert_eq!(get(control, path).await.status, status, "{path}");
    }
    let mut neil = new_user("neil");
    neil["userPrincipalName"] = json!("o'neil@contoso.onmicrosoft.com");
    id(&control.graph("POST /users", neil).await);
    assert_eq!(
        get(control, "/users('o''neil@contoso.onmicrosoft.com')").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_order() {
    let control = Control::start();
    let step = |id: &str, method: &str, url: &str| json!({"id": id, "method": method, "url": url});
    let mut create = step("2", "POST", "/groups");
    create["headers"] = json!({"Content-Type": "application/json"});
    create["body"] = new_group("writers");
    let mut dependent = step("5", "GET", "/users");
    dependent["dependsOn"] = json!(["4"]);
    let mut independent = step("6", "GET", "/users?$top=1&$select=id");
    independent["dependsOn"] = json!(["2"]);
    let requests = json!([
        step("1", "GET", "/groups"),
        create,
        step("3", "get", "groups?$filter=displayName eq 'writers'"),
        step("4", "GET", "/users/nobody"),
        dependent,
        independent,
        step("7", "POST", "/$batch"),
    ]);
    let answer = control.graph("POST /$batch", json!({"requests": requests})).await;
    let responses = answer.body["responses"].as_array().unwrap();
    let statuses: Vec<_> = responses.iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 201, 200, 404, 424, 200, 400], "{answer:?}");
    assert_eq!(responses[0]["body"]["value"], json!([]));
    assert_eq!(responses[2]["body"]["value"][0]["displayName"], "writers");
    assert_eq!(responses[3]["body"]["error"]["code"], "Request_ResourceNotFound");
    let many: Vec<_> = (0..21).map(|number| step(&number.to_string(), "GET", "/me")).collect();
    for wrong in [
        json!({}),
        json!({"requests": 5}),
        json!({"requests": [5]}),
        json!({"requests": [step("", "GET", "/me")]}),
        json!({"requests": [step("1", "GET", "/me"), step("1", "GET", "/me")]}),
        json!({"requests": many}),
    ] {
        let answer = control.graph("POST /$batch", wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}
