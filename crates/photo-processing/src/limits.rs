//! The sizes of photos, as they are sent and as they are stored.

/// The longest side of a stored photo, in pixels.
pub const PHOTO_SIDE: u32 = 2048;
/// The longest side of a thumbnail, in pixels: 160 CSS pixels on a screen of double density.
pub const THUMBNAIL_SIDE: u32 = 320;

/// JPEG quality of the photo (1 to 100).
pub const PHOTO_QUALITY: u8 = 85;
/// JPEG quality of the thumbnail.
pub const THUMBNAIL_QUALITY: u8 = 80;

/// The maximum number of pixels that are decoded: more than phones send (9248 × 6936), but far fewer than a
/// decompression bomb has.
pub(crate) const MAX_PIXELS: u64 = 1 << 26;
/// The maximum length of a side, in pixels: that of a JPEG.
pub(crate) const MAX_SIDE: u32 = 65_535;
