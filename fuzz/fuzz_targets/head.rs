//! Any head of a request is refused, or means to hyper's parser what it means to the site: it ends at the same byte, for
//! one host, with one length. Where it is cut into pieces does not matter.
//!
//! The first two bytes of an input say where.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restaurant_review::connections::RefusedHead;
use restaurant_review::connections::head::{BodyLength, check, end};

fuzz_target!(|input: &[u8]| {
    let Some((&[high, low], bytes)) = input.split_first_chunk() else {
        return;
    };
    // Empty lines before a head are skipped.
    let mut bytes = bytes;
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let whole = verdict(bytes, bytes.len());
    let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
    assert_eq!(whole, verdict(bytes, at));
    if let Ok(Some((end, body))) = whole {
        assert_same_meaning(bytes, end, body);
    }
});

/// The end of the head, and what follows it, when the first bytes arrive before the others.
fn verdict(bytes: &[u8], first: usize) -> Result<Option<(usize, BodyLength)>, RefusedHead> {
    let found = match end(&bytes[..first], 0)? {
        None => end(bytes, first)?,
        found => found,
    };
    found.map(|end| Ok((end, check(&bytes[..end])?))).transpose()
}

fn assert_same_meaning(bytes: &[u8], end: usize, body: BodyLength) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = match request.parse(bytes) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) => panic!("hyper would wait for more"),
        Err(error) => panic!("hyper would refuse it without a page: {error}"),
    };
    assert_eq!(parsed, end);
    let all = |name: &str| -> Vec<&[u8]> {
        let headers = request.headers.iter();
        headers
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
            .collect()
    };
    assert!(request.version == Some(0) || all("host").len() == 1);
    assert!(all("host").len() <= 1);
    match (&all("content-length")[..], &all("transfer-encoding")[..], body) {
        ([], [], BodyLength::Exactly(0)) => {}
        ([length], [], BodyLength::Exactly(bytes)) => {
            let length = std::str::from_utf8(length)
                .ok()
                .and_then(|length| length.trim().parse().ok());
            assert_eq!(length, Some(bytes));
        }
        ([], [coding], BodyLength::Chunked) => assert!(coding.trim_ascii().eq_ignore_ascii_case(b"chunked")),
        unclear => panic!("{unclear:?}"),
    }
}
