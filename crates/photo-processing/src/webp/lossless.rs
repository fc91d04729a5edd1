//! Lossless pictures.

use image::RgbImage;
use moxcms::ColorProfile;

use super::canvas::Canvas;
use super::container::{Container, little_endian};
use super::vp8l;
use crate::PhotoError;
use crate::alpha::OnWhite;

/// What a coded picture begins with, and the bytes of its header.
const SIGNATURE: u8 = 0x2F;
const HEADER: usize = 5;

/// Decodes the picture, on white where it is transparent. `profile` is that of the pixels.
pub(super) fn decode(
    container: &Container,
    coded: &[u8],
    profile: Option<&ColorProfile>,
) -> Result<RgbImage, PhotoError> {
    let frame = &container.frame;
    let (header, coded) = coded.split_at_checked(HEADER).ok_or(PhotoError::Damaged)?;
    let version = little_endian(&header[1..]) >> 29;
    if header[0] != SIGNATURE || version != 0 {
        return Err(PhotoError::Damaged);
    }
    let mut on_white = OnWhite::new(profile);
    let mut canvas = Canvas::new(container);
    let mut rgba = Vec::new();
    vp8l::decode(coded, frame.width, frame.height, |row| {
        let samples = row.iter().map(|pixel| {
            let [blue, green, red, alpha] = pixel.to_le_bytes();
            [red, green, blue, alpha]
        });
        canvas.add(|pixels| {
            if frame.transparency.is_some() {
                rgba.clear();
                rgba.extend(samples);
                on_white.row(&rgba, pixels);
            } else {
                pixels.extend(samples.map(|[red, green, blue, _]| [red, green, blue]));
            }
        });
    })?;
    Ok(canvas.finish())
}
