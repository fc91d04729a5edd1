//! Brings the colours of a picture into sRGB, which browsers assume for a picture without a profile. Phones take photos
//! in the wider Display P3; if the profile were dropped without conversion, they would look pale.

use std::sync::Arc;

use image::{DynamicImage, Rgb, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, ToneReprCurve, Transform8BitExecutor, TransformOptions};

use crate::decoded::Samples;

/// The picture in sRGB.
pub(crate) fn in_srgb(samples: Samples, profile: Option<&ColorProfile>) -> RgbImage {
    match samples {
        Samples::Grey(picture) => {
            let profile = profile.and_then(grey_to_rgb);
            rgb_in_srgb(DynamicImage::ImageLuma8(picture).into_rgb8(), profile.as_ref())
        }
        Samples::Rgb(picture) => rgb_in_srgb(picture, profile),
        Samples::Cmyk(picture) => cmyk_in_srgb(picture, profile),
    }
}

/// The profile for a grey picture whose samples were copied to red, green and blue.
pub(crate) fn grey_to_rgb(profile: &ColorProfile) -> Option<ColorProfile> {
    match profile.color_space {
        // Browsers apply it to a grey picture too.
        DataColorSpace::Rgb => Some(profile.clone()),
        DataColorSpace::Gray => Some(with_curve(ColorProfile::new_srgb(), profile.gray_trc.as_ref()?)),
        _ => None,
    }
}

/// The profile with this tone curve.
pub(crate) fn with_curve(mut profile: ColorProfile, curve: &ToneReprCurve) -> ColorProfile {
    // Code points name another curve.
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve.clone());
    profile
}

/// What brings pixels of this layout into sRGB. A profile that is damaged, or for another kind of picture, does not
/// apply to them.
pub(crate) fn to_srgb(
    profile: &ColorProfile,
    pixels: DataColorSpace,
    from: Layout,
    to: Layout,
) -> Option<Arc<Transform8BitExecutor>> {
    let fits = profile.color_space == pixels;
    let transform = || profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default());
    fits.then(transform)?.ok()
}

fn rgb_in_srgb(picture: RgbImage, profile: Option<&ColorProfile>) -> RgbImage {
    let converted = || {
        let transform = to_srgb(profile?, DataColorSpace::Rgb, Layout::Rgb, Layout::Rgb)?;
        let mut converted = RgbImage::new(picture.width(), picture.height());
        transform.transform(&picture, &mut converted).ok()?;
        Some(converted)
    };
    converted().unwrap_or(picture)
}

/// Without a profile, the inks are taken as ideal, as browsers do.
fn cmyk_in_srgb(mut picture: RgbaImage, profile: Option<&ColorProfile>) -> RgbImage {
    // Four samples have the layout of RGBA.
    let transform = profile.and_then(|profile| to_srgb(profile, DataColorSpace::Cmyk, Layout::Rgba, Layout::Rgb));
    if let Some(transform) = transform {
        let mut converted = RgbImage::new(picture.width(), picture.height());
        // In a profile, 255 is full ink.
        picture.iter_mut().for_each(|sample| *sample = 255 - *sample);
        if transform.transform(&picture, &mut converted).is_ok() {
            return converted;
        }
        picture.iter_mut().for_each(|sample| *sample = 255 - *sample);
    }
    let light = |ink: u8, black: u8| multiplied(ink, black);
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [cyan, magenta, yellow, black] = picture.get_pixel(x, y).0;
        Rgb([light(cyan, black), light(magenta, black), light(yellow, black)])
    })
}

/// The product of two parts of 255, rounded.
pub(crate) fn multiplied(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 127;
    (product / 255).to_le_bytes()[0]
}
