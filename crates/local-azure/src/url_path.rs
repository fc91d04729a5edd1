//! The parts of a URL's path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is encoded in a part: everything that may have a meaning of its own in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'-')
    .remove(b'.')
    .remove(b'=')
    .remove(b'@')
    .remove(b'_')
    .remove(b'~');

/// The part without percent-encoding, unless it is not text.
#[must_use]
pub fn decode(part: &str) -> Option<String> {
    let decoded = percent_decode_str(part).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The parts of a path. Repeated slashes count as one, because clients concatenate URLs. Some of Azure's libraries encode
/// the slashes of the scope that a path starts with. Returns `None` if a part is not text, or could lead to another part.
#[must_use]
pub fn parts(path: &str) -> Option<Vec<String>> {
    let (scope, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let is_encoded = scope.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2F"));
    let path = if is_encoded {
        format!("{}/{rest}", scope.replace("%2f", "/").replace("%2F", "/"))
    } else {
        path.to_owned()
    };
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let decoded = decode(part)?;
            let is_plain = !decoded.contains(['/', '\\']) && !matches!(decoded.as_str(), "." | "..");
            is_plain.then_some(decoded)
        })
        .collect()
}

/// The path that consists of these parts, without a slash at its start.
#[must_use]
pub fn encode(parts: &[String]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| utf8_percent_encode(part, ENCODED).to_string())
        .collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let parts = ["a b", "ü&=?#%/", "users('o''neil@contoso')"].map(str::to_owned);
        let path = encode(&parts);
        assert_eq!(path, "a%20b/%C3%BC%26=%3F%23%25%2F/users('o''neil@contoso')");
        let decoded: Vec<_> = path.split('/').filter_map(decode).collect();
        assert_eq!(decoded, parts);
        assert_eq!(decode("%ff"), None);
    }

    #[test]
    fn a_path_is_decoded_once_and_never_leads_upwards() {
        assert_eq!(parts("//a//b%20c/d+e/").unwrap(), ["a", "b c", "d+e"]);
        assert_eq!(parts("/").unwrap(), [""; 0]);
        assert_eq!(parts("/%2Fa%2fb%20c/d").unwrap(), ["a", "b c", "d"]);
        for wrong in [
            "/a/../b",
            "/a/%2e%2e/b",
            "/a%2Fb",
            "/a%5Cb",
            "/%2Fa%2F..%2Fb",
            "/%2Fa/b%2Fc",
            "/a/%ff",
            "/.",
        ] {
            assert!(parts(wrong).is_none(), "{wrong}");
        }
    }
}
