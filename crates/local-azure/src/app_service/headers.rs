//! What the front end tells the app of a request.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// A request, as the front end has it.
pub(super) struct Visit<'a> {
    /// Who sent it.
    pub(super) peer: SocketAddr,
    pub(super) https: bool,
    /// The host as it was asked for.
    pub(super) host: &'a str,
    /// The app's own.
    pub(super) default_host: &'a str,
    pub(super) app: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
}

/// Headers that say how a visitor came here, and that no visitor can set.
const OWN: [&str; 14] = [
    "client-ip",
    "disguised-host",
    "max-forwards",
    "was-default-hostname",
    "x-appservice-proto",
    "x-arr-log-id",
    "x-arr-ssl",
    "x-client-ip",
    "x-client-port",
    "x-forwarded-proto",
    "x-forwarded-tlsversion",
    "x-original-url",
    "x-site-deployment-id",
    "x-waws-unencoded-url",
];

/// Sets the headers that App Service sets.
///
/// What the visitor sends as `X-Forwarded-For` stays in front: only the last entry can be trusted. The headers of
/// App Service Authentication (`X-MS-CLIENT-PRINCIPAL` and its kin) are removed by that feature, which is off here, as
/// `WEBSITE_AUTH_ENABLED` says: so they arrive as they were sent, there as here, and an app must not believe them.
/// <https://github.com/Azure/app-service-linux-docs/blob/master/Things_You_Should_Know/headers.md>
pub(super) fn set(headers: &mut HeaderMap, visit: &Visit<'_>) {
    for name in OWN {
        headers.remove(name);
    }
    let (address, peer) = (visit.peer.ip().to_string(), visit.peer.to_string());
    let proto = if visit.https { "https" } else { "http" };
    let earlier = headers.get_all("x-forwarded-for").iter();
    let mut forwarded: Vec<_> = earlier.map(|value| value.as_bytes().to_vec()).collect();
    forwarded.push(peer.clone().into_bytes());
    let forwarded = HeaderValue::from_bytes(&forwarded.join(b", ".as_slice()));
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("client-ip", &peer);
    set("x-client-ip", &address);
    set("x-client-port", &visit.peer.port().to_string());
    set("x-forwarded-proto", proto);
    set("x-appservice-proto", proto);
    set("x-arr-log-id", &Uuid::new_v4().to_string());
    set("x-original-url", visit.target);
    set("x-waws-unencoded-url", visit.target);
    set("disguised-host", visit.host);
    set("was-default-hostname", visit.default_host);
    set("x-site-deployment-id", visit.app);
    set("max-forwards", "10");
    if visit.https {
        set("x-arr-ssl", "2048|256|CN=Local Azure|CN=localhost");
        set("x-forwarded-tlsversion", "1.3");
    }
    if let Ok(forwarded) = forwarded {
        headers.insert("x-forwarded-for", forwarded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_visitor_sends_in_their_place_is_replaced_or_kept_in_front() {
        let mut headers = HeaderMap::new();
        for name in OWN.into_iter().chain(["x-ms-client-principal"]) {
            headers.insert(name, HeaderValue::from_static("spoofed"));
        }
        for one in ["1.2.3.4", "5.6.7.8"] {
            headers.append("x-forwarded-for", HeaderValue::from_static(one));
        }
        let mut visit = Visit {
            peer: ([127, 0, 0, 1], 9999).into(),
            https: true,
            host: "contoso.localhost:1",
            default_host: "contoso.localhost:1",
            app: "contoso",
            target: "/a?b",
        };
        set(&mut headers, &visit);
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4, 5.6.7.8, 127.0.0.1:9999");
        assert_eq!(headers["x-ms-client-principal"], "spoofed");
        assert!(OWN.iter().all(|name| headers[*name] != "spoofed"));
        visit.https = false;
        set(&mut headers, &visit);
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert!(!headers.contains_key("x-arr-ssl"));
    }
}
