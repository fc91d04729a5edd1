//! WebP files, decoded at the size of a stored photo. `image-webp` decodes the lossy pixels. The container and the lossless
//! pixels are read here, because that crate needs copies of the whole picture for them.

mod canvas;
mod container;
mod lossless;
mod lossy;
mod transparency;
mod vp8l;

use moxcms::DataColorSpace;

use crate::decoded::{Decoded, Samples};
use crate::{PhotoError, check_size, icc};
use container::{Coded, Container};

/// The maximum of megapixels of an opaque lossy picture. The decoder takes up to 65 ns for each pixel.
const LOSSY_MEGAPIXELS: u32 = 32;
/// The maximum of megapixels of another picture: its opacity, or all of it, is coded without loss.
const OTHER_MEGAPIXELS: u32 = 17;

/// Decodes a WebP file. Of an animation, this is the first frame.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, PhotoError> {
    let container = Container::read(bytes).ok_or(PhotoError::Damaged)?;
    let frame = &container.frame;
    let is_opaque = frame.transparency.is_none();
    let limit = match frame.coded {
        Coded::Lossy(_) if is_opaque => LOSSY_MEGAPIXELS,
        _ => OTHER_MEGAPIXELS,
    };
    check_size(container.width, container.height)?;
    if u64::from(container.width) * u64::from(container.height) > u64::from(limit) * 1_000_000 {
        return Err(PhotoError::WebpTooManyPixels(limit));
    }
    let profile = container.profile.and_then(icc::parse);
    let profile = profile.filter(|profile| profile.color_space == DataColorSpace::Rgb);
    let picture = match frame.coded {
        Coded::Lossy(bytes) => lossy::decode(&container, bytes, profile.as_ref()),
        Coded::Lossless(bytes) => lossless::decode(&container, bytes, profile.as_ref()),
    };
    Ok(Decoded {
        samples: Samples::Rgb(picture?),
        orientation: container.orientation,
        // Transparent pictures were put on white in sRGB.
        profile: profile.filter(|_| is_opaque),
    })
}
