//! What the decoders hand on.

use image::metadata::Orientation;
use image::{GrayImage, RgbImage, RgbaImage};
use moxcms::ColorProfile;

/// A decoded picture as it was stored: small enough to work on, but not yet upright and not yet in sRGB.
pub(crate) struct Decoded {
    pub(crate) samples: Samples,
    pub(crate) orientation: Orientation,
    /// The colour space of the samples: sRGB if there is none.
    pub(crate) profile: Option<ColorProfile>,
}

/// The pixels of a picture, 8 bits per sample.
pub(crate) enum Samples {
    Grey(GrayImage),
    Rgb(RgbImage),
    /// Cyan, magenta, yellow, black. 255 is no ink, as in the files.
    Cmyk(RgbaImage),
}
