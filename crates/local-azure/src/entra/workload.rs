//! An issuer of tokens of this machine's own, as Kubernetes or GitHub have one: for trying workload identity federation
//! with nothing else. <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::Shared;
use crate::tokens::now;

/// How many seconds its tokens live: an hour, as a Kubernetes service account's.
const LIFETIME: u64 = 60 * 60;

/// A token of this issuer.
pub fn token(shared: &Shared, subject: &str, audience: &str) -> String {
    let now = now();
    shared.workload_keys.sign(&json!({
        "iss": shared.workload_issuer(),
        "sub": subject,
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "jti": Uuid::new_v4(),
    }))
}

/// `GET /workload/.well-known/openid-configuration`
pub async fn configuration(State(shared): State<Arc<Shared>>) -> Response {
    let issuer = shared.workload_issuer();
    Json(json!({
        "jwks_uri": format!("{issuer}/keys"),
        "issuer": issuer,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"],
    }))
    .into_response()
}

/// `GET /workload/keys`
pub async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.workload_keys.published()).into_response()
}
