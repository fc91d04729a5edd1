//! Any body of a review with a photo is read within the bounds of a form. Where it is cut into pieces does not matter,
//! and what was read reads the same when it is sent again.
//!
//! The first byte of an input is the size of a piece. The boundary of the rest is `b`.

#![no_main]

#[path = "../shared/forms.rs"]
mod forms;

use axum::http::StatusCode;
use libfuzzer_sys::fuzz_target;
use restaurant_review::pages::add_review::FIELDS;

use forms::{Photo, Read, read};

/// The bytes that the headers of a part may have.
const HEADERS_MAX: usize = 16 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((piece, body)) = input.split_first() else {
        return;
    };
    let of_boundary = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
    let whole = read(&of_boundary("b"), body, 64 << 10, &FIELDS);
    let in_pieces = read(&of_boundary("b"), body, 1 + usize::from(*piece), &FIELDS);
    // The limit of a part's headers holds to the nearest piece.
    if body.len() > HEADERS_MAX && whole.refused.is_none() && in_pieces.refused == Some(StatusCode::PAYLOAD_TOO_LARGE) {
        return;
    }
    // A form that is too large or too broken keeps what has arrived until then, to the nearest piece.
    assert_eq!(
        whole.refused.is_some(),
        in_pieces.refused.is_some(),
        "{whole:?} {in_pieces:?}"
    );
    if whole.refused.is_none() {
        assert_eq!(whole, in_pieces);
        let boundary = unused_boundary(&whole);
        let again = read(&of_boundary(&boundary), &written(&whole, &boundary), 64 << 10, &FIELDS);
        // It may be longer now, so that there is no room for the photo: bytes that are not UTF-8 have become characters of
        // three bytes.
        if again.refused.is_none() && whole.photo != Photo::Refused && again.photo != Photo::Refused {
            assert_eq!(whole, again);
        }
    }
});

/// A boundary that no field contains.
fn unused_boundary(form: &Read) -> String {
    let photo = match &form.photo {
        Photo::Bytes(bytes) => &bytes[..],
        _ => b"",
    };
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let is_unused = |boundary: &String| {
        !contains(photo, boundary) && !form.texts.iter().any(|text| text.contains(boundary.as_str()))
    };
    (0..)
        .map(|number| format!("again{number}"))
        .find(is_unused)
        .expect("there are more than bytes")
}

/// The form as a browser sends it.
fn written(form: &Read, boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    let mut add = |header: String, content: &[u8]| {
        let start = format!("--{boundary}\r\nContent-Disposition: form-data; {header}\r\n\r\n");
        body.extend_from_slice(start.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    for (name, text) in FIELDS.texts.iter().zip(&form.texts) {
        add(format!("name=\"{name}\""), text.as_bytes());
    }
    let photo = FIELDS.photo.expect("a review has a photo");
    let file = |name: &str| format!("name=\"{photo}\"; filename=\"{name}\"\r\nContent-Type: image/png");
    match &form.photo {
        Photo::None | Photo::Refused => add(file(""), b""),
        Photo::Empty => add(file("a.png"), b""),
        Photo::Bytes(bytes) => add(file("a.png"), bytes),
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}
