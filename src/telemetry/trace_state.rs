//! What other programs note about a trace (`tracestate`): <https://www.w3.org/TR/trace-context/#tracestate-header>.
//!
//! It goes to Azure together with the trace, unchanged, as the standard asks. It is any text of the sender, so it is no
//! part of the spans that are exported.

use std::str::FromStr as _;

use axum::http::HeaderMap;

const HEADER: &str = "tracestate";
/// The longest text that the standard asks for, in bytes.
const LENGTH_MAX: usize = 512;
const MEMBERS_MAX: usize = 32;

/// The text, which is valid.
#[derive(Debug)]
pub(super) struct TraceState(String);

impl TraceState {
    /// The value of the header. Several headers are one list. A list that is too long or invalid is dropped, without the
    /// trace.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let lists: Result<Vec<_>, _> = headers.get_all(HEADER).iter().map(|list| list.to_str()).collect();
        let text = lists.ok()?.join(",");
        let is_valid = !text.is_empty()
            && text.len() <= LENGTH_MAX
            && text.split(',').count() <= MEMBERS_MAX
            && opentelemetry::trace::TraceState::from_str(&text).is_ok();
        is_valid.then_some(Self(text))
    }

    /// The header for the next program.
    pub(super) fn header(&self) -> (&'static str, String) {
        (HEADER, self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(lists: &[&str]) -> Option<String> {
        let headers = lists
            .iter()
            .map(|list| (HEADER.parse().unwrap(), list.parse().unwrap()));
        TraceState::of(&headers.collect()).map(|state| state.0)
    }

    #[test]
    fn a_valid_list_is_passed_on_unchanged() {
        let longest = format!("a={},b={}", "x".repeat(253), "y".repeat(254));
        for text in [
            "rojo=00f067aa0ba902b7",
            "rojo=1,congo=t61rcWkgMzE",
            "1@a=b, c=d e",
            longest.as_str(),
        ] {
            assert_eq!(passed_on(&[text]).as_deref(), Some(text));
        }
        assert_eq!(passed_on(&["a=1", "b=2"]).as_deref(), Some("a=1,b=2"));
    }

    #[test]
    fn a_list_that_is_too_long_or_invalid_is_dropped() {
        let many = (0..33).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        let long = format!("a={},b={}", "x".repeat(255), "y".repeat(255));
        for lists in [
            &[][..],
            &[""],
            &["planted"],
            &["A=1"],
            &["a=\u{1f600}"],
            &[&many],
            &[&long],
            &["a=1", "b"],
        ] {
            assert_eq!(passed_on(lists), None, "{lists:?}");
        }
    }
}
