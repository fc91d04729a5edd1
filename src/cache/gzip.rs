//! A compressed page with a gap.
//!
//! A gzip file (RFC 1952) is a header, blocks of DEFLATE (RFC 1951), a checksum and a length. What stands before
//! the form's id and what follows it are compressed once; the id goes between them as a block that is not
//! compressed, and the checksum is put together from those of the three parts.

use axum::body::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Fixed header: DEFLATE, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Compresses pages once for many visitors, so it may take its time: 2 ms for the longest.
const LEVEL: u32 = 9;

#[derive(Debug)]
pub(super) struct Gzip {
    /// The whole file, or header and blocks of what stands before the gap.
    head: Bytes,
    gap: Option<Gap>,
}

/// What is needed to fill the gap.
#[derive(Debug)]
struct Gap {
    before: Hasher,
    /// Blocks of what follows.
    tail: Bytes,
    after: Hasher,
    /// Bytes of the page without the form's id.
    length: usize,
}

impl Gzip {
    pub(super) fn new(before: &[u8], after: Option<&[u8]>) -> Self {
        let mut head = HEADER.to_vec();
        let Some(after) = after else {
            head.extend(deflated(before, FlushCompress::Finish));
            end(&mut head, checksum(before), before.len());
            return Self {
                head: head.into(),
                gap: None,
            };
        };
        // Flushed in full: the next block begins with a whole byte, and what follows the gap refers to nothing
        // before it.
        head.extend(deflated(before, FlushCompress::Full));
        Self {
            head: head.into(),
            gap: Some(Gap {
                before: checksum(before),
                tail: deflated(after, FlushCompress::Finish).into(),
                after: checksum(after),
                length: before.len() + after.len(),
            }),
        }
    }

    /// The file, with that text in the gap.
    pub(super) fn with(&self, text: &str) -> Bytes {
        let Some(gap) = &self.gap else {
            return self.head.clone();
        };
        let length = u16::try_from(text.len()).expect("an id is short");
        let mut file = Vec::with_capacity(self.head.len() + 5 + text.len() + gap.tail.len() + 8);
        file.extend_from_slice(&self.head);
        // A block that is stored as it is, and not the last one.
        file.push(0);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(text.as_bytes());
        file.extend_from_slice(&gap.tail);
        let mut sum = gap.before.clone();
        sum.combine(&checksum(text.as_bytes()));
        sum.combine(&gap.after);
        end(&mut file, sum, gap.length + text.len());
        file.into()
    }
}

fn checksum(bytes: &[u8]) -> Hasher {
    let mut sum = Hasher::new();
    sum.update(bytes);
    sum
}

/// What a gzip file ends with.
fn end(file: &mut Vec<u8>, sum: Hasher, length: usize) {
    file.extend_from_slice(&sum.finalize().to_le_bytes());
    // Modulo 2³², as the format has it; no page comes near.
    file.extend_from_slice(&u32::try_from(length).unwrap_or_default().to_le_bytes());
}

fn deflated(bytes: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
    loop {
        let done = usize::try_from(deflate.total_in()).expect("a page fits into memory");
        let status = deflate
            .compress_vec(&bytes[done..], &mut out, flush)
            .expect("memory can be compressed");
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            // Room that is left says that all was flushed.
            _ => out.len() < out.capacity(),
        };
        if is_done {
            return out;
        }
        out.reserve(out.capacity());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn unpacked(file: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).expect("a gzip file");
        text
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out(before in ".{0,3000}", after in ".{0,3000}", texts in proptest::collection::vec("[a-f0-9-]{0,40}", 1..4)) {
            let gzip = Gzip::new(before.as_bytes(), Some(after.as_bytes()));
            for text in texts {
                prop_assert_eq!(unpacked(&gzip.with(&text)), format!("{before}{text}{after}"));
            }
            prop_assert_eq!(unpacked(&Gzip::new(before.as_bytes(), None).with("")), before);
        }
    }
}
