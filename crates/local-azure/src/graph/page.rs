//! `$top` and `$skiptoken`: the pages of a list.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::Call;
use super::error::GraphError;

/// The size of a page, and the largest that a client can ask for. They are Graph's for directory objects.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// A part of a list.
pub struct Page {
    pub range: Range<usize>,
    /// The token for the next page.
    pub next: Option<String>,
}

impl Page {
    /// The page that the query asks for. A list that is not ordered by the query is sorted by id.
    pub fn of(call: &Call, values: &[Value], is_ordered: bool) -> Result<Self, GraphError> {
        let start = match call.query("$skiptoken") {
            Some(token) => start(token, values, is_ordered)?,
            None => 0,
        };
        let end = start.saturating_add(size(call)?).min(values.len());
        let next = (end < values.len() && start < end).then(|| {
            let token = json!([end, id(&values[end - 1])]);
            URL_SAFE_NO_PAD.encode(token.to_string())
        });
        Ok(Self {
            range: start..end,
            next,
        })
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_default()
}

fn size(call: &Call) -> Result<usize, GraphError> {
    let Some(text) = call.query("$top") else {
        return Ok(PAGE);
    };
    let size: usize = text
        .parse()
        .map_err(|_| GraphError::bad_request(format!("Invalid value '{text}' for the query parameter '$top'.")))?;
    match size {
        0 => Err(GraphError::bad_request(
            "The limit of '0' for the Top query is invalid.",
        )),
        1..=LARGEST_PAGE => Ok(size),
        _ => Err(GraphError::bad_request(format!(
            "Invalid page size specified: '{size}'. Must be between 1 and {LARGEST_PAGE} inclusive."
        ))),
    }
}

/// Where the page of a token starts: after the last object of the page before. If that was deleted since, the page
/// starts at the next id, or in another order at the index that the object had.
fn start(token: &str, values: &[Value], is_ordered: bool) -> Result<usize, GraphError> {
    let invalid = || GraphError::bad_request("Invalid skip token.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (index, last): (usize, String) = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    let start = match values.iter().position(|value| id(value) == last) {
        Some(found) => found + 1,
        None if is_ordered => index.saturating_sub(1),
        None => values.partition_point(|value| id(value) < last.as_str()),
    };
    Ok(start.min(values.len()))
}
