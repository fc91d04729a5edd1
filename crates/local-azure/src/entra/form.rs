//! The parameters of a request.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::error::OAuthError;

/// The parameters of a request.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Parses the body, and the client's id and secret in an HTTP Basic header (RFC 6749, section 2.3.1).
    pub fn parse(headers: &HeaderMap, body: &[u8]) -> Self {
        let decode = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
        let mut pairs = decode(body);
        let basic = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, text)| String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok());
        if let Some((id, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
            // Both are form-encoded.
            pairs.extend(decode(format!("client_id={id}&client_secret={secret}").as_bytes()));
        }
        Self(pairs)
    }

    /// The first value of a parameter. An empty value counts as missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The name of a parameter that occurs more than once.
    pub fn repeated(&self) -> Option<&str> {
        let mut names = self.0.iter().map(|(name, _)| name.as_str()).enumerate();
        let found = names.find(|(at, name)| self.0[..*at].iter().any(|(before, _)| before == name));
        found.map(|(_, name)| name)
    }

    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::missing(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_authenticate_with_http_basic() {
        let mut headers = HeaderMap::new();
        let text = format!("basic {}", STANDARD.encode("id:a%2Bb:c"));
        headers.insert(header::AUTHORIZATION, text.parse().unwrap());
        let form = Form::parse(&headers, b"grant_type=client_credentials");
        assert_eq!(form.get("client_id"), Some("id"));
        assert_eq!(form.get("client_secret"), Some("a+b:c"));
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), None);
    }
}
