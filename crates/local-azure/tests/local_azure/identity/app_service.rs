//! App Service's endpoint, tested with plain HTTP requests.

use local_azure::state::WebApp;
use serde_json::json;

use crate::rig::{STORAGE, Tenant, http, send};

#[tokio::test]
async fn the_response_has_azures_form() {
    let cloud = Tenant::start();
    let before = local_azure::tokens::now();
    let (status, answer) = send(cloud.app_service(&format!("resource={STORAGE}/"))).await;
    assert_eq!(status, 200, "{answer}");
    let claims = cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE);
    assert_eq!(claims.oid, cloud.system.principal_id);
    assert_eq!(claims.aud, "https://storage.azure.com/", "as requested");
    assert_eq!(claims.appidacr, "2");
    assert!(claims.exp >= before + 24 * 60 * 60);
    let mut rest = answer.clone();
    rest["access_token"].take();
    assert_eq!(
        rest,
        json!({
            "access_token": null,
            "expires_on": claims.exp.to_string(),
            "resource": "https://storage.azure.com/",
            "token_type": "Bearer",
            "client_id": cloud.system.client_id,
        })
    );
}

#[tokio::test]
async fn an_identity_is_found_by_each_of_its_ids() {
    let cloud = Tenant::start();
    let user = &cloud.user;
    for id in [
        format!("client_id={}", user.client_id),
        format!("client_id={}", user.client_id.to_string().to_uppercase()),
        format!("principal_id={}", user.principal_id),
        format!("object_id={}", user.principal_id),
        format!("mi_res_id={}", user.resource_id),
        format!("mi_res_id={}", user.resource_id.as_str().to_uppercase()),
        format!("msi_res_id={}", user.resource_id),
    ] {
        let (status, answer) = send(cloud.app_service(&format!("resource={STORAGE}&{id}"))).await;
        assert_eq!(status, 200, "{id}: {answer}");
        let claims = cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE);
        assert_eq!(claims.oid, user.principal_id);
        assert_eq!(answer["client_id"], user.client_id.to_string());
    }
}

#[tokio::test]
async fn errors_match_those_of_azure() {
    const NOT_ASSIGNED: &str = "No User Assigned or Delegated Managed Identity found";
    let cloud = Tenant::start();
    let (system, user, other) = (&cloud.system, &cloud.user, &cloud.other);
    for (query, said) in [
        ("a=b".to_owned(), "resource is missing"),
        ("resource=".to_owned(), "resource is missing"),
        (format!("resource={STORAGE}/.default"), "a scope instead of a resource"),
        ("resource=https://example.com".to_owned(), "AADSTS500011"),
        (
            "resource=https://other.blob.core.windows.net".to_owned(),
            "AADSTS500011",
        ),
        (
            format!("resource={STORAGE}&client_id={}", other.client_id),
            NOT_ASSIGNED,
        ),
        (format!("resource={STORAGE}&client_id="), NOT_ASSIGNED),
        (
            format!("resource={STORAGE}&client_id={}", system.client_id),
            NOT_ASSIGNED,
        ),
        (
            format!("resource={STORAGE}&mi_res_id={}", other.resource_id),
            NOT_ASSIGNED,
        ),
        (
            format!(
                "resource={STORAGE}&client_id={}&object_id={}",
                user.client_id, user.principal_id
            ),
            "more than one",
        ),
    ] {
        let (status, answer) = send(cloud.app_service(&query)).await;
        assert_eq!(status, 400, "{query}: {answer}");
        assert_eq!(answer["statusCode"], 400);
        assert!(answer["message"].as_str().unwrap().contains(said), "{query}: {answer}");
    }

    assert_eq!(cloud.endpoints().issued(), [""; 0]);

    // An app without a system-assigned identity has to name an identity.
    cloud.assign(None, &[user]);
    let (status, answer) = send(cloud.app_service(&format!("resource={STORAGE}"))).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().starts_with(NOT_ASSIGNED));
}

#[tokio::test]
async fn a_request_needs_the_version_and_the_header() {
    let cloud = Tenant::start();
    let url = cloud.endpoints().app_service_url();
    let get = |version: &str, header: Option<&str>| {
        let request = http().get(format!("{url}?resource={STORAGE}{version}"));
        match header {
            Some(header) => request.header("X-IDENTITY-HEADER", header),
            None => request,
        }
    };
    let right = Some(cloud.header.as_str());
    let version = "&api-version=2019-08-01";
    assert_eq!(send(get(version, right)).await.0, 200);
    assert_eq!(send(get("", right)).await.0, 400);
    assert_eq!(send(get("&api-version=2017-09-01", right)).await.0, 400);
    for wrong in [None, Some(""), Some("Secret"), Some(&cloud.header[1..])] {
        let (status, answer) = send(get(version, wrong)).await;
        assert_eq!((status, &answer["statusCode"]), (401, &json!(401)), "{answer}");
    }
    assert_eq!(cloud.endpoints().requests(), 7);

    cloud.azure().identity_headers().revoke(&cloud.header);
    assert_eq!(send(get(version, right)).await.0, 401);
}

#[tokio::test]
async fn the_platform_caches_tokens() {
    let cloud = Tenant::start();
    let resource = format!("resource={STORAGE}");
    let token = async |request| {
        let (status, answer) = send(request).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let first = token(cloud.app_service(&resource)).await;
    assert_eq!(token(cloud.app_service(&resource)).await, first);
    assert_eq!(token(cloud.imds(&resource)).await, first);
    let postgres = token(cloud.app_service("resource=https://ossrdbms-aad.database.windows.net")).await;
    assert_eq!(cloud.endpoints().issued(), [first.clone(), postgres]);

    // Rotating the keys does not invalidate the token: its key is still published.
    cloud.azure().keys().rotate().unwrap();
    assert_eq!(token(cloud.app_service(&resource)).await, first);
    cloud.endpoints().forget_tokens();
    assert_ne!(token(cloud.app_service(&resource)).await, first);

    // The cache returns no token of an identity that no longer exists.
    cloud
        .azure()
        .change(|state| {
            state.edit(local_azure::testing::APP, |app: &mut WebApp| app.identity.system = None);
            Ok(())
        })
        .unwrap();
    assert_eq!(send(cloud.app_service(&resource)).await.0, 400);
}
