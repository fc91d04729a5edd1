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
pub fn decode(part: &str) -> Option<String> {
    let decoded = percent_decode_str(part).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The path that consists of these parts, without a slash at its start.
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
}
