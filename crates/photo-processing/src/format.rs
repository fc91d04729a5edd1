//! Detects what a file is from its first bytes. Its name and its declared type do not matter.
//!
//! The formats are in `static/photo-formats.json`, which the page's script reads too: a visitor gets the same message
//! before the upload as after it. A file is of the first format that fits. A format fits by one of these:
//!
//! - `starts`: how its bytes start. Each character is a byte (U+0089 is 0x89); `?` is any byte.
//! - `brands`: the brands of an ISO base media file, the container of HEIC, AVIF and MP4.
//! - `markup`: the first tag after byte order mark, white space, XML declaration and comments, in lower case.
//! - `text`: UTF-8 without control characters.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::PhotoError;

/// How many bytes of a file are examined.
const HEAD: usize = 4096;

/// A format that this crate decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Png,
    Jpeg,
    WebP,
}

/// An entry of `static/photo-formats.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// What it is, if this crate decodes it.
    format: Option<Format>,
    /// Otherwise, what to tell the visitor.
    #[serde(default)]
    message: String,
    #[serde(default)]
    starts: Vec<String>,
    #[serde(default)]
    brands: Vec<String>,
    #[serde(default)]
    markup: Vec<String>,
    #[serde(default)]
    text: bool,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let json = include_str!("../../../static/photo-formats.json");
    serde_json::from_str(json).expect("the file is valid")
});

/// The format of this file, or what is wrong with it.
pub(crate) fn supported_format(sent: &[u8]) -> Result<Format, PhotoError> {
    let head = &sent[..sent.len().min(HEAD)];
    let known = KNOWN.iter().find(|known| known.fits(head));
    let known = known.expect("the last entry fits every file");
    known.format.ok_or(PhotoError::OtherFormat(&known.message))
}

impl Known {
    fn fits(&self, head: &[u8]) -> bool {
        self.starts.iter().any(|pattern| starts_with(head, pattern))
            || brands(head).any(|brand| self.brands.iter().any(|known| known.as_bytes() == brand))
            || self.markup.iter().any(|tag| starts_with_tag(head, tag))
            || (self.text && is_text(head))
    }
}

fn starts_with(head: &[u8], pattern: &str) -> bool {
    let mut bytes = head.iter();
    let fits = |expected: char, byte: u8| expected == '?' || expected == char::from(byte);
    pattern
        .chars()
        .all(|expected| bytes.next().is_some_and(|&byte| fits(expected, byte)))
}

/// The brands in the first box, `ftyp`: the major brand, and after its version the compatible ones (ISO/IEC 14496-12).
fn brands(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let size = head.first_chunk().map_or(0, |size| u32::from_be_bytes(*size) as usize);
    let content = match head.get(..size.min(head.len())) {
        Some([_, _, _, _, b'f', b't', b'y', b'p', content @ ..]) => content,
        _ => &[],
    };
    content.chunks_exact(4)
}

fn starts_with_tag(head: &[u8], tag: &str) -> bool {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    loop {
        rest = rest.trim_ascii_start();
        let (content, end) = match rest {
            [b'<', b'?', content @ ..] => (content, b"?>".as_slice()),
            [b'<', b'!', b'-', b'-', content @ ..] => (content, b"-->".as_slice()),
            _ => break,
        };
        let Some(found) = content.windows(end.len()).position(|window| window == end) else {
            return false;
        };
        rest = &content[found + end.len()..];
    }
    rest.get(..tag.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
}

fn is_text(head: &[u8]) -> bool {
    let is_utf8 = match str::from_utf8(head) {
        Ok(_) => true,
        // The head may end within a character.
        Err(error) => error.error_len().is_none() && head.len() == HEAD,
    };
    let is_control = |byte: &u8| *byte < b' ' && !byte.is_ascii_whitespace();
    is_utf8 && !head.is_empty() && !head.iter().any(is_control)
}
