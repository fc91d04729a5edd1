//! Groups and resources: their life, lists and pages, and hostile requests.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Control;

#[tokio::test(flavor = "multi_thread")]
async fn identities_live_as_in_azure() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    let shown = control
        .arm(
            &format!(
                "GET {}",
                identity.to_uppercase().replace("/SUBSCRIPTIONS/", "/subscriptions/")
            ),
            Value::Null,
        )
        .await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert_eq!(shown.body["name"], "site");
    let ids = shown.body["properties"].clone();
    // Another location moves it, and its ids stay.
    let moved = control
        .arm(
            &format!("PUT {identity}"),
            json!({"location": "North Europe", "tags": {"a": "b"}, "properties": {"clientId": "x"}}),
        )
        .await;
    assert_eq!((moved.status, &moved.body["location"]), (200, &json!("northeurope")));
    assert_eq!(moved.body["properties"]["clientId"], ids["clientId"]);
    let patched = control
        .arm(&format!("PATCH {identity}"), json!({"tags": {"c": "d"}}))
        .await;
    assert_eq!(patched.body["tags"], json!({"c": "d"}));
    // Up to twenty external tokens are trusted.
    for n in 0..20 {
        let credential = format!("PUT {identity}/federatedIdentityCredentials/credential-{n}");
        let body =
            json!({"properties": {"issuer": "https://example.com", "subject": n.to_string(), "audiences": ["a"]}});
        assert_eq!(control.arm(&credential, body).await.status, 201);
    }
    let body = json!({"properties": {"issuer": "https://example.com", "subject": "x", "audiences": ["a"]}});
    let answer = control
        .arm(&format!("PUT {identity}/federatedIdentityCredentials/more"), body)
        .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let listed = control
        .arm(&format!("GET {identity}/federatedIdentityCredentials"), Value::Null)
        .await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 20);
    for (what, body, status, code) in [
        ("PUT", json!({}), 400, "LocationRequired"),
        (
            "PUT",
            json!({"location": "moon"}),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            "PUT",
            json!({"location": "westeurope", "tags": {"a": 1}}),
            400,
            "InvalidTagsProvided",
        ),
        (
            "PUT",
            json!({"location": "westeurope", "tags": "x"}),
            400,
            "InvalidTagsProvided",
        ),
        (
            "PUT",
            json!({"location": "westeurope", "properties": 1}),
            400,
            "InvalidRequestContent",
        ),
        ("PUT", json!("x"), 400, "InvalidRequestContent"),
        ("POST", json!({}), 404, "InvalidResourceType"),
    ] {
        let name = format!("{what} {group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/new");
        let answer = control.arm(&name, body).await;
        assert_eq!(
            (answer.status, answer.code.as_str()),
            (status, code),
            "{what}: {answer:?}"
        );
    }
    assert_eq!(
        control.arm(&format!("DELETE {identity}"), Value::Null).await.status,
        200
    );
    assert_eq!(
        control.arm(&format!("DELETE {identity}"), Value::Null).await.status,
        204
    );
    let gone = control.arm(&format!("GET {identity}"), Value::Null).await;
    assert_eq!((gone.status, gone.code.as_str()), (404, "ResourceNotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_deleted_with_what_it_contains() {
    let control = Control::start();
    let (group, identity) = control.world("team").await;
    assert_eq!(control.arm(&format!("HEAD {group}"), Value::Null).await.status, 204);
    let elsewhere = control
        .arm(&format!("PUT {group}"), json!({"location": "eastus"}))
        .await;
    assert_eq!(
        (elsewhere.status, elsewhere.code.as_str()),
        (409, "InvalidResourceGroupLocation")
    );
    let deleted = control.arm(&format!("DELETE {group}"), Value::Null).await;
    assert_eq!(deleted.status, 202);
    // The operation is polled as Azure's clients do.
    let location = deleted.headers["location"]
        .to_str()
        .unwrap()
        .strip_prefix("https://management.azure.com")
        .unwrap();
    let token = control.azure().token(&control.owner, local_azure::tokens::MANAGEMENT);
    let mut statuses = Vec::new();
    while statuses.last() != Some(&200) {
        statuses.push(
            control
                .send_arm(&format!("GET {location}"), Some(&token), Value::Null)
                .await
                .status,
        );
        assert!(statuses.len() < 5, "{statuses:?}");
    }
    assert_eq!(control.arm(&format!("HEAD {group}"), Value::Null).await.status, 404);
    let gone = control.arm(&format!("GET {identity}"), Value::Null).await;
    assert_eq!((gone.status, gone.code.as_str()), (404, "ResourceGroupNotFound"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_has_pages() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let (small, _) = control.world("small").await;
    let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
    control.change(|state| {
        for (group, count) in [("small", 99), ("team", 999)] {
            for n in 0..count {
                let id = state.resource_id(group, kind, &format!("identity{n}"));
                state.put(&local_azure::state::ManagedIdentity::new(id));
            }
        }
    });
    let token = control.azure().token(&control.owner, local_azure::tokens::MANAGEMENT);
    for (group, count, size) in [
        (&small, 100, 1),
        (&small, 100, 2),
        (&group, 1000, 100),
        (&group, 1000, 1000),
    ] {
        let mut path = format!("{group}/providers/{kind}?api-version=2024-11-30&$top={size}");
        let (mut names, mut pages) = (std::collections::BTreeSet::new(), 0);
        loop {
            let page = control
                .send_arm(&format!("GET {path}"), Some(&token), Value::Null)
                .await;
            let values = page.body["value"].as_array().unwrap();
            assert!(values.len() <= size);
            names.extend(values.iter().map(|value| value["name"].to_string()));
            pages += 1;
            let Some(next) = page.body["nextLink"].as_str() else {
                break;
            };
            path = next.strip_prefix("https://management.azure.com").unwrap().to_owned();
        }
        assert_eq!((names.len(), pages), (count, count / size));
    }
    // What is deleted between two pages takes nothing else with it.
    let path = format!("{group}/providers/{kind}?api-version=2024-11-30&$top=500");
    let first = control
        .send_arm(&format!("GET {path}"), Some(&token), Value::Null)
        .await;
    control.change(|state| {
        for value in &first.body["value"].as_array().unwrap()[400..] {
            state.remove(&value["id"].as_str().unwrap().parse().unwrap());
        }
    });
    let next = first.body["nextLink"].as_str().unwrap();
    let next = next.strip_prefix("https://management.azure.com").unwrap();
    let second = control
        .send_arm(&format!("GET {next}"), Some(&token), Value::Null)
        .await;
    assert_eq!(second.body["value"].as_array().unwrap().len(), 500);
    let wrong = control
        .arm(&format!("GET {group}/providers/{kind}?$top=x"), Value::Null)
        .await;
    assert_eq!(wrong.status, 400);
    let wrong = control
        .arm(&format!("GET {group}/providers/{kind}?$skiptoken=3"), Value::Null)
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creations_of_a_name_wins() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let identity = format!("PUT {group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/same");
    let all = join_all((0..200).map(|_| control.arm(&identity, json!({"location": "westeurope"})))).await;
    let created = all.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    assert!(
        all.iter()
            .all(|answer| answer.body["properties"]["clientId"] == all[0].body["properties"]["clientId"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_refused() {
    let control = Control::start();
    let (group, _) = control.world("team").await;
    let token = control.azure().token(&control.owner, local_azure::tokens::MANAGEMENT);
    let identities = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    let long = "x".repeat(300);
    for (what, body, status) in [
        (format!("GET {group}/../other"), Value::Null, 400),
        (format!("GET {group}%2F..%2Fother"), Value::Null, 400),
        (
            format!("PUT {identities}/a%2Fb"),
            json!({"location": "westeurope"}),
            400,
        ),
        (
            format!("PUT {identities}/{long}"),
            json!({"location": "westeurope"}),
            400,
        ),
        (format!("PUT {identities}/%00"), json!({"location": "westeurope"}), 400),
        (
            format!("PUT {identities}/big"),
            json!({"location": "westeurope", "tags": {"a": "x".repeat(10 << 20)}}),
            413,
        ),
        (format!("GET /subscriptions/{}", uuid::Uuid::new_v4()), Value::Null, 404),
        ("GET /subscriptions/x".to_owned(), Value::Null, 400),
        ("GET /nothing".to_owned(), Value::Null, 404),
        (format!("GET {}/providers", control.subscription()), Value::Null, 200),
        (
            format!("GET {}/providers/Microsoft.Nothing", control.subscription()),
            Value::Null,
            404,
        ),
        (
            format!("PUT {group}/providers/Microsoft.Network/virtualNetworks/v"),
            json!({"location": "westeurope"}),
            404,
        ),
    ] {
        let answer = control
            .send_arm(&format!("{what}?api-version=2024-11-01"), Some(&token), body.clone())
            .await;
        // The version of the provider is looked at only where the path is right.
        let own = control
            .send_arm(&format!("{what}?api-version=2024-11-30"), Some(&token), body)
            .await;
        assert!(
            [answer.status, own.status].contains(&status),
            "{}: {answer:?} {own:?}",
            &what[..what.len().min(200)]
        );
    }
    for (version, code) in [
        ("", "MissingApiVersionParameter"),
        ("?api-version=2001-01-01", "InvalidApiVersionParameter"),
    ] {
        let answer = control
            .send_arm(&format!("GET {group}{version}"), Some(&token), Value::Null)
            .await;
        assert_eq!((answer.status, answer.code.as_str()), (400, code));
    }
    assert!(
        control
            .azure()
            .state()
            .resources()
            .all(|resource| resource.id.name() != "big")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_stored_keeps_what_clients_put() {
    let control = Control::storing(&["Microsoft.Network"]);
    let (group, _) = control.world("team").await;
    let network = format!("{group}/providers/Microsoft.Network/virtualNetworks/v");
    let body = json!({"location": "westeurope", "tags": {"a": "b"}, "zones": ["1"],
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": []}});
    let created = control.arm(&format!("PUT {network}"), body.clone()).await;
    assert_eq!(created.status, 200, "{created:?}");
    for name in ["tags", "zones"] {
        assert_eq!(created.body[name], body[name]);
    }
    assert_eq!(
        created.body["properties"]["addressSpace"],
        body["properties"]["addressSpace"]
    );
    let subnet = format!("{network}/subnets/s");
    let created = control
        .arm(
            &format!("PUT {subnet}"),
            json!({"properties": {"addressPrefix": "10.0.0.0/24"}}),
        )
        .await;
    assert_eq!(created.status, 200, "{created:?}");
    let listed = control.arm(&format!("GET {network}/subnets"), Value::Null).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
    // Subnets are a part of the network, whichever way they are sent.
    let shown = control.arm(&format!("GET {network}"), Value::Null).await.body;
    assert_eq!(shown["properties"]["subnets"][0]["name"], "s");
    let mut body = body;
    body["properties"]["subnets"] = json!([{"name": "t", "properties": {"addressPrefix": "10.0.1.0/24"}}]);
    control.arm(&format!("PUT {network}"), body).await;
    let gone = control.arm(&format!("GET {subnet}"), Value::Null).await;
    assert_eq!(gone.status, 404);
    let subnet = format!("{network}/subnets/t");
    let shown = control.arm(&format!("GET {subnet}"), Value::Null).await.body;
    assert_eq!(shown["properties"]["addressPrefix"], "10.0.1.0/24");
    let provider = control
        .arm(
            &format!("GET {}/providers/microsoft.network", control.subscription()),
            Value::Null,
        )
        .await
        .body;
    assert_eq!(provider["namespace"], "Microsoft.Network");
    let mut types = provider["resourceTypes"].as_array().unwrap().iter();
    assert!(
        types.any(|kind| kind["resourceType"] == "virtualNetworks/subnets"),
        "{provider}"
    );
    let all = control
        .arm(
            &format!("GET {group}/resources?$filter=resourceType eq 'Microsoft.Network/virtualNetworks'"),
            Value::Null,
        )
        .await;
    assert_eq!(all.body["value"][0]["name"], "v", "{all:?}");
    // Conditions on the version of a resource.
    let tag = control.arm(&format!("GET {network}"), Value::Null).await.headers["etag"].clone();
    assert!(!tag.is_empty());
    assert_eq!(control.arm(&format!("DELETE {network}"), Value::Null).await.status, 200);
    let gone = control.arm(&format!("GET {subnet}"), Value::Null).await;
    assert_eq!(gone.status, 404);
}
