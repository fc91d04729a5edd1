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
        let mut darkest = [0; 3];
        let transformed = [
            transform.transform(&[255; 4], &mut darkest),
            transform.transform(&picture, &mut converted),
        ];
        if transformed.iter().all(Result::is_ok) {
            compensate_black(&mut converted, darkest);
            return converted;
        }
        picture.iter_mut().for_each(|sample| *sample = 255 - *sample);
    }
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [cyan, magenta, yellow, black] = picture.get_pixel(x, y).0;
        Rgb([cyan, magenta, yellow].map(|ink| multiplied(ink, black)))
    })
}

/// Makes the darkest colour of a print black, as it is on a screen: `LittleCMS` does so for the perceptual intent.
fn compensate_black(picture: &mut RgbImage, darkest: [u8; 3]) {
    let [red, green, blue] = darkest.map(light);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let compensated: Vec<u8> = (0..=255)
        .map(|sample| sample_of((light(sample) - luminance) / (1.0 - luminance)))
        .collect();
    picture
        .iter_mut()
        .for_each(|sample| *sample = compensated[usize::from(*sample)]);
}

/// The light of a sample in sRGB, as a part of white.
fn light(sample: u8) -> f32 {
    let part = f32::from(sample) / 255.0;
    if part <= 0.04045 {
        part / 12.92
    } else {
        ((part + 0.055) / 1.055).powf(2.4)
    }
}

/// The sample that gives this light in sRGB.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the part is from 0 to 1"
)]
fn sample_of(light: f32) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let part = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (part * 255.0).round() as u8
}

/// The product of two parts of 255, rounded.
pub(crate) fn multiplied(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 127;
    (product / 255).to_le_bytes()[0]
}
