//! JPEG files (ITU-T T.81): sequential and progressive, with Huffman codes and 8 bits per sample.
//!
//! This decoder differs from others in two ways. It refuses a file that lacks a part of its picture, where others fill
//! the gap with grey. And it decodes at the fraction of the size that a stored photo needs, so that its memory does not
//! grow with the picture (docs/photos.md has both in numbers).

// Numbers of pixels and coefficients are small, and the format defines how larger ones wrap.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod bits;
mod dct;
mod frame;
mod metadata;
mod planes;
mod progressive;
mod scan;
mod segments;
mod sequential;
mod tables;

use frame::Frame;
use metadata::Metadata;
use progressive::Progressive;
use scan::Scan;
use segments::Segments;
use sequential::Sequential;
use tables::Tables;

use crate::PhotoError;
use crate::decoded::{Decoded, Samples};

/// Decodes a JPEG file, at the size of a stored photo.
pub(crate) fn decode(file: &[u8]) -> Result<Decoded, PhotoError> {
    let mut segments = Segments::new(file);
    let mut tables = Tables::default();
    let mut metadata = Metadata::default();
    let mut picture = None;
    let mut has_end = false;
    while let Some(segment) = segments.next() {
        match segment.marker {
            segments::END => {
                has_end = true;
                break;
            }
            // Baseline, extended and progressive.
            0xC0..=0xC2 if picture.is_some() => return Err(PhotoError::Damaged),
            0xC0..=0xC2 => picture = Some(Picture::new(Frame::parse(segment.content, segment.marker == 0xC2)?)),
            0xC4 => tables.define_huffman(segment.content)?,
            // Lossless, hierarchical, or with arithmetic coding.
            0xC3..=0xCF => return Err(PhotoError::UnsupportedJpeg),
            0xDB => tables.define_quantisation(segment.content)?,
            0xDD => tables.define_restarts(segment.content)?,
            segments::SCAN => {
                let picture = picture.as_mut().ok_or(PhotoError::Damaged)?;
                let bytes = picture.read_scan(segment.content, &tables, segments.rest())?;
                segments.skip(bytes);
            }
            0xE0..=0xEF => metadata.read(&segment),
            // Comments, and what later standards define.
            _ => {}
        }
    }
    let picture = picture.ok_or(PhotoError::Damaged)?;
    Ok(Decoded {
        samples: picture.finish(&metadata, has_end)?,
        orientation: metadata.orientation(),
        profile: metadata.profile(),
    })
}

/// A picture whose scans are being read.
struct Picture {
    frame: Frame,
    scans: Scans,
}

enum Scans {
    Sequential(Sequential),
    Progressive(Progressive),
}

impl Picture {
    fn new(frame: Frame) -> Self {
        let scans = if frame.progressive {
            Scans::Progressive(Progressive::new(&frame))
        } else {
            Scans::Sequential(Sequential::new(&frame))
        };
        Self { frame, scans }
    }

    /// Reads a scan, and returns how many bytes it has.
    fn read_scan(&mut self, header: &[u8], tables: &Tables, data: &[u8]) -> Result<usize, PhotoError> {
        let scan = Scan::parse(header, &self.frame)?;
        match &mut self.scans {
            Scans::Sequential(scans) => scans.read(&self.frame, &scan, tables, data),
            Scans::Progressive(scans) => scans.read(&self.frame, &scan, tables, data),
        }
    }

    fn finish(self, metadata: &Metadata, has_end: bool) -> Result<Samples, PhotoError> {
        let Self { frame, scans } = self;
        let colours = metadata.colours(&frame);
        Ok(match scans {
            Scans::Sequential(scans) => planes::picture(&frame, scans.planes()?.into_iter(), colours),
            Scans::Progressive(scans) => planes::picture(&frame, scans.planes(&frame, has_end)?, colours),
        })
    }
}
