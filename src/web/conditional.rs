//! The request headers that say what a browser already has and what it accepts.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, HeaderName, IF_NONE_MATCH};

/// Whether `If-None-Match` names this `ETag` (RFC 9110, section 13.1.2: by weak comparison).
#[must_use]
pub fn has_etag(headers: &HeaderMap, etag: &[u8]) -> bool {
    list(headers, &IF_NONE_MATCH).any(|candidate| candidate == "*" || opaque(candidate.as_bytes()) == opaque(etag))
}

/// An `ETag` without its weak prefix.
fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

/// Whether `Accept-Encoding` lists gzip with a weight above 0 (RFC 9110, section 12.5.3).
#[must_use]
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    list(headers, &ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

/// The members of a header whose value is a list.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn an_etag_is_compared_weakly() {
        let has = |value: &str| has_etag(&request(IF_NONE_MATCH, value), b"W/\"a\"");
        for yes in ["\"a\"", "W/\"a\"", "\"b\", W/\"a\"", "*"] {
            assert!(has(yes), "{yes}");
        }
        for no in ["\"b\"", "a", ""] {
            assert!(!has(no), "{no}");
        }
    }

    #[test]
    fn gzip_is_accepted_by_its_name_unless_its_weight_is_zero() {
        let accepts = |value: &str| accepts_gzip(&request(ACCEPT_ENCODING, value));
        for yes in ["gzip", "br, GZIP;q=0.5", "gzip, deflate, br, zstd"] {
            assert!(accepts(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "identity", "x-gzip2"] {
            assert!(!accepts(no), "{no}");
        }
    }
}
