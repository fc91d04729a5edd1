//! PNG and WebP.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use moxcms::{ColorProfile, Layout, TransformOptions};

use crate::decoded::{Decoded, Samples};
use crate::scale::resize_to_fit;
use crate::{MAX_PIXELS, PHOTO_SIDE, PhotoError};

/// The maximum number of bytes that a decoder may allocate for one photo.
const MAX_DECODER_BYTES: u64 = 320 << 20;

/// Decodes a photo and scales it down: all further work is on fewer pixels.
pub(crate) fn decode(sent: &[u8], format: ImageFormat) -> Result<Decoded, PhotoError> {
    let mut reader = ImageReader::with_format(Cursor::new(sent), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| photo_error(&error))?;
    // Only the header has been read so far, so a decompression bomb is refused cheaply.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(PhotoError::TooManyPixels);
    }
    // A picture with unreadable metadata is accepted.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let profile = profile.and_then(|profile| ColorProfile::new_from_slice(&profile).ok());
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| photo_error(&error))?;
    Ok(Decoded {
        samples: Samples::Rgb(resize_to_fit(flattened(picture), PHOTO_SIDE)),
        orientation,
        profile,
    })
}

fn photo_error(error: &ImageError) -> PhotoError {
    match error {
        ImageError::Limits(_) => PhotoError::TooManyPixels,
        _ => PhotoError::Damaged,
    }
}

/// The picture as 8-bit RGB, on white where it is transparent.
fn flattened(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u16::from(value), u16::from(alpha));
        u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).expect("at most 255")
    };
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        Rgb([blend(red, alpha), blend(green, alpha), blend(blue, alpha)])
    })
}

pub(crate) fn in_srgb(samples: Samples, profile: Option<&ColorProfile>) -> RgbImage {
    let picture = match samples {
        Samples::Rgb(picture) => picture,
        Samples::Grey(picture) => return DynamicImage::ImageLuma8(picture).into_rgb8(),
        Samples::Cmyk(picture) => {
            let light = |ink: u8, black: u8| ((u16::from(ink) * u16::from(black) + 127) / 255).to_le_bytes()[0];
            return RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
                let [cyan, magenta, yellow, black] = picture.get_pixel(x, y).0;
                Rgb([light(cyan, black), light(magenta, black), light(yellow, black)])
            });
        }
    };
    let converted = || {
        let to_srgb = profile?
            .create_transform_8bit(
                Layout::Rgb,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .ok()?;
        let mut converted = RgbImage::new(picture.width(), picture.height());
        to_srgb.transform(&picture, &mut converted).ok()?;
        Some(converted)
    };
    converted().unwrap_or(picture)
}
