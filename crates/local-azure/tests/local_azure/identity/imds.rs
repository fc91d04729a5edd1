//! The endpoint of IMDS, tested with plain HTTP requests.

use serde_json::json;

use crate::rig::{STORAGE, Tenant, http, send};

#[tokio::test]
async fn numbers_in_the_response_are_strings() {
    let cloud = Tenant::start();
    let (status, answer) = send(cloud.imds(&format!("resource={STORAGE}"))).await;
    assert_eq!(status, 200, "{answer}");
    let claims = cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE);
    assert_eq!(claims.oid, cloud.system.principal_id);
    let left: u64 = answer["expires_in"].as_str().unwrap().parse().unwrap();
    assert!(left <= 24 * 60 * 60 && left > 0);
    for (name, value) in [
        ("expires_on", claims.exp.to_string()),
        ("not_before", claims.nbf.to_string()),
        ("ext_expires_in", left.to_string()),
        ("resource", STORAGE.to_owned()),
        ("token_type", "Bearer".to_owned()),
        ("client_id", cloud.system.client_id.to_string()),
    ] {
        assert_eq!(answer[name], json!(value), "{name}");
    }
}

#[tokio::test]
async fn an_identity_is_found_by_each_of_its_ids_or_is_the_only_one() {
    let cloud = Tenant::start();
    let (user, system) = (&cloud.user, &cloud.system);
    let oid = async |query: &str| {
        let (status, answer) = send(cloud.imds(&format!("resource={STORAGE}&{query}"))).await;
        assert_eq!(status, 200, "{query}: {answer}");
        cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE).oid
    };
    for id in [
        format!("client_id={}", user.client_id),
        format!("object_id={}", user.principal_id),
        format!("principal_id={}", user.principal_id),
        format!("msi_res_id={}", user.resource_id.as_str().to_lowercase()),
        format!("mi_res_id={}", user.resource_id),
    ] {
        assert_eq!(oid(&id).await, user.principal_id, "{id}");
    }
    let id = format!("client_id={}", system.client_id);
    assert_eq!(oid(&id).await, system.principal_id);
    cloud.assign(None, &[user]);
    assert_eq!(oid("").await, user.principal_id);
}

#[tokio::test]
async fn errors_match_those_of_imds() {
    let cloud = Tenant::start();
    let (user, other) = (&cloud.user, &cloud.other);
    for (query, error, said) in [
        (String::new(), "invalid_request", "Required audience parameter"),
        (
            format!("resource={STORAGE}/.default"),
            "invalid_resource",
            "AADSTS500011",
        ),
        (
            "resource=https://example.com".to_owned(),
            "invalid_resource",
            "AADSTS500011",
        ),
        (
            format!("resource={STORAGE}&client_id={}", other.client_id),
            "invalid_request",
            "Identity not found",
        ),
        (
            format!(
                "resource={STORAGE}&client_id={}&object_id={}",
                user.client_id, user.principal_id
            ),
            "invalid_request",
            "Only one of",
        ),
    ] {
        let (status, answer) = send(cloud.imds(&query)).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{query}: {answer}");
        assert!(
            answer["error_description"].as_str().unwrap().contains(said),
            "{query}: {answer}"
        );
    }
    let without_id = format!("resource={STORAGE}");
    for (assigned, said) in [
        (&[][..], "Identity not found"),
        (&[user, other], "Multiple user assigned"),
    ] {
        cloud.assign(None, assigned);
        let (status, answer) = send(cloud.imds(&without_id)).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")));
        assert!(answer["error_description"].as_str().unwrap().contains(said), "{answer}");
    }
}

#[tokio::test]
async fn a_request_needs_the_version_and_the_headers() {
    let cloud = Tenant::start();
    let url = format!(
        "{}/metadata/identity/oauth2/token?resource={STORAGE}",
        cloud.endpoints().imds_host()
    );
    let get = |version: &str| http().get(format!("{url}{version}"));
    for version in ["2018-02-01", "2019-08-01", "2021-02-01"] {
        let request = get(&format!("&api-version={version}")).header("Metadata", "true");
        assert_eq!(send(request).await.0, 200);
    }
    let version = "&api-version=2018-02-01";
    for (request, error) in [
        (get(version), "bad_request_102"),
        // The request that clients send to probe for IMDS.
        (get(""), "bad_request_102"),
        (get(version).header("Metadata", "false"), "bad_request_102"),
        (get("").header("Metadata", "true"), "invalid_request"),
        (
            get("&api-version=2017-01-01").header("Metadata", "true"),
            "invalid_request",
        ),
        (
            get(version)
                .header("Metadata", "true")
                .header("X-Forwarded-For", "10.0.0.4"),
            "invalid_request",
        ),
    ] {
        let (status, answer) = send(request).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)), "{answer}");
    }
}
