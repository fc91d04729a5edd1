//! Refuses requests that a browser or a proxy was made to send.
//!
//! A web page whose own host name suddenly resolves to this machine ("DNS rebinding") may read what it answers. The
//! page's requests name that host, so an endpoint that answers only to its own hosts is safe.

use axum::Json;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::host::without_port;
use crate::network::identity_addresses;
use crate::server::LOOPBACK;

/// Layer: answers only requests to the endpoints' own hosts, which no proxy has forwarded.
pub async fn only_direct(request: Request, next: Next) -> Response {
    let refusal = if !is_own_host(request.uri(), request.headers()) {
        "The Host header is missing or names another host."
    } else if request.headers().contains_key("x-forwarded-for") {
        "X-Forwarded-For header is not allowed"
    } else {
        return next.run(request).await;
    };
    let answer = json!({"error": "invalid_request", "error_description": refusal});
    (StatusCode::BAD_REQUEST, Json(answer)).into_response()
}

fn is_own_host(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (uri.authority().map(Authority::as_str), hosts.next(), hosts.next()) {
        // The target's own host, if it has one, replaces the header: RFC 9112, section 3.2.2.
        (Some(host), _, None) => host,
        (None, Some(host), None) => host.to_str().unwrap_or_default(),
        _ => return false,
    };
    let host = without_port(host);
    host.eq_ignore_ascii_case("localhost")
        || host == "::1"
        || host == LOOPBACK
        || identity_addresses().iter().any(|address| host == address.to_string())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_own(target: &str, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        is_own_host(&target.parse().unwrap(), &headers)
    }

    #[test]
    fn only_own_hosts_are_answered() {
        for host in [
            "localhost",
            "LocalHost:7445",
            "127.0.0.1",
            "127.0.0.1:7445",
            "[::1]:7445",
            "169.254.169.254",
            "169.254.129.2:8081",
        ] {
            assert!(is_own("/msi/token", &[host]), "{host}");
            assert!(
                is_own(&format!("http://{host}/msi/token"), &["attacker.example"]),
                "{host}"
            );
        }
        for host in [
            "",
            "attacker.example",
            "attacker.example:7445",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example:7445",
            "169.254.169.254.nip.io",
            "metadata",
            "10.0.0.1",
            "127.0.0.2",
            "localhost@attacker.example",
            "[::1].attacker.example",
            "é",
        ] {
            assert!(!is_own("/msi/token", &[host]), "{host}");
        }
        assert!(!is_own("/msi/token", &[]));
        assert!(!is_own("/msi/token", &["localhost", "localhost"]));
        assert!(!is_own("http://attacker.example/msi/token", &["localhost"]));
    }
}
