//! Turns an uploaded file into a photo that can be shown: decoded within limits, upright, without metadata, at a size for
//! the web, always JPEG.
//!
//! Only the pixels of the sent file are kept. Hidden data (a GPS position, a script after the picture) cannot reach a
//! visitor.

mod format;

use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, Rgb, RgbImage};
use moxcms::{ColorProfile, Layout, TransformOptions};
use tokio::sync::Semaphore;

use crate::format::supported_format;

/// The longest side of a stored photo, in pixels.
pub const PHOTO_SIDE: u32 = 2048;
/// The longest side of a thumbnail, in pixels: 160 CSS pixels on a screen of double density.
pub const THUMBNAIL_SIDE: u32 = 320;

/// The maximum number of pixels that are decoded: more than phones send (50 megapixels), but far fewer than a
/// decompression bomb has.
const MAX_PIXELS: u64 = 64_000_000;
/// The maximum number of bytes that a decoder may allocate for one photo.
const MAX_DECODER_BYTES: u64 = 320 << 20;
/// JPEG quality of the photo (1 to 100).
pub const PHOTO_QUALITY: u8 = 85;
/// JPEG quality of the thumbnail.
pub const THUMBNAIL_QUALITY: u8 = 80;

/// How many rows are scaled at once. This bounds the buffer between the two passes of the scaling.
const BAND: u32 = 64;

/// How long an upload waits for its turn before the visitor is asked to try again.
const TURN_LIMIT: Duration = Duration::from_secs(20);

/// What is wrong with an uploaded photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// It is not a PNG, JPEG or WebP. The message says what it is.
    #[error("{0}")]
    OtherFormat(&'static str),
    /// It is one of them, but of a kind that cannot be decoded.
    #[error("This kind of image is not supported. Save it again as JPEG or PNG, then choose the new file.")]
    UnsupportedKind,
    /// It starts like one of them but cannot be decoded.
    #[error("This image is damaged and cannot be read. Choose another photo.")]
    Damaged,
    /// It has too many pixels to decode.
    #[error("This image has too many pixels. Choose one with at most 64 megapixels.")]
    TooManyPixels,
    /// Too many photos are being processed.
    #[error("Too many photos are being processed just now. Wait a moment, then try again.")]
    Busy,
}

/// A photo ready to be stored.
#[derive(Debug, Clone)]
pub struct ProcessedPhoto {
    /// The photo, JPEG, at most [`PHOTO_SIDE`] on its longer side.
    pub photo: Bytes,
    /// Its thumbnail, JPEG, at most [`THUMBNAIL_SIDE`] on its longer side.
    pub thumbnail: Bytes,
}

/// Processes photos outside the async threads, so that uploads do not block pages: as many at once as there are
/// processors, but only one of them at full size, to save memory.
#[derive(Debug, Clone)]
pub struct PhotoProcessor {
    turns: Arc<Semaphore>,
    full_size: Arc<Mutex<()>>,
}

impl Default for PhotoProcessor {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(processors)),
            full_size: Arc::default(),
        }
    }
}

impl PhotoProcessor {
    /// Waits for a turn and processes the photo.
    pub async fn process(&self, sent: Vec<u8>) -> Result<ProcessedPhoto, PhotoError> {
        // A file that is not an image needs no turn.
        supported_format(&sent)?;
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PhotoError::Busy)?
            .expect("the semaphore is never closed");
        let full_size = Arc::clone(&self.full_size);
        let task = tokio::task::spawn_blocking(move || {
            // The turn ends with the work. The request may have been dropped earlier.
            let _turn = turn;
            let decoded = {
                // The lock is poisoned if a decoder panicked. It guards no data.
                let _alone = full_size.lock().unwrap_or_else(PoisonError::into_inner);
                decode(&sent)?
            };
            drop(sent);
            Ok(finish(decoded))
        });
        task.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "a decoder panicked");
            Err(PhotoError::Damaged)
        })
    }
}

/// Decodes, scales, rotates and encodes one photo on the calling thread.
pub fn process(sent: &[u8]) -> Result<ProcessedPhoto, PhotoError> {
    decode(sent).map(finish)
}

/// Turns a decoded picture into the stored photo.
fn finish(decoded: Decoded) -> ProcessedPhoto {
    let picture = in_srgb(decoded.picture, decoded.colour_profile.as_deref());
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(decoded.orientation);
    let picture = picture.into_rgb8();
    let photo = jpeg(&picture, PHOTO_QUALITY);
    let thumbnail = jpeg(&resize_to_fit(picture, THUMBNAIL_SIDE), THUMBNAIL_QUALITY);
    ProcessedPhoto {
        photo: photo.into(),
        thumbnail: thumbnail.into(),
    }
}

struct Decoded {
    /// The picture as the camera stored it, at the size of a stored photo.
    picture: RgbImage,
    /// How it must be rotated.
    orientation: Orientation,
    /// Its ICC profile; sRGB if there is none.
    colour_profile: Option<Vec<u8>>,
}

/// Decodes a photo and scales it down: all further work is on fewer pixels.
fn decode(sent: &[u8]) -> Result<Decoded, PhotoError> {
    let mut reader = ImageReader::with_format(Cursor::new(sent), supported_format(sent)?.into());
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
    let colour_profile = decoder.icc_profile().ok().flatten();
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| photo_error(&error))?;
    Ok(Decoded {
        picture: resize_to_fit(flattened(picture), PHOTO_SIDE),
        orientation,
        colour_profile,
    })
}

fn photo_error(error: &ImageError) -> PhotoError {
    match error {
        ImageError::Limits(_) => PhotoError::TooManyPixels,
        ImageError::Unsupported(_) => PhotoError::UnsupportedKind,
        _ => PhotoError::Damaged,
    }
}

/// The picture, scaled down if its longer side is longer than `side`.
#[must_use]
pub fn resize_to_fit(picture: RgbImage, side: u32) -> RgbImage {
    let longer = picture.width().max(picture.height());
    if longer <= side {
        return picture;
    }
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(rounded).expect("at most `side`").max(1)
    };
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let source = TypedImageRef::<U8x3>::from_buffer(picture.width(), picture.height(), &picture)
        .expect("the buffer is the picture's");
    // Where this row begins in the uploaded picture. The row after the last begins exactly at its bottom.
    let edge = |row: u32| f64::from(row) * f64::from(picture.height()) / f64::from(height);
    let mut scaled = RgbImage::new(width, height);
    let mut resizer = Resizer::new();
    let mut top = 0;
    for band in scaled.chunks_mut((BAND * width * 3) as usize) {
        let rows = BAND.min(height - top);
        // The filter also reads the rows around the band, so that no seam shows.
        let options = options().crop(0.0, edge(top), f64::from(picture.width()), edge(top + rows) - edge(top));
        let mut band = TypedImage::<U8x3>::from_buffer(width, rows, band).expect("the buffer is the band's");
        resizer
            .resize_typed(&source, &mut band, &options)
            .expect("the band lies within the picture");
        top += rows;
    }
    scaled
}

/// The filter keeps fine detail without visible ringing.
fn options() -> ResizeOptions {
    ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
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

/// The same colours in sRGB, which browsers assume for a picture without a profile. Phones take photos in the wider
/// Display P3; if the profile were dropped without conversion, they would look pale.
fn in_srgb(picture: RgbImage, profile: Option<&[u8]>) -> RgbImage {
    let converted = || {
        let profile = ColorProfile::new_from_slice(profile?).ok()?;
        let to_srgb = profile
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
    // A profile that is damaged, or for another kind of picture (grey, CMYK), does not apply to these pixels.
    converted().unwrap_or(picture)
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
