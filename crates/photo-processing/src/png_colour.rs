//! The colour space of a PNG. The best of the chunks that may say it counts, as in browsers: cICP, then iCCP, then sRGB,
//! then gAMA with or without cHRM.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, MatrixCoefficients,
    ToneReprCurve, TransferCharacteristics, XyY,
};
use png::{CodingIndependentCodePoints, ColorType, Info, ScaledFloat, SourceChromaticities};

use crate::colour::{grey_to_rgb, with_curve};
use crate::{icc, transfer};

/// The profile of the picture's pixels once they are RGB: sRGB if there is none.
pub(crate) fn colour_profile(info: &Info) -> Option<ColorProfile> {
    let coded = info.coding_independent_code_points.as_ref().and_then(from_cicp);
    let embedded = || from_icc(info);
    let measured = || match (info.srgb, info.gama_chunk) {
        // Browsers do not use chromaticities alone either.
        (None, Some(gamma)) => from_gamma(gamma, info.chrm_chunk),
        _ => None,
    };
    coded.or_else(embedded).or_else(measured)
}

fn from_cicp(code_points: &CodingIndependentCodePoints) -> Option<ColorProfile> {
    if !code_points.is_video_full_range_image {
        return None;
    }
    let curve = transfer::curve(code_points.transfer_function)?;
    let color_primaries: CicpColorPrimaries = code_points.color_primaries.try_into().ok()?;
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics: TransferCharacteristics::Linear,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    span_colours(color_primaries.try_into().ok()?).then(|| with_curve(profile, &curve))
}

/// The embedded profile, unless it is damaged or for another kind of picture.
fn from_icc(info: &Info) -> Option<ColorProfile> {
    let profile = icc::parse(info.icc_profile.as_ref()?)?;
    match info.color_type {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => grey_to_rgb(&profile),
        _ => (profile.color_space == DataColorSpace::Rgb).then_some(profile),
    }
}

fn from_gamma(gamma: ScaledFloat, chromaticities: Option<SourceChromaticities>) -> Option<ColorProfile> {
    // This is how tools that know no sRGB chunk write sRGB.
    if gamma.into_scaled() == 45_455 && chromaticities.is_none() {
        return None;
    }
    let curve = ToneReprCurve::Parametric(vec![1.0 / gamma.into_value()]);
    let mut profile = with_curve(ColorProfile::new_srgb(), &curve);
    if let Some(SourceChromaticities {
        white,
        red,
        green,
        blue,
    }) = chromaticities
    {
        let point = |(x, y): (ScaledFloat, ScaledFloat)| Chromaticity::new(x.into_value(), y.into_value());
        let (white, primaries) = (
            point(white),
            ColorPrimaries {
                red: point(red),
                green: point(green),
                blue: point(blue),
            },
        );
        if white.y <= 0.0 || !span_colours(primaries) {
            return None;
        }
        let white = XyY {
            x: white.x.into(),
            y: white.y.into(),
            yb: 1.0,
        };
        profile.update_rgb_colorimetry(white, primaries);
    }
    Some(profile)
}

/// Whether all colours can be made of these: they are visible, and not on one line.
fn span_colours(ColorPrimaries { red, green, blue }: ColorPrimaries) -> bool {
    let area = (red.x - blue.x) * (green.y - blue.y) - (green.x - blue.x) * (red.y - blue.y);
    [red, green, blue].iter().all(|primary| primary.y > 0.0) && area.abs() > 1e-4
}
