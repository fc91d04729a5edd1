//! This machine's own issuer of workload tokens. It makes it possible to try workload identity federation without
//! Kubernetes or GitHub. <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::shared::Shared;
use crate::tokens::now;

/// The lifetime of its tokens in seconds: an hour, as for Kubernetes service accounts.
const LIFETIME: u64 = 60 * 60;

/// Issues a token.
pub fn token(shared: &Shared, subject: &str, audience: &str) -> String {
    let now = now();
    shared.workload_keys.sign(&json!({
        "iss": shared.workload_issuer,
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
    let issuer = &shared.workload_issuer;
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
