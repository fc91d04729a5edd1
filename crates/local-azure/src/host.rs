//! The value of a `Host` header.

use std::net::Ipv6Addr;

/// Returns the host name or IP address without the port. An IPv6 address is returned without its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && is_address(address)
        && (port.is_empty() || port.starts_with(':'))
    {
        return address;
    }
    if is_address(host) {
        return host;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_removed() {
        for (host, expected) in [
            ("", ""),
            ("localhost", "localhost"),
            ("localhost:7443", "localhost"),
            ("contoso.localhost:80", "contoso.localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:7446", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:7446", "::1"),
            ("[fe80::1:2]:80", "fe80::1:2"),
            // Brackets belong to IPv6 addresses only.
            ("[account.blob.localhost]:1", "[account.blob.localhost]"),
        ] {
            assert_eq!(without_port(host), expected, "{host}");
        }
    }
}
