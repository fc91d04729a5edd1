//! Faults that a developer injects.

use std::time::{Duration, Instant};

use local_azure::faults::IdentityFault;
use serde_json::json;

use crate::rig::{STORAGE, Tenant, read, send};

#[tokio::test]
async fn the_endpoints_answer_with_the_injected_faults() {
    let cloud = Tenant::start();
    let fault = |fault| cloud.azure().faults().change(|faults| faults.identity = fault);
    let query = format!("resource={STORAGE}");

    fault(IdentityFault::Status(503));
    let (status, answer) = send(cloud.app_service(&query)).await;
    assert_eq!((status, &answer["statusCode"]), (503, &json!(503)));
    let (status, answer) = send(cloud.imds(&query)).await;
    assert_eq!((status, &answer["error"]), (503, &json!("unknown")));
    fault(IdentityFault::Status(404));
    assert_eq!(send(cloud.imds(&query)).await.0, 404);
    // An invalid request is refused in the same way as without a fault.
    assert_eq!(send(cloud.app_service("")).await.0, 400);

    fault(IdentityFault::TooManyRequests { retry_after: 7 });
    for request in [cloud.app_service(&query), cloud.imds(&query)] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(read(answer).await.0, 429);
    }

    let delay = Duration::from_millis(200);
    fault(IdentityFault::Slow(delay));
    let started = Instant::now();
    assert_eq!(send(cloud.app_service(&query)).await.0, 200);
    assert!(started.elapsed() >= delay);

    fault(IdentityFault::Hangs);
    let request = cloud.imds(&query).timeout(Duration::from_millis(300));
    assert!(request.send().await.unwrap_err().is_timeout());

    fault(IdentityFault::None);
    assert_eq!(send(cloud.imds(&query)).await.0, 200);
    assert_eq!(cloud.endpoints().requests(), 9);
    assert_eq!(cloud.endpoints().issued().len(), 1);
}

#[tokio::test]
async fn a_changed_lifetime_takes_effect_immediately() {
    let cloud = Tenant::start();
    let query = format!("resource={STORAGE}");
    let lifetime = async || {
        let (_, answer) = send(cloud.app_service(&query)).await;
        let claims = cloud.verified(answer["access_token"].as_str().unwrap(), STORAGE);
        claims.exp - claims.iat
    };
    assert_eq!(lifetime().await, 24 * 60 * 60);
    cloud
        .azure()
        .faults()
        .change(|faults| faults.token_lifetime = Some(Duration::from_secs(90)));
    assert_eq!(lifetime().await, 90);
    cloud.azure().faults().change(|faults| faults.token_lifetime = None);
    assert_eq!(lifetime().await, 24 * 60 * 60);
}

#[tokio::test]
async fn the_servers_stop_and_start_again_on_their_ports() {
    let cloud = Tenant::start();
    let query = format!("resource={STORAGE}");
    let keys = format!("{}common/discovery/keys", cloud.entra().authority_host());
    // A request that waits for its response ends with its server.
    cloud
        .azure()
        .faults()
        .change(|faults| faults.identity = IdentityFault::Hangs);
    let waiting = tokio::spawn(cloud.app_service(&query).send());
    while cloud.endpoints().requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..2 {
        cloud.endpoints().stop();
        cloud.entra().stop();
        cloud
            .azure()
            .faults()
            .change(|faults| faults.identity = IdentityFault::None);
        assert!(cloud.app_service(&query).send().await.unwrap_err().is_connect());
        assert!(cloud.https().get(&keys).send().await.unwrap_err().is_connect());
        for _ in 0..2 {
            cloud.endpoints().start_again().unwrap();
            cloud.entra().start_again().unwrap();
        }
        assert_eq!(send(cloud.app_service(&query)).await.0, 200);
        assert_eq!(send(cloud.https().get(&keys)).await.0, 200);
    }
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(cloud.endpoints().requests(), 3);
}

#[test]
fn a_port_in_use_is_reported_with_the_option_that_changes_it() {
    let cloud = Tenant::start();
    let taken = cloud.endpoints().port();
    let error = local_azure::identity::IdentityEndpoints::start(cloud.azure(), taken)
        .err()
        .unwrap();
    assert!(error.to_string().contains("--identity-port"), "{error}");
    let error = local_azure::entra::Entra::start(cloud.azure(), taken).err().unwrap();
    assert!(error.to_string().contains("--entra-port"), "{error}");
}
