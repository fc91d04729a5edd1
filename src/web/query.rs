//! Reads the query of an address.

use std::borrow::Cow;

/// The maximum number of pairs. The site's own addresses have at most nine.
const PAIRS_MAX: usize = 20;

/// The pairs of a query. Those beyond `PAIRS_MAX` are ignored, as pairs of unknown names are.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes()).take(PAIRS_MAX)
}

/// The address of this path with this query, if there is one.
#[must_use]
pub fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}
