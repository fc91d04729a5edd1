//! Decodes the pixels of lossless WebP (RFC 9649, section 3) row by row.
//!
//! `image-webp` decodes them too, but into a buffer of the whole picture, and it builds as many tables of codes as a file
//! asks for: 1.3 GB for one of 10 MiB. It has no limit that could be set, and how many tables there are is only known
//! when most of the format has been read.

mod bits;
mod codes;
mod pixels;
mod predictor;
mod transforms;

use bits::Bits;
use pixels::Pixels;
use transforms::Transforms;

use crate::PhotoError;

/// Decodes a picture of this size, and hands on each row: alpha, red, green and blue, from the highest byte down.
pub(super) fn decode(coded: &[u8], width: u32, height: u32, mut row: impl FnMut(&[u32])) -> Result<(), PhotoError> {
    let bits = &mut Bits::new(coded);
    let mut transforms = Transforms::read(bits, width, height)?;
    let pixels = Pixels::of_picture(bits, transforms.coded_width(), height)?;
    pixels.read(bits, |coded| row(transforms.undo(coded)))
}
