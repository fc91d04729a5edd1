//! Turns an uploaded file into a photo that can be shown: decoded within limits, upright, in sRGB, without metadata, at a
//! size for the web, always JPEG.
//!
//! Only the pixels of the sent file are kept. Hidden data (a GPS position, a script after the picture) cannot reach a
//! visitor. docs/photos.md lists what is taken, how it is shown, and what it costs.

mod alpha;
mod colour;
mod decoded;
mod error;
mod format;
mod icc;
mod jpeg;
mod limits;
mod png;
mod png_colour;
mod processor;
mod reduction;
mod scale;
mod transfer;
mod webp;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, RgbImage};

pub use crate::error::PhotoError;
pub use crate::limits::{MEDIUM_QUALITY, MEDIUM_SIDE, PHOTO_QUALITY, PHOTO_SIDE, THUMBNAIL_QUALITY, THUMBNAIL_SIDE};
pub use crate::processor::PhotoProcessor;
pub use crate::scale::resize_to_fit;

use crate::decoded::Decoded;
use crate::format::{Format, supported_format};
use crate::limits::check_size;

/// A photo ready to be stored.
#[derive(Debug, Clone)]
pub struct ProcessedPhoto {
    /// The photo, JPEG, at most [`PHOTO_SIDE`] on its longer side.
    pub photo: Bytes,
    /// The same at its middle size, JPEG, at most [`MEDIUM_SIDE`] on its longer side.
    pub medium: Bytes,
    /// Its thumbnail, JPEG, at most [`THUMBNAIL_SIDE`] on its longer side.
    pub thumbnail: Bytes,
}

/// Decodes, scales, rotates and encodes one photo on the calling thread.
pub fn process(sent: &[u8]) -> Result<ProcessedPhoto, PhotoError> {
    decode(sent).map(finish)
}

/// The picture in this file: upright, in sRGB, with at most [`PHOTO_SIDE`] pixels on its longer side, not yet encoded.
pub fn decoded(sent: &[u8]) -> Result<RgbImage, PhotoError> {
    decode(sent).map(upright)
}

/// Decodes a photo at the size at which it is stored: all further work is on few pixels.
fn decode(sent: &[u8]) -> Result<Decoded, PhotoError> {
    match supported_format(sent)? {
        Format::Jpeg => jpeg::decode(sent),
        Format::Png => png::decode(sent),
        Format::WebP => webp::decode(sent),
    }
}

fn upright(decoded: Decoded) -> RgbImage {
    let picture = colour::in_srgb(decoded.samples, decoded.profile.as_ref());
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(decoded.orientation);
    picture.into_rgb8()
}

/// Turns a decoded picture into the stored photo.
fn finish(decoded: Decoded) -> ProcessedPhoto {
    let picture = upright(decoded);
    let photo = jpeg(&picture, PHOTO_QUALITY);
    let picture = resize_to_fit(picture, MEDIUM_SIDE);
    let medium = jpeg(&picture, MEDIUM_QUALITY);
    let thumbnail = jpeg(&resize_to_fit(picture, THUMBNAIL_SIDE), THUMBNAIL_QUALITY);
    ProcessedPhoto {
        photo: photo.into(),
        medium: medium.into(),
        thumbnail: thumbnail.into(),
    }
}

/// The picture as a JPEG of this quality.
#[must_use]
pub fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(picture)
        .expect("an RGB picture of at most 2048 pixels a side can be written to memory");
    bytes
}
