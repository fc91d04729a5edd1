//! The headers about the visitor, which only the platform may set.
//! <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities#access-user-claims-in-app-code>

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::memory::Session;
use super::principal::PROVIDER;

/// How the names of these headers begin.
const OWN: [&str; 2] = ["x-ms-client-principal", "x-ms-token-"];

/// Whether an app may take the header for one of the platform's. CGI, WSGI and PHP make one variable of names that differ
/// only in punctuation, so `X_MS_CLIENT_PRINCIPAL` counts too.
fn is_own(name: &HeaderName) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let plain: String = name
        .as_str()
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    OWN.iter().any(|own| plain.starts_with(own))
}

/// Removes the headers that a client has forged.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let forged: Vec<_> = headers.keys().filter(|name| is_own(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

/// Tells the app who the visitor is. The app gets their tokens only if it has turned the token store on.
pub(super) fn set(headers: &mut HeaderMap, session: &Session, has_token_store: bool) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-ms-client-principal", &session.principal.encoded());
    set("x-ms-client-principal-id", &session.principal.id);
    set("x-ms-client-principal-name", &session.principal.name);
    set("x-ms-client-principal-idp", PROVIDER);
    if !has_token_store {
        return;
    }
    set("x-ms-token-aad-id-token", &session.tokens.id);
    set("x-ms-token-aad-expires-on", &time(session.tokens.expires));
    if let Some(token) = &session.tokens.access {
        set("x-ms-token-aad-access-token", token);
    }
    if let Some(token) = &session.tokens.refresh {
        set("x-ms-token-aad-refresh-token", token);
    }
}

/// A time in seconds since 1970 as text.
pub(super) fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_the_platforms_headers_passes() {
        let mut headers = HeaderMap::new();
        let names = [
            "x-ms-client-principal",
            "x-ms-client-principal-id",
            "x-ms-client-principal-name",
            "x-ms-client-principal-idp",
            "x-ms-client-principal-of-tomorrow",
            "x-ms-token-aad-access-token",
            "x-ms-token-google-id-token",
        ];
        let mut forged = 0;
        for name in names {
            for separator in ["-", "_", ".", "~", "'", "|", "+"] {
                for spelling in [name.replace('-', separator), name.replacen('-', separator, 2)] {
                    for spelling in [spelling.to_uppercase(), spelling.clone()] {
                        headers.append(
                            HeaderName::try_from(spelling).unwrap(),
                            HeaderValue::from_static("forged"),
                        );
                        forged += 1;
                    }
                }
            }
        }
        for kept in [
            "x-ms-client-request-id",
            "x-ms-tokens",
            "ms-client-principal",
            "authorization",
        ] {
            headers.insert(kept, HeaderValue::from_static("kept"));
        }
        assert_eq!(headers.len(), forged + 4);
        strip(&mut headers);
        assert_eq!(headers.len(), 4);
        assert!(headers.values().all(|value| value == "kept"));
    }
}
