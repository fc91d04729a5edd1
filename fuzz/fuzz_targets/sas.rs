//! Any request to Blob Storage has one address, one query and one credential, or is refused. No two requests have the same
//! signed text, so a signature never serves for another permission; and nothing is anonymous that changes something.
//!
//! An input has the method in its first line, then the host, the path, the query, and one header in each line.

#![no_main]

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use local_azure::state::Action;
use local_azure::storage::address::{AddressStyle, BlobAddress, Query};
use local_azure::storage::credential::Credential;
use local_azure::storage::operations::{may_be_anonymous, needed};
use local_azure::storage::shared_key::signed_text;

/// The headers that are signed without their names.
const UNNAMED: usize = 11;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, host, path, query_text) = (line(), line(), line(), line());
    let Ok(method) = method.parse::<Method>() else {
        return;
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let header = line
            .split_once(':')
            .and_then(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        if let Some((name, value)) = header {
            headers.append::<HeaderName>(name, value);
        }
    }
    let (Some(address), Some(query)) = (BlobAddress::parse(host, path), Query::parse(query_text)) else {
        return;
    };
    check_address(host, &address);
    check_credential(&headers, query_text, &query);
    let is_changed = needed(&method, &address, &query, &headers).iter().any(|any_of| {
        let (Action::Control(action) | Action::Data(action)) = any_of[0];
        !action.ends_with("/read") && !action.ends_with("filter/action")
    });
    if may_be_anonymous(&method, &address, &query) && !headers.contains_key("x-ms-tags") {
        assert!(!is_changed);
    }
    check_signed_text(&method, path, query_text, &headers);
});

/// The address reads the same when each of its bytes is encoded.
fn check_address(host: &str, address: &BlobAddress) {
    let is_in_host = AddressStyle::of(host) == AddressStyle::Host;
    let mut path = String::new();
    let mut add = |part: &str| {
        path.push('/');
        part.bytes()
            .for_each(|byte| write!(path, "%{byte:02x}").expect("a string can be written to"));
    };
    if !is_in_host {
        add(&address.account);
    }
    add(address.container.as_deref().unwrap_or_default());
    add(address.blob.as_deref().unwrap_or_default());
    assert_eq!(BlobAddress::parse(host, &path).as_ref(), Some(address), "{path}");
}

fn check_credential(headers: &HeaderMap, text: &str, query: &Query) {
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        assert!(query.has(&name));
        assert_eq!(query.get(&name), value);
    }
    let authorization: Vec<&HeaderValue> = headers.get_all("authorization").iter().collect();
    match Credential::of(headers, query) {
        Ok(Credential::Token(_) | Credential::Key) => assert_eq!(authorization.len(), 1),
        Ok(Credential::KeySas) => assert!(query.has("sig") && authorization.is_empty()),
        Ok(Credential::DelegationSas { .. }) => {
            assert!(query.has("sig") && query.has("skoid") && authorization.is_empty());
            assert!(!query.has("ss") && !query.has("srt"));
        }
        Ok(Credential::None) => assert!(!query.has("sig") && authorization.is_empty()),
        Err(_) => assert!(!authorization.is_empty() || query.has("skoid")),
    }
}

/// The request can be told from the text that is signed of it.
fn check_signed_text(method: &Method, path: &str, query: &str, headers: &HeaderMap) {
    if !path.starts_with('/') {
        return;
    }
    let text = signed_text("account", method, path, query, headers);
    let mut lines = text.split('\n');
    assert_eq!(lines.next(), Some(method.as_str()));
    let mut lines = lines.skip(UNNAMED).skip_while(|line| !line.starts_with('/'));
    assert_eq!(lines.next(), Some(&*format!("/account{path}")));
    let read: Vec<_> = lines
        .map(|line| line.split_once(':').expect("a name and a value"))
        .collect();
    let mut signed: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
        .collect();
    signed.sort_unstable();
    let signed: Vec<_> = signed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(read, signed);
}
