//! Any values of the headers that the site itself reads: cookies, what a browser has and accepts, and the address of the
//! client.
//!
//! An input has one header in each line. Its first character says which one.

#![no_main]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use axum::http::header::{ACCEPT_ENCODING, COOKIE, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum_extra::extract::CookieJar;
use libfuzzer_sys::fuzz_target;
use restaurant_review::config::Config;
use restaurant_review::web::{Client, FrontEnd, Notice, accepts_gzip, has_etag};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const ETAG: &[u8] = b"W/\"a\"";
/// App Service's front end.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 1, 1)), 40_000);

/// A proxy on this machine.
const LOCAL_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40_000);

static DEVELOPMENT: LazyLock<Config> = LazyLock::new(|| Config::for_test(PathBuf::new()));
static PRODUCTION: LazyLock<Config> = LazyLock::new(|| {
    let mut config = DEVELOPMENT.clone();
    config.website_hostname = Some("example.azurewebsites.net".to_owned());
    config
});

fuzz_target!(|input: &[u8]| {
    let mut headers = HeaderMap::new();
    for (name, value) in input.split(|byte| *byte == b'\n').filter_map(header) {
        headers.append(name, value);
    }
    let has = |name: &HeaderName, text: &[u8]| {
        let contains = |value: &HeaderValue| {
            value
                .as_bytes()
                .windows(text.len())
                .any(|part| part.eq_ignore_ascii_case(text))
        };
        headers.get_all(name).iter().any(contains)
    };

    let cookies = CookieJar::from_headers(&headers);
    for (config, prefix) in [(&*DEVELOPMENT, ""), (&*PRODUCTION, "__Host-")] {
        if let Some(notice) = Notice::from_cookies(config, &cookies) {
            assert!(Notice::wants_fresh_page(&headers));
            assert!(
                has(&COOKIE, format!("{prefix}notice").as_bytes()),
                "{notice:?} was not sent"
            );
        }
    }
    let names: [&[u8]; 4] = [b"notice", b"fresh", b"writer-", b"gone-"];
    assert!(!Notice::wants_fresh_page(&headers) || names.iter().any(|name| has(&COOKIE, name)));
    assert!(!accepts_gzip(&headers) || has(&ACCEPT_ENCODING, b"gzip"));
    assert!(!has_etag(&headers, ETAG) || has(&IF_NONE_MATCH, b"\"a\"") || has(&IF_NONE_MATCH, b"*"));

    // Only the last address counts: a client can send the others.
    for (front_end, peer) in [(FrontEnd::AppService, PEER), (FrontEnd::LocalProxy, LOCAL_PEER)] {
        let client = Client::find(front_end, &headers, Some(peer));
        assert_eq!(client, Client::find(front_end, &forged(&headers), Some(peer)));
    }
    assert_eq!(
        Client::find(FrontEnd::None, &headers, Some(PEER)),
        Client::find(FrontEnd::None, &HeaderMap::new(), Some(PEER))
    );
});

/// The headers with addresses that a client has sent, before each other one.
fn forged(headers: &HeaderMap) -> HeaderMap {
    let mut forged = HeaderMap::new();
    for value in headers.get_all(FORWARDED_FOR) {
        let value = [b"\xff, 203.0.113.7, ::1,", value.as_bytes()].concat();
        forged.append(
            FORWARDED_FOR,
            HeaderValue::from_bytes(&value).expect("it was one before"),
        );
    }
    forged
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let (first, value) = line.split_first()?;
    let name = match first {
        b'c' => COOKIE,
        b'e' => ACCEPT_ENCODING,
        b'm' => IF_NONE_MATCH,
        b'f' => FORWARDED_FOR,
        _ => return None,
    };
    Some((name, HeaderValue::from_bytes(value).ok()?))
}
