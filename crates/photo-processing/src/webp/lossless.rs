//! Lossless pictures.

use std::io::Cursor;

use fast_image_resize::pixels::U8x4;
use image::{DynamicImage, RgbImage, Rgba, RgbaImage, imageops};
use image_webp::WebPDecoder;
use moxcms::ColorProfile;

use super::container::{Container, little_endian};
use crate::PHOTO_SIDE;
use crate::alpha::OnWhite;
use crate::scale::{fit, resize};

/// Decodes the picture, on white where it is transparent. `profile` is that of the pixels.
pub(super) fn decode(container: &Container, coded: &[u8], profile: Option<&ColorProfile>) -> Option<RgbImage> {
    let frame = &container.frame;
    let mut picture = RgbaImage::from_raw(frame.width, frame.height, rgba(coded)?)?;
    if frame.transparency.is_some() {
        let mut on_white = OnWhite::new(profile);
        let mut pixels = Vec::new();
        for row in picture.chunks_exact_mut(frame.width as usize * 4) {
            let row = row.as_chunks_mut().0;
            pixels.clear();
            on_white.row(row, &mut pixels);
            for (pixel, [red, green, blue]) in std::iter::zip(row, &pixels) {
                *pixel = [*red, *green, *blue, 255];
            }
        }
    }
    if (frame.width, frame.height) != (container.width, container.height) {
        let mut whole = RgbaImage::from_pixel(container.width, container.height, Rgba([255; 4]));
        imageops::replace(&mut whole, &picture, frame.x.into(), frame.y.into());
        picture = whole;
    }
    let (width, height) = fit(container.width, container.height, PHOTO_SIDE);
    let all = (f64::from(container.width), f64::from(container.height));
    let picture = resize::<_, U8x4>(picture, all, width, height);
    Some(DynamicImage::ImageRgba8(picture).into_rgb8())
}

/// The samples of a coded lossless picture: red, green, blue, alpha.
pub(super) fn rgba(coded: &[u8]) -> Option<Vec<u8>> {
    // The decoder reads files. It makes no copy of the picture if the picture says that it has transparent pixels.
    let length = u32::try_from(coded.len()).ok()?;
    let mut file = Vec::with_capacity(20 + coded.len() + 1);
    file.extend(b"RIFF");
    file.extend((length + length % 2 + 12).to_le_bytes());
    file.extend(b"WEBPVP8L");
    file.extend(length.to_le_bytes());
    file.extend(coded);
    file.resize(file.len() + coded.len() % 2, 0);
    let header = file.get_mut(21..25)?;
    header.copy_from_slice(&(little_endian(header) | 1 << 28).to_le_bytes());
    let mut decoder = WebPDecoder::new(Cursor::new(file)).ok()?;
    let mut samples = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut samples).ok()?;
    Some(samples)
}
