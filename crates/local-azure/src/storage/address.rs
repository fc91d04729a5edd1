//! The account, container and blob that a request addresses, and its query.

use std::net::Ipv4Addr;

use url::form_urlencoded;

use crate::host::without_port;

/// The resource that a URL addresses. A URL must be parsed exactly as Azurite parses it: otherwise a request could be
/// permitted for one container and carried out in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobAddress {
    /// The account.
    pub account: String,
    /// The container, unless the URL is that of the account.
    pub container: Option<String>,
    /// The blob, unless the URL is that of the container.
    pub blob: Option<String>,
}

/// The part of a URL that contains the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressStyle {
    /// The first label of the host name, as on Azure: `<account>.blob.core.windows.net`.
    Host,
    /// The first part of the path, because the host is an IP address or a name without dots.
    Path,
    /// Unknown: Azurite would take the account from a host name that is not Azure's.
    Unclear,
}

impl AddressStyle {
    /// The style of a URL with this value of `Host`.
    #[must_use]
    pub fn of(host: &str) -> Self {
        let host = without_port(host);
        if host.split('.').nth(1) == Some("blob") {
            Self::Host
        } else if host.parse::<Ipv4Addr>().is_ok() || !host.contains('.') {
            Self::Path
        } else {
            Self::Unclear
        }
    }
}

impl BlobAddress {
    /// Parses a URL. Returns `None` if the path is not percent-encoded UTF-8.
    #[must_use]
    pub fn parse(host: &str, path: &str) -> Option<Self> {
        let path = decode(path)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (account, rest) = match AddressStyle::of(host) {
            AddressStyle::Host => (without_port(host).split('.').next().unwrap_or_default(), path),
            AddressStyle::Path | AddressStyle::Unclear => path.split_once('/').unwrap_or((path, "")),
        };
        let (container, blob) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        Some(Self {
            account: account.to_owned(),
            container: named(container),
            blob: named(blob),
        })
    }
}

/// Decodes a string as JavaScript's `decodeURIComponent` does.
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

/// The parameters of a query.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

/// The maximum number of parameters, which is more than any operation has.
const PARAMETER_LIMIT: usize = 100;

impl Query {
    /// Parses a query. Returns `None` if Azurite could read it differently: if a name occurs twice, or contains brackets,
    /// which Node.js parses as lists and objects; or if what is signed of it (`name:value` in each line) could be that of
    /// another query.
    #[must_use]
    pub fn parse(query: &str) -> Option<Self> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_ambiguous = name.contains(['[', ']', ':', '\n']) || value.contains('\n');
            if parsed.has(&name) || is_ambiguous || parsed.0.len() == PARAMETER_LIMIT {
                return None;
            }
            parsed.0.push((name.into_owned(), value.into_owned()));
        }
        Some(parsed)
    }

    /// The value of a parameter, or an empty string if it is missing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether it has this parameter.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_as_azurite_does() {
        for (host, path, account, container, blob) in [
            ("127.0.0.1:1", "/a/c/b/d", "a", Some("c"), Some("b/d")),
            ("127.0.0.1", "/a/c/", "a", Some("c"), None),
            ("localhost:1", "/a", "a", None, None),
            ("localhost", "/a%2Fc%2Fb%20%C3%BC+", "a", Some("c"), Some("b ü+")),
            ("127.0.0.1", "/a/c/../d//e", "a", Some("c"), Some("../d//e")),
            ("127.0.0.1", "//a/c/b", "", Some("a"), Some("c/b")),
            ("a.blob.core.windows.net:1", "/c/b/d", "a", Some("c"), Some("b/d")),
            ("example.com", "/a/c/b", "a", Some("c"), Some("b")),
            ("127.0.0.1", "/a//b", "a", None, Some("b")),
            ("a.blob.localhost", "/", "a", None, None),
        ] {
            let address = BlobAddress::parse(host, path).unwrap();
            let read = (
                address.account.as_str(),
                address.container.as_deref(),
                address.blob.as_deref(),
            );
            assert_eq!(read, (account, container, blob), "{host} {path}");
        }
        for path in ["/a/%", "/a/%f", "/a/%zz", "/a/%ff"] {
            assert_eq!(BlobAddress::parse("localhost", path), None, "{path}");
        }
    }

    #[test]
    fn an_ambiguous_query_is_rejected() {
        let query = Query::parse("restype=container&comp=li%73t&a=b+c").unwrap();
        assert_eq!((query.get("comp"), query.get("a"), query.get("b")), ("list", "b c", ""));
        assert!(query.has("a") && !query.has("b"));
        let many: Vec<_> = (0..=PARAMETER_LIMIT).map(|index| format!("p{index}")).collect();
        for query in [
            "comp=list&comp=acl",
            "comp=list&%63omp=acl",
            "comp[]=acl",
            "comp%5B0%5D=acl",
            "comp=acl%0Arestype:container",
            "comp%0Arestype=container",
            "comp:acl=",
            "comp%3Aacl=",
            &many.join("&"),
        ] {
            assert!(Query::parse(query).is_none(), "{query}");
        }
    }
}
