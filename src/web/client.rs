//! Which client sent a request: the address that limits count.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use url::Host;

use crate::config::Config;

/// The last address in it is the one that the front end appended. A client can send the others.
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

/// Whether a request with these headers, over a connection from this address, comes from this machine and not through a
/// proxy on it. (A proxy may add no header at all; then `PUBLIC_URL` says that it is there.) Another site can point a name
/// of its own at 127.0.0.1 and have a browser on this machine send the request, so the host must be local, too.
#[must_use]
pub fn is_from_this_machine(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback()
        && !PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
        && headers.get(HOST).is_some_and(|host| is_local_name(host.as_bytes()))
}

/// Whether this is a name or an address of this machine alone, with or without a port.
fn is_local_name(host: &[u8]) -> bool {
    let name = Authority::try_from(host).ok().map(|host| Host::parse(host.host()));
    match name {
        Some(Ok(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Some(Ok(Host::Ipv4(address))) => address.is_loopback(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

/// What lies before the site and says which client sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    /// Nothing.
    None,
    /// A reverse proxy on this machine. It has to send the header, or all visitors count as one client.
    LocalProxy,
    /// App Service's.
    AppService,
}

impl FrontEnd {
    /// The one of this configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        if config.is_production() {
            Self::AppService
        } else if config.is_behind_local_proxy() {
            Self::LocalProxy
        } else {
            Self::None
        }
    }

    /// Whether a connection from this address comes from it.
    fn is_at(self, peer: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::LocalProxy => peer.to_canonical().is_loopback(),
            Self::AppService => true,
        }
    }
}

/// A client, by its address. The addresses of an IPv6 network (/64) are one client: each of its devices may choose any
/// of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The one with this address.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            address @ IpAddr::V4(_) => address,
        })
    }

    /// The client of a request with these headers, over a connection from this address. `None` if limits do not apply:
    /// to this machine without a proxy on it (App Service's front end has no such client, but Local Azure's has), and to
    /// a router without a server, as in tests.
    #[must_use]
    pub fn find(front_end: FrontEnd, headers: &HeaderMap, peer: Option<SocketAddr>) -> Option<Self> {
        let peer = peer?.ip();
        // On App Service, a request without the header is the platform's own.
        let forwarded = front_end.is_at(peer).then(|| forwarded(headers)).flatten();
        let address = forwarded.unwrap_or(peer).to_canonical();
        // A proxy may name none, or another proxy on this machine.
        let is_limited = front_end == FrontEnd::LocalProxy || !address.is_loopback();
        is_limited.then(|| Self::new(address))
    }
}

/// Puts the [`Client`] of a request into its extensions, if limits apply to it.
pub async fn identify_client(State(front_end): State<FrontEnd>, mut request: Request) -> Request {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(address)| *address);
    if let Some(client) = Client::find(front_end, request.headers(), peer) {
        request.extensions_mut().insert(client);
    }
    request
}

/// The last address of the last header.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    // What precedes it is the client's own, and may be anything.
    let last = last.as_bytes().rsplit(|byte| *byte == b',').next()?;
    let last = str::from_utf8(last).ok()?.trim();
    // With a port, an IPv6 address has brackets.
    let bare = last.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(last).parse().ok();
    address.or_else(|| Some(last.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn find(front_end: FrontEnd, forwarded: &[&str], peer: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 40_000);
        let client = Client::find(front_end, &headers, Some(peer));
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
            (&["\u{e9}, 203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7", ""], front_end),
            (&["203.0.113.7", "\u{e9}"], front_end),
            (&["[203.0.113.7"], front_end),
        ] {
            assert_eq!(
                find(FrontEnd::AppService, forwarded, front_end).as_deref(),
                Some(client),
                "{forwarded:?}"
            );
        }
    }

    #[test]
    fn behind_a_front_end_on_this_machine_it_has_no_limits() {
        for forwarded in ["127.0.0.1", "203.0.113.7, 127.0.0.1:50123", "[::1]:50123"] {
            assert_eq!(
                find(FrontEnd::AppService, &[forwarded], "169.254.1.1"),
                None,
                "{forwarded}"
            );
        }
        assert_eq!(find(FrontEnd::AppService, &[], "127.0.0.1"), None);
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
                assert_eq!(
                    find(FrontEnd::None, forwarded, peer).as_deref(),
                    client,
                    "{peer} {forwarded:?}"
                );
            }
        }
        assert_eq!(Client::find(FrontEnd::AppService, &HeaderMap::new(), None), None);
    }

    #[test]
    fn a_proxy_on_this_machine_says_who_the_client_is() {
        for (peer, forwarded, client) in [
            ("127.0.0.1", &["203.0.113.7"][..], Some("203.0.113.7")),
            ("::1", &["198.51.100.1, 203.0.113.7"], Some("203.0.113.7")),
            ("127.0.0.1", &["\u{e9}, 203.0.113.7"], Some("203.0.113.7")),
            // All whom it does not name are one client.
            ("127.0.0.1", &[], Some("127.0.0.1")),
            ("127.0.0.1", &["203.0.113.7, unknown"], Some("127.0.0.1")),
            ("127.0.0.1", &["203.0.113.7, 127.0.0.1"], Some("127.0.0.1")),
            // Another machine may not say so.
            ("198.51.100.9", &["203.0.113.7"], Some("198.51.100.9")),
        ] {
            let found = find(FrontEnd::LocalProxy, forwarded, peer);
            assert_eq!(found.as_deref(), client, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn only_a_request_without_a_proxy_is_from_this_machine() {
        let local = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost:8000"))]);
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
            assert_eq!(is_from_this_machine(peer.parse().unwrap(), &local), expected, "{peer}");
        }
        let here = "127.0.0.1:1".parse().unwrap();
        for name in PROXY_HEADERS {
            let mut headers = local.clone();
            headers.insert(name, HeaderValue::from_static("127.0.0.1"));
            assert!(!is_from_this_machine(here, &headers), "{name}");
        }
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:80", true),
            ("app.localhost:8000", true),
            ("127.0.0.1:8000", true),
            ("127.9.9.9", true),
            ("[::1]:8000", true),
            ("reviews.contoso.com", false),
            ("localhost.contoso.com", false),
            ("127.0.0.1.contoso.com", false),
            ("notlocalhost", false),
            ("10.0.0.1", false),
            ("0.0.0.0:8000", false),
            ("[2001:db8::1]", false),
            ("[::1", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert_eq!(is_from_this_machine(here, &headers), expected, "{host}");
        }
        assert!(!is_from_this_machine(here, &HeaderMap::new()));
    }
}
