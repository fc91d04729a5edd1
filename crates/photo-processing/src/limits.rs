//! The sizes of photos, as they are sent and as they are stored.

use crate::PhotoError;

/// The longest side of a stored photo, in pixels.
pub const PHOTO_SIDE: u32 = 2048;
/// The longest side of the photo at its middle size, in pixels: as wide as a phone, or a card on a large screen.
pub const MEDIUM_SIDE: u32 = 720;
/// The longest side of a thumbnail, in pixels: 160 CSS pixels on a screen of double density.
pub const THUMBNAIL_SIDE: u32 = 320;

/// JPEG quality of the photo (1 to 100).
pub const PHOTO_QUALITY: u8 = 85;
/// JPEG quality of the middle size.
pub const MEDIUM_QUALITY: u8 = 80;
/// JPEG quality of the thumbnail.
pub const THUMBNAIL_QUALITY: u8 = 80;

/// The maximum number of pixels that are decoded: more than phones send (9248 × 6936), but far fewer than a
/// decompression bomb has. A fuzzer tries many small pictures instead of few large ones.
const MAX_PIXELS: u64 = if cfg!(fuzzing) { 1 << 16 } else { 1 << 26 };
/// The maximum length of a side, in pixels. The longest panoramas of phones have half as many.
const MAX_SIDE: u32 = 32_768;

/// Refuses a picture whose header says that it is larger, before anything is done for its pixels.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), PhotoError> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        Err(PhotoError::TooManyPixels)
    } else if width.max(height) > MAX_SIDE {
        Err(PhotoError::SideTooLong)
    } else {
        Ok(())
    }
}
