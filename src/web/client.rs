//! Which client sent a request: the address that limits count.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;

/// The last address in it is the one that App Service's front end appended. A client can send the others.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Headers that a proxy adds: then the peer is not the visitor.
const PROXY_HEADERS: [&str; 8] = [
    "forwarded",
    FORWARDED_FOR,
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "via",
];

/// Whether a connection from this address, with these headers, comes from this machine and not through a proxy on it.
#[must_use]
pub fn is_from_this_machine(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback() && !PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
}

/// A client, by its address. The addresses of an IPv6 network (/64) are one client: each of its devices may choose any
/// of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    pub(super) fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// The client of a request with these headers, over a connection from this address. `None` if limits do not apply:
    /// to this machine (App Service's front end has no such client, but Local Azure's has), and to a router without a
    /// server, as in tests.
    #[must_use]
    pub fn find(on_app_service: bool, headers: &HeaderMap, peer: Option<SocketAddr>) -> Option<Self> {
        let peer = peer?.ip();
        // On App Service, a request without the header is the platform's own.
        let forwarded = on_app_service.then(|| forwarded(headers)).flatten();
        let address = forwarded.unwrap_or(peer).to_canonical();
        (!address.is_loopback()).then(|| Self::new(address))
    }
}

/// Puts the [`Client`] of a request into its extensions, if limits apply to it.
pub async fn identify_client(State(on_app_service): State<bool>, mut request: Request) -> Request {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| *address);
    if let Some(client) = Client::find(on_app_service, request.headers(), peer) {
        request.extensions_mut().insert(client);
    }
    request
}

/// The last address of the last header.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?.trim();
    // With a port, an IPv6 address has brackets.
    let bare = last.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(last).parse().ok();
    address.or_else(|| Some(last.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn find(on_app_service: bool, forwarded: &[&str], peer: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 40_000);
        let client = Client::find(on_app_service, &headers, Some(peer));
        client.map(|Client(address)| address.to_string())
    }

    #[test]
    fn on_app_service_the_client_is_the_address_that_the_front_end_appended() {
        let front_end = "169.254.1.1";
        for (forwarded, client) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["203.0.113.7:50123"], "203.0.113.7"),
            (&[" 203.0.113.7:50123 "], "203.0.113.7"),
            (&["198.51.100.1, 203.0.113.7:50123"], "203.0.113.7"),
            (&["198.51.100.1:1,203.0.113.7"], "203.0.113.7"),
            (&["127.0.0.1,::1,203.0.113.7"], "203.0.113.7"),
            (&["not an address, 203.0.113.7"], "203.0.113.7"),
            (&["198.51.100.1", "203.0.113.7:50123"], "203.0.113.7"),
            (&["[2001:db8:1:2:3:4:5:6]:50123"], "2001:db8:1:2::"),
            (&["[2001:db8:1:2:3:4:5:6]"], "2001:db8:1:2::"),
            (&["2001:db8:1:2:ffff::1"], "2001:db8:1:2::"),
            (&["[::ffff:203.0.113.7]:50123"], "203.0.113.7"),
            (&["::ffff:203.0.113.7"], "203.0.113.7"),
            // The front end appends nothing of this kind.
            (&[], front_end),
            (&[""], front_end),
            (&["203.0.113.7,"], front_end),
            (&["203.0.113.7, unknown"], front_end),
            (&["203.0.113.7:99999"], front_end),
            (&["203.0.113.7", ""], front_end),
            (&["203.0.113.7", "\u{e9}"], front_end),
            (&["[203.0.113.7"], front_end),
        ] {
            assert_eq!(
                find(true, forwarded, front_end).as_deref(),
                Some(client),
                "{forwarded:?}"
            );
        }
    }

    #[test]
    fn behind_a_front_end_on_this_machine_it_has_no_limits() {
        for forwarded in ["127.0.0.1", "203.0.113.7, 127.0.0.1:50123", "[::1]:50123"] {
            assert_eq!(find(true, &[forwarded], "169.254.1.1"), None, "{forwarded}");
        }
        assert_eq!(find(true, &[], "127.0.0.1"), None);
    }

    #[test]
    fn elsewhere_the_client_is_the_peer_and_this_machine_has_no_limits() {
        for (peer, client) in [
            ("203.0.113.7", Some("203.0.113.7")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("127.0.0.1", None),
            ("127.1.2.3", None),
            ("::ffff:127.0.0.1", None),
            ("::1", None),
        ] {
            for forwarded in [&[][..], &["127.0.0.1"], &["198.51.100.1"]] {
                assert_eq!(find(false, forwarded, peer).as_deref(), client, "{peer} {forwarded:?}");
            }
        }
        assert_eq!(Client::find(true, &HeaderMap::new(), None), None);
    }

    #[test]
    fn only_a_request_without_a_proxy_is_from_this_machine() {
        let none = HeaderMap::new();
        for (peer, expected) in [
            ("127.0.0.1:1", true),
            ("127.1.2.3:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("169.254.130.1:1", false),
            ("10.0.0.1:1", false),
            ("203.0.113.9:1", false),
            ("[2001:db8::1]:1", false),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(is_from_this_machine(peer.parse().unwrap(), &none), expected, "{peer}");
        }
        for name in PROXY_HEADERS {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("127.0.0.1"))]);
            assert!(
                !is_from_this_machine("127.0.0.1:1".parse().unwrap(), &headers),
                "{name}"
            );
        }
    }
}
