//! The segments of a JPEG file (ITU-T T.81, annex B): each is a marker, a length and its content.

/// A segment, or a marker without one.
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) content: &'a [u8],
}

pub(super) const END: u8 = 0xD9;
pub(super) const SCAN: u8 = 0xDA;

/// Reads a file from segment to segment.
pub(super) struct Segments<'a> {
    file: &'a [u8],
    position: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, position: 0 }
    }

    /// The next whole segment, or the end marker. `None` at the end of the file. Bytes between two segments are skipped,
    /// as browsers do.
    pub(super) fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let (&[first, marker], rest) = self.rest().split_first_chunk()?;
            match (first, marker) {
                // Also markers without a segment: the start of the image, and restarts after the end of a scan.
                (..=0xFE, _) | (_, 0x00 | 0x01 | 0xD0..=0xD8 | 0xFF) => self.position += 1,
                (_, END) => return Some(Segment { marker, content: &[] }),
                _ => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
                    let content = rest.get(2..length)?;
                    self.position += 2 + length;
                    return Some(Segment { marker, content });
                }
            }
        }
    }

    /// What follows the segment.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.file[self.position..]
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.position += bytes;
    }
}
