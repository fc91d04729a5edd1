//! Session affinity: cookies that keep a visitor on one instance.
//! <https://learn.microsoft.com/azure/app-service/configure-common#configure-general-settings>

use std::iter;
use std::net::IpAddr;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use crate::host::without_port;

const COOKIES: [&str; 2] = ["ARRAffinity", "ARRAffinitySameSite"];

/// The value of the cookies for an instance. It does not reveal the instance's id.
pub(super) fn value(instance_id: &str) -> String {
    hex::encode(Sha256::digest(format!("affinity {instance_id}")))
}

/// The value of the cookie that the visitor sent.
pub(super) fn requested(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.split_once('='));
    let found = pairs.find(|(name, _)| COOKIES.contains(&name.trim()));
    found.map(|(_, value)| value.trim().to_owned())
}

/// Whether the app's response disables the cookies.
pub(super) fn is_disabled(headers: &HeaderMap) -> bool {
    let disabled = headers.get("arr-disable-session-affinity");
    disabled.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Adds the cookies to a response. Browsers accept `SameSite=None` only over HTTPS.
pub(super) fn set(headers: &mut HeaderMap, instance_id: &str, host: &str, https: bool) {
    let (value, name) = (value(instance_id), without_port(host));
    // A cookie for an IP address or a single label has no domain.
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
    for cookie in iter::once(plain).chain(https.then_some(same_site)) {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookies_of_a_response_are_found_in_the_next_request() {
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
        assert_eq!(requested(&request), Some(value("id")));
        assert!(!value("id").contains("id"));
        let mut plain = HeaderMap::new();
        set(&mut plain, "id", "127.0.0.1:80", false);
        let only = plain.get_all(SET_COOKIE).iter().collect::<Vec<_>>();
        assert_eq!(only.len(), 1);
        assert!(only[0].to_str().unwrap().ends_with(";Path=/;HttpOnly"));
    }
}
