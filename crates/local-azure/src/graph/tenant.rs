//! The tenant itself, its domain, and what was deleted.

use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::error::GraphError;
use super::query;
use crate::state::DOMAIN;

/// `GET /organization`, `/domains` or `/directory` and what is below it.
pub fn handle(call: &Call, first: &str, path: &[&str]) -> Result<Answer, GraphError> {
    let domain = json!({
        "id": DOMAIN,
        "authenticationType": "Managed",
        "isAdminManaged": true,
        "isDefault": true,
        "isInitial": true,
        "isRoot": true,
        "isVerified": true,
        "supportedServices": [],
    });
    match (first, path) {
        ("organization", []) => {
            let tenant = call.azure.state().tenant;
            let value = json!({"id": tenant, "displayName": "Contoso", "verifiedDomains": [
                {"name": DOMAIN, "isDefault": true, "isInitial": true, "type": "Managed"},
            ]});
            Ok(Answer::ok(query::list(call, "organization", vec![value])?))
        }
        ("domains", []) => Ok(Answer::ok(query::list(call, "domains", vec![domain])?)),
        ("domains", [DOMAIN]) => Ok(Answer::ok(query::one(call, "domains", domain)?)),
        ("domains", [other]) => Err(GraphError::not_found(other)),
        // What is deleted is gone at once.
        ("directory", ["deleteditems", kind]) if kind.contains("graph.") => {
            Ok(Answer::ok(query::list(call, "directoryObjects", Vec::new())?))
        }
        ("directory", ["deleteditems", id]) => Err(GraphError::not_found(id)),
        _ => Err(call.unsupported()),
    }
}
