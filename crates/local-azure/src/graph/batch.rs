//! Several requests in one.
//! <https://learn.microsoft.com/graph/json-batching>

use std::collections::HashMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Ids};
use super::call::Call;
use super::error::GraphError;

/// The largest number of requests.
const LIMIT: usize = 20;

/// Answers the requests in their order, each by `answer`.
pub fn handle(call: &Call, ids: &Ids, answer: fn(Call) -> Result<Answer, GraphError>) -> Result<Answer, GraphError> {
    let body = call.object()?;
    let steps = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| GraphError::bad_request("Invalid batch payload format."))?;
    if steps.len() > LIMIT {
        return Err(GraphError::bad_request(format!(
            "Number of batch request steps exceeds the maximum value of {LIMIT}."
        )));
    }
    let mut responses = Vec::new();
    let mut statuses: HashMap<String, StatusCode> = HashMap::new();
    for step in steps {
        let step = step
            .as_object()
            .ok_or_else(|| GraphError::bad_request("Invalid batch payload format."))?;
        let id = step.get("id").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() || statuses.contains_key(id) {
            return Err(GraphError::bad_request("Invalid or duplicate request id in the batch."));
        }
        let awaited = step.get("dependsOn").and_then(Value::as_array).into_iter().flatten();
        let mut awaited = awaited.map(|other| other.as_str().and_then(|other| statuses.get(other)));
        let has_failed = awaited.any(|status| status.is_none_or(|status| !status.is_success()));
        let answered = if has_failed {
            let message = "A request on which this one depends has failed.";
            Err(GraphError::new(
                StatusCode::FAILED_DEPENDENCY,
                "FailedDependency",
                message,
            ))
        } else {
            inner(call, step).and_then(answer)
        };
        let (status, body) = match answered {
            Ok(answer) => (answer.status, answer.body.or_else(|| answer.text.map(Value::from))),
            Err(error) => (error.status, Some(error.body(ids))),
        };
        statuses.insert(id.to_owned(), status);
        let mut response = json!({"id": id, "status": status.as_u16(), "headers": {"Cache-Control": "no-cache"}});
        if let Some(body) = body {
            response["headers"]["Content-Type"] = "application/json".into();
            response["body"] = body;
        }
        responses.push(response);
    }
    Ok(Answer::ok(json!({"responses": responses})))
}

/// The call that a request of the batch makes.
fn inner(outer: &Call, step: &Map<String, Value>) -> Result<Call, GraphError> {
    let invalid = |name: &str| GraphError::bad_request(format!("Invalid {name} of a request in the batch."));
    let text = |name: &str| step.get(name).and_then(Value::as_str).ok_or_else(|| invalid(name));
    let method = Method::from_bytes(text("method")?.to_ascii_uppercase().as_bytes()).map_err(|_| invalid("method"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in step.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name = name.parse::<HeaderName>().ok();
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        let (Some(name), Some(value)) = (name, value) else {
            return Err(invalid("headers"));
        };
        headers.insert(name, value);
    }
    let (path, query) = text("url")?.split_once('?').unwrap_or((text("url")?, ""));
    let body = step.get("body").cloned().unwrap_or_default();
    Ok(outer.inner(method, headers, path, query, body))
}
