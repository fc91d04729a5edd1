//! Microsoft Graph: what can be asked for, and lists on several pages.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use local_azure::graph;
use local_azure::state::{Application, Group, User};
use local_azure::tokens::GRAPH;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::directory_changes::{World, reference};
use super::{Answer, Control};

async fn get(control: &Control, path: &str) -> Answer {
    control
        .graph(&format!("GET {}", path.replace('"', "%22")), Value::Null)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_graph_does_not_answer_is_refused() {
    let World { control, group, .. } = &World::new().await;
    for (path, code) in [
        ("/users?$select=unknown", "BadRequest"),
        ("/users?$filter=unknown eq 'x'", "Request_BadRequest"),
        ("/users?$filter=unknown/any(x:x eq 'y')", "Request_BadRequest"),
        ("/users?$filter=otherMails/any(x:y eq 'z')", "Request_BadRequest"),
        ("/users?$filter=tolower(displayName,'x')", "Request_BadRequest"),
        ("/users?$filter=startswith(displayName)", "Request_BadRequest"),
        ("/users?$filter=startswith(displayName,'a','b')", "Request_BadRequest"),
        ("/users?$filter=startswith('a',displayName)", "Request_BadRequest"),
        ("/users?$filter=atScope()", "Request_BadRequest"),
        ("/users?$filter=contains(displayName,'x')", "Request_UnsupportedQuery"),
        ("/users?$filter=displayName ne 'x'", "Request_UnsupportedQuery"),
        ("/users?$filter=not(displayName eq 'x')", "Request_UnsupportedQuery"),
        ("/users?$filter=endswith(displayName,'x')", "Request_UnsupportedQuery"),
        ("/users?$filter=otherMails/$count eq 0", "Request_UnsupportedQuery"),
        (
            "/users?$filter=displayName eq 'x'&$orderby=displayName",
            "Request_UnsupportedQuery",
        ),
        ("/users?$orderby=unknown", "Request_BadRequest"),
        ("/users?$orderby=displayName asc desc", "Request_BadRequest"),
        ("/users?$search=\"id:x\"", "Request_BadRequest"),
        ("/groups?$search=\"userPrincipalName:x\"", "Request_BadRequest"),
        ("/users?$skip=1", "Request_UnsupportedQuery"),
        ("/users?$skiptoken=1", "Request_BadRequest"),
        ("/users?$skiptoken=WzFd", "Request_BadRequest"),
        ("/users?$expand=manager", "BadRequest"),
        ("/groups?$expand=members($filter=x)", "BadRequest"),
        ("/organization?$expand=members", "BadRequest"),
        ("/me?$select=unknown", "BadRequest"),
        (
            "/servicePrincipals?$filter=userPrincipalName eq 'x'",
            "Request_BadRequest",
        ),
    ] {
        let answer = get(control, path).await;
        assert_eq!((answer.status, answer.code.as_str()), (400, code), "{path}");
    }
    for path in [
        "/users?$select=id,DisplayName,onPremisesSyncEnabled",
        "/users?$filter=displayName ne 'x'&$count=true",
        "/users?$filter=endswith(userPrincipalName,'x') and not(mail eq null)&$count=true",
        "/users?$filter=businessPhones/$count eq 0&$count=true",
        "/users/$count?$filter=displayName ne 'x'",
        "/servicePrincipals?$filter=servicePrincipalNames/any(c:startswith(c,'https:'))",
        "/applications?$filter=identifierUris/any(s:s eq 'api://x')",
        "/applications?$filter=web/homePageUrl eq 'x'",
        "/users?$search=\"displayName:ada\" OR \"mail:x\"",
        "/users?$orderby=displayName desc,id",
        &format!("{group}/members?$select=id,userPrincipalName,appId"),
        "/oauth2PermissionGrants?$filter=clientId eq 'x'",
    ] {
        assert_eq!(get(control, path).await.status, 200, "{path}");
    }
    // These need the header too, which the other tests send.
    let token = control.azure().token(&control.owner, GRAPH);
    for query in [
        "$filter=displayName+ne+'x'&$count=true",
        "$search=%22displayName:ada%22",
    ] {
        let request = Request::get(format!("/v1.0/users?{query}")).header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = graph::router(control.azure()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn related_objects_are_shown_with_an_object() {
    let World {
        control,
        user,
        group,
        application,
        principal,
    } = &World::new().await;
    let id = user.rsplit('/').next().unwrap();
    let added = control
        .graph(&format!("POST {group}/members/$ref"), reference(id))
        .await;
    assert_eq!(added.status, 204);
    let (owner, group_id) = (json!(control.owner.id), json!(group.rsplit('/').next().unwrap()));
    for (path, relation, expected) in [
        (format!("{group}?$expand=members($select=id)"), "members", json!(id)),
        (
            format!("{group}?$expand=owners&$select=displayName"),
            "owners",
            owner.clone(),
        ),
        (format!("{user}?$expand=memberOf"), "memberOf", group_id),
        (format!("{application}?$expand=owners"), "owners", owner.clone()),
        (format!("{principal}?$expand=owners"), "owners", owner),
    ] {
        let answer = get(control, &path).await;
        let related = answer.body[relation].as_array().unwrap();
        assert_eq!((related.len(), &related[0]["id"]), (1, &expected), "{path}");
    }
    let listed = get(control, "/groups?$expand=members($select=id,displayName),owners").await;
    let group = &listed.body["value"][0];
    assert_eq!(
        (&group["members"][0]["displayName"], group["owners"].is_array()),
        (&json!("ada"), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_changes_between_pages_loses_nothing() {
    let control = Control::start();
    for (size, order) in [
        (1, ""),
        (2, ""),
        (100, ""),
        (999, ""),
        (2, "&$orderby=displayName"),
        (100, "&$orderby=displayName"),
    ] {
        let users: Vec<_> = (0..250)
            .map(|number| User::new(&format!("user{number}@contoso.onmicrosoft.com")))
            .collect();
        let mut kept: HashSet<_> = users.iter().map(|user| user.id.to_string()).collect();
        kept.insert(control.owner.id.to_string());
        control.change(|state| {
            state.directory.users.retain(|user| user.id == control.owner.id);
            state.directory.users.extend(users);
        });
        let mut seen = Vec::new();
        let mut path = format!("/users?$top={size}&$select=id{order}");
        loop {
            let page = get(&control, &path).await;
            assert_eq!(page.status, 200, "{page:?}");
            let ids: Vec<_> = page.body["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned())
                .collect();
            assert!(ids.len() <= size);
            // The last one goes, at first after every page.
            let is_kept = |id: &&String| **id == control.owner.id.to_string() || seen.len() >= 20 && size <= 2;
            let gone = ids.last().filter(|id| !is_kept(id)).cloned();
            seen.extend(ids);
            control.change(|state| {
                state.directory.users.retain(|user| Some(user.id.to_string()) != gone);
            });
            let Some(next) = page.body["@odata.nextLink"].as_str() else {
                break;
            };
            path = next.split_once("/v1.0").unwrap().1.to_owned();
        }
        assert_eq!(
            seen.len(),
            seen.iter().collect::<HashSet<_>>().len(),
            "{size} {order}: each is seen once"
        );
        assert_eq!(seen.into_iter().collect::<HashSet<_>>(), kept, "{size} {order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_directory_is_answered_quickly() {
    let control = Control::start();
    let mut group = Group::new("everybody", Vec::new());
    let path = format!("/groups/{}", group.id);
    control.change(|state| {
        for number in 0..3000 {
            let principal = state.directory.register(Application::new(&format!("app{number}")));
            group.members.push(principal.id);
        }
        state.directory.groups.push(group);
    });
    let start = Instant::now();
    for (path, expected) in [
        ("/servicePrincipals?$top=7".to_owned(), 7),
        (format!("{path}/members?$top=7"), 7),
        (format!("{path}/transitiveMembers"), 100),
        (
            "/applications?$filter=startswith(displayName,'app29')&$top=999".to_owned(),
            111,
        ),
    ] {
        let answer = get(&control, &path).await;
        assert_eq!(answer.body["value"].as_array().unwrap().len(), expected, "{path}");
    }
    // It takes a second without optimisation. Showing the whole directory for each entry would take minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
