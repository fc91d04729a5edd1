//! The endpoints answer only to requests that no browser and no proxy was made to send.

use serde_json::json;

use crate::rig::{STORAGE, Tenant, send};

#[tokio::test]
async fn a_rebound_name_and_a_proxy_get_no_token() {
    let cloud = Tenant::start();
    let query = format!("resource={STORAGE}&client_id={}", cloud.user.client_id);
    for (header, value, expected) in [
        ("host", "127.0.0.1", 200),
        ("host", "169.254.169.254", 200),
        ("host", "rebound.example", 400),
        ("host", "127.0.0.1.rebound.example:7445", 400),
        ("x-forwarded-for", "127.0.0.1", 400),
        ("x-forwarded-for", "", 400),
    ] {
        for request in [cloud.imds(&query), cloud.app_service(&query)] {
            let (status, answer) = send(request.header(header, value)).await;
            assert_eq!(status, expected, "{header}: {value}: {answer}");
            assert_eq!(answer["access_token"].is_string(), expected == 200, "{answer}");
            if expected == 400 {
                assert_eq!(answer["error"], json!("invalid_request"), "{answer}");
            }
        }
    }
}
