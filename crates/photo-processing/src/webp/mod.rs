//! WebP files, decoded at the size of a stored photo. The container is read here, because `image-webp` needs two or three
//! copies of a picture when it reads the container too. That crate decodes what is in it.

mod container;
mod lossless;
mod lossy;
mod transparency;

use moxcms::{ColorProfile, DataColorSpace};

use crate::PhotoError;
use crate::decoded::{Decoded, Samples};
use container::{Coded, Container};

/// The maximum of megapixels of an opaque lossy picture. Its three planes need 1.5 bytes per pixel.
const LOSSY_MEGAPIXELS: u32 = 50;
/// The maximum of megapixels of another picture. It needs 4 or 5 bytes per pixel.
const OTHER_MEGAPIXELS: u32 = 20;

/// Decodes a WebP file. Of an animation, this is the first frame.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, PhotoError> {
    let container = Container::read(bytes).ok_or(PhotoError::Damaged)?;
    let frame = &container.frame;
    let is_opaque = frame.transparency.is_none();
    let limit = match frame.coded {
        Coded::Lossy(_) if is_opaque => LOSSY_MEGAPIXELS,
        _ => OTHER_MEGAPIXELS,
    };
    if u64::from(container.width) * u64::from(container.height) > u64::from(limit) * 1_000_000 {
        return Err(PhotoError::WebpTooManyPixels(limit));
    }
    let profile = container
        .profile
        .and_then(|profile| ColorProfile::new_from_slice(profile).ok());
    let profile = profile.filter(|profile| profile.color_space == DataColorSpace::Rgb);
    let picture = match frame.coded {
        Coded::Lossy(bytes) => lossy::decode(&container, bytes, profile.as_ref()),
        Coded::Lossless(bytes) => lossless::decode(&container, bytes, profile.as_ref()),
    };
    Ok(Decoded {
        samples: Samples::Rgb(picture.ok_or(PhotoError::Damaged)?),
        orientation: container.orientation,
        // Transparent pictures were put on white in sRGB.
        profile: profile.filter(|_| is_opaque),
    })
}
