//! Microsoft Graph: tokens, headers and bodies.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use local_azure::graph;
use local_azure::tokens::GRAPH;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Control;

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_of_an_enabled_principal_is_accepted() {
    let control = Control::start();
    let token = control.azure().token(&control.owner, GRAPH);
    let graph = graph::router(control.azure());
    for (authorization, status) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("Basic {token}"), 401),
        (format!("PoP {token}"), 401),
        (token.clone(), 401),
        ("Bearer ".to_owned(), 401),
        ("Bearer x".to_owned(), 401),
    ] {
        let request = Request::get("/v1.0/users").header(AUTHORIZATION, &authorization);
        let request = request.header("client-request-id", "mine").body(Body::empty());
        let answer = graph.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{authorization}");
        let (parts, body) = answer.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("client-request-id").as_deref(), Some("mine"));
        assert_eq!(header(CACHE_CONTROL.as_str()).as_deref(), Some("no-cache"));
        let challenge = header(WWW_AUTHENTICATE.as_str());
        assert_eq!(
            challenge.is_some_and(|text| text.starts_with("Bearer realm=\"\", authorization_uri=")),
            status == 401
        );
        if status == 401 {
            let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            let error = &body["error"];
            assert_eq!(error["code"], "InvalidAuthenticationToken");
            assert_eq!(error["innerError"]["client-request-id"], "mine");
            assert_eq!(error["innerError"]["request-id"], json!(header("request-id")));
        }
    }
    control.change(|state| {
        let user = state
            .directory
            .users
            .iter_mut()
            .find(|user| user.id == control.owner.id);
        user.unwrap()
            .properties
            .insert("accountEnabled".to_owned(), false.into());
    });
    let answer = control.graph("GET /users", Value::Null).await;
    assert_eq!(
        (answer.status, answer.code.as_str()),
        (401, "InvalidAuthenticationToken")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused() {
    let control = Control::start();
    let token = control.azure().token(&control.owner, GRAPH);
    let deep = format!("{{\"displayName\": {}1{}}}", "[".repeat(64), "]".repeat(64));
    for (token, body, status, code) in [
        (Some(token.as_str()), "x".repeat(5 << 20), 413, "RequestEntityTooLarge"),
        (None, "x".repeat(5 << 20), 401, "InvalidAuthenticationToken"),
        (Some(token.as_str()), deep, 400, "Request_BadRequest"),
        (Some(token.as_str()), "{".to_owned(), 400, "Request_BadRequest"),
    ] {
        let mut request = Request::post("/v1.0/groups");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body)).unwrap();
        let answer = graph::router(control.azure()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], code);
    }
}
