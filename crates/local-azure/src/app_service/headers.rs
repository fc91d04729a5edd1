//! The headers that the front end adds to a request.

use std::net::SocketAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// A request, as the front end received it.
pub(super) struct RequestInfo<'a> {
    /// The address of the client.
    pub(super) peer: SocketAddr,
    pub(super) https: bool,
    /// The app's host name in Azure.
    pub(super) host: &'a str,
    pub(super) app: &'a str,
    /// The path and query.
    pub(super) target: &'a str,
}

/// Headers about the connection, which the platform sets and a client cannot.
const PLATFORM_HEADERS: [&str; 14] = [
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
/// The client's own `X-Forwarded-For` is kept in front, so only the last entry can be trusted.
///
/// While App Service Authentication is off and `WEBSITE_AUTH_ENABLED` is `False`, its headers, such as
/// `X-MS-CLIENT-PRINCIPAL`, are forwarded as the client sent them, as on App Service, so an app must not trust them. While
/// it is on, `authentication` has replaced them before.
/// <https://github.com/Azure/app-service-linux-docs/blob/master/Things_You_Should_Know/headers.md>
pub(super) fn set(headers: &mut HeaderMap, request: &RequestInfo<'_>) {
    for name in PLATFORM_HEADERS {
        headers.remove(name);
    }
    let (address, peer) = (request.peer.ip().to_string(), request.peer.to_string());
    let proto = if request.https { "https" } else { "http" };
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
    set("x-client-port", &request.peer.port().to_string());
    set("x-forwarded-proto", proto);
    set("x-appservice-proto", proto);
    set("x-arr-log-id", &Uuid::new_v4().to_string());
    set("x-original-url", request.target);
    set("x-waws-unencoded-url", request.target);
    set("disguised-host", request.host);
    set("was-default-hostname", request.host);
    set("x-site-deployment-id", request.app);
    set("max-forwards", "10");
    if request.https {
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
    fn a_client_cannot_spoof_platform_headers() {
        let mut headers = HeaderMap::new();
        for name in PLATFORM_HEADERS.into_iter().chain(["x-ms-client-principal"]) {
            headers.insert(name, HeaderValue::from_static("spoofed"));
        }
        for one in ["1.2.3.4", "5.6.7.8"] {
            headers.append("x-forwarded-for", HeaderValue::from_static(one));
        }
        let mut request = RequestInfo {
            peer: ([127, 0, 0, 1], 9999).into(),
            https: true,
            host: "contoso.azurewebsites.net",
            app: "contoso",
            target: "/a?b",
        };
        set(&mut headers, &request);
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4, 5.6.7.8, 127.0.0.1:9999");
        assert_eq!(headers["x-ms-client-principal"], "spoofed");
        assert!(PLATFORM_HEADERS.iter().all(|name| headers[*name] != "spoofed"));
        request.https = false;
        set(&mut headers, &request);
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert!(!headers.contains_key("x-arr-ssl"));
    }
}
