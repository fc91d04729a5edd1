//! `$orderby`.

use std::cmp::Ordering;

use serde_json::Value;

use super::call::Call;
use super::error::GraphError;
use super::schema;
use crate::odata::{Path, get, order};

/// A property to sort by.
pub struct Key {
    path: Path,
    is_descending: bool,
}

/// The properties that the query sorts by.
pub fn keys(call: &Call, kind: &str) -> Result<Vec<Key>, GraphError> {
    let mut keys = Vec::new();
    for part in call.query("$orderby").unwrap_or_default().split(',') {
        let mut words = part.split_whitespace();
        let Some(name) = words.next() else { continue };
        let is_descending = match (words.next(), words.next()) {
            (None, _) => false,
            (Some(word), None) if word.eq_ignore_ascii_case("asc") => false,
            (Some(word), None) if word.eq_ignore_ascii_case("desc") => true,
            (Some(word), _) => return Err(GraphError::bad_request(format!("Invalid orderby clause: '{word}'."))),
        };
        let path: Path = name.split('/').map(str::to_owned).collect();
        if !schema::has(kind, &path[0]) {
            let why = schema::missing(kind, &path[0]);
            return Err(GraphError::bad_request(format!("Invalid orderby clause: {why}")));
        }
        keys.push(Key { path, is_descending });
    }
    Ok(keys)
}

/// Sorts objects by these properties, and those that are equal by their ids.
pub fn sort(values: &mut [Value], keys: &[Key]) {
    values.sort_by(|one, two| {
        let mut orders = keys.iter().map(|key| {
            let ordering = compare(&get(one, &key.path), &get(two, &key.path));
            if key.is_descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
        let ordering = orders.find(|ordering| ordering.is_ne());
        ordering.unwrap_or_else(|| one["id"].as_str().cmp(&two["id"].as_str()))
    });
}

/// Objects without the property come first.
fn compare(one: &Value, two: &Value) -> Ordering {
    order(one, two).unwrap_or_else(|| two.is_null().cmp(&one.is_null()))
}
