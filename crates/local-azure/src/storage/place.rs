//! Which account, container and blob a request is about, and what its query asks for.

use std::net::Ipv4Addr;

use url::form_urlencoded;

/// What an address names. Azurite reads addresses in the same way; were there a difference, a request could be
/// permitted in one container and carried out in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) container: Option<String>,
    pub(super) blob: Option<String>,
}

/// Where an address has its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// In the first label of the host name, as in Azure: `<account>.blob.core.windows.net`.
    Host,
    /// In the first part of the path: the host is an IP address or a name without dots.
    Path,
    /// It is a host name that says nothing, and that Azurite would take an account's name from.
    Unclear,
}

impl Style {
    pub(super) fn of(host: &str) -> Self {
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

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

impl Place {
    /// `None` for a path that is not percent-encoded UTF-8.
    pub(super) fn read(host: &str, path: &str) -> Option<Self> {
        let path = decode(path)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (account, rest) = match Style::of(host) {
            Style::Host => (without_port(host).split('.').next().unwrap_or_default(), path),
            Style::Path | Style::Unclear => path.split_once('/').unwrap_or((path, "")),
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

/// What `decodeURIComponent` of JavaScript makes of it.
pub(super) fn decode(text: &str) -> Option<String> {
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
pub(super) struct Query(Vec<(String, String)>);

/// More parameters than any operation has.
const MOST_PARAMETERS: usize = 100;

impl Query {
    /// `None` for a query that two readers could read in two ways: the same name twice, or a name with brackets, which
    /// Node.js makes lists and objects of.
    pub(super) fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if read.has(&name) || name.contains(['[', ']']) || read.0.len() == MOST_PARAMETERS {
                return None;
            }
            read.0.push((name.into_owned(), value.into_owned()));
        }
        Some(read)
    }

    /// The value of that parameter; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(there, _)| there == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(there, _)| there == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_azurite_reads_them() {
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
            let place = Place::read(host, path).unwrap();
            let read = (
                place.account.as_str(),
                place.container.as_deref(),
                place.blob.as_deref(),
            );
            assert_eq!(read, (account, container, blob), "{host} {path}");
        }
        for path in ["/a/%", "/a/%f", "/a/%zz", "/a/%ff"] {
            assert_eq!(Place::read("localhost", path), None, "{path}");
        }
    }

    #[test]
    fn a_query_that_can_be_read_in_two_ways_is_not_read() {
        let query = Query::read("restype=container&comp=li%73t&a=b+c").unwrap();
        assert_eq!((query.get("comp"), query.get("a"), query.get("b")), ("list", "b c", ""));
        assert!(query.has("a") && !query.has("b"));
        let many: Vec<_> = (0..=MOST_PARAMETERS).map(|index| format!("p{index}")).collect();
        for query in [
            "comp=list&comp=acl",
            "comp=list&%63omp=acl",
            "comp[]=acl",
            "comp%5B0%5D=acl",
            &many.join("&"),
        ] {
            assert!(Query::read(query).is_none(), "{query}");
        }
    }
}
