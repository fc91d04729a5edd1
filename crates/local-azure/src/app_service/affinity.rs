//! Session affinity: a visitor stays with one instance.
//! <https://learn.microsoft.com/azure/app-service/configure-common#configure-general-settings>

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::platform::without_port;

const COOKIES: [&str; 2] = ["ARRAffinity", "ARRAffinitySameSite"];

/// What the cookies of an instance say: nothing that tells its id.
pub(super) fn value(instance_id: &str) -> String {
    let digest = Sha256::digest(format!("affinity {instance_id}"));
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the visitor's cookie says.
pub(super) fn wanted(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.split_once('='));
    let found = pairs.find(|(name, _)| COOKIES.contains(&name.trim()));
    found.map(|(_, value)| value.trim().to_owned())
}

/// Whether the app's answer says that it wants no cookie.
pub(super) fn is_refused(headers: &HeaderMap) -> bool {
    let refused = headers.get("arr-disable-session-affinity");
    refused.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Adds the cookies to an answer. Browsers take `SameSite=None` over HTTPS alone.
pub(super) fn set(headers: &mut HeaderMap, instance_id: &str, host: &str, https: bool) {
    let (value, name) = (value(instance_id), without_port(host));
    // A cookie for an address or a single label has no domain.
    let domain = if name.parse::<IpAddr>().is_err() && name.contains('.') {
        format!(";Domain={name}")
    } else {
        String::new()
    };
    let plain = format!(
        "ARRAffinity={value};Path=/;HttpOnly{}{domain}",
        if https { ";Secure" } else { "" }
    );
    let same_site = format!("ARRAffinitySameSite={value};Path=/;HttpOnly;SameSite=None;Secure{domain}");
    for cookie in std::iter::once(plain).chain(https.then_some(same_site)) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_they_are_written() {
        let mut answer = HeaderMap::new();
        set(&mut answer, "id", "contoso.localhost:8443", true);
        let cookies: Vec<_> = answer
            .get_all(SET_COOKIE)
            .iter()
            .map(|one| one.to_str().unwrap())
            .collect();
        assert!(cookies[0].starts_with("ARRAffinity=") && cookies[1].starts_with("ARRAffinitySameSite="));
        assert!(
            cookies[0].ends_with(";Path=/;HttpOnly;Secure;Domain=contoso.localhost"),
            "{cookies:?}"
        );
        let (pair, _) = cookies[1].split_once(';').unwrap();
        let mut request = HeaderMap::new();
        request.insert(COOKIE, format!("a=b; {pair}; c").parse().unwrap());
        assert_eq!(wanted(&request), Some(value("id")));
        assert!(!value("id").contains("id"));
        let mut plain = HeaderMap::new();
        set(&mut plain, "id", "127.0.0.1:80", false);
        let only = plain.get_all(SET_COOKIE).iter().collect::<Vec<_>>();
        assert_eq!(only.len(), 1);
        assert!(only[0].to_str().unwrap().ends_with(";Path=/;HttpOnly"));
    }
}
