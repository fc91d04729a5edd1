//! The tone curves that code points name (Rec. ITU-T H.273, table 3), as browsers show them.

use moxcms::ToneReprCurve;

/// What browsers show as white in a picture of high dynamic range, in cd/m². It is brighter than paper.
const BRIGHTEST: f64 = 1000.0;
/// What they show as half as bright as white. Darker light is shown in proportion.
const HALF: f64 = 203.0;

/// The curve of a transfer characteristic, if browsers know it.
pub(crate) fn curve(code: u8) -> Option<ToneReprCurve> {
    let gamma = |gamma| ToneReprCurve::Parametric(vec![gamma]);
    Some(match code {
        // Televisions show video with this exponent (Rec. ITU-R BT.1886), which is not the inverse of the camera's curve.
        1 | 6 | 11 | 14 | 15 => gamma(2.4),
        4 => gamma(2.2),
        5 => gamma(2.8),
        7 => ToneReprCurve::Parametric(vec![1.0 / 0.45, 1.0 / 1.1115, 0.1115 / 1.1115, 1.0 / 4.0, 0.0913]),
        8 => gamma(1.0),
        13 => ToneReprCurve::Parametric(vec![2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045]),
        16 => sampled(perceptual_quantiser),
        18 => sampled(hybrid_log_gamma),
        _ => return None,
    })
}

/// A curve of high dynamic range for each 8-bit value, for a screen that cannot show it: bright light is compressed.
fn sampled(light: impl Fn(f64) -> f64) -> ToneReprCurve {
    let shown = |value: u8| {
        let light = light(f64::from(value) / 255.0).min(BRIGHTEST);
        if light < HALF {
            0.5 * light / HALF
        } else {
            0.5 + 0.5 * (light / HALF).ln() / (BRIGHTEST / HALF).ln()
        }
    };
    ToneReprCurve::Lut((0..=255).map(|value| sixteen_bits(shown(value))).collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the part is from 0 to 1"
)]
fn sixteen_bits(part: f64) -> u16 {
    (part * 65_535.0).round() as u16
}

/// The light of a signal from 0 to 1, in cd/m² (SMPTE ST 2084).
fn perceptual_quantiser(signal: f64) -> f64 {
    const M1: f64 = 2610.0 / 16_384.0;
    const M2: f64 = 128.0 * 2523.0 / 4096.0;
    const C1: f64 = C3 - C2 + 1.0;
    const C2: f64 = 32.0 * 2413.0 / 4096.0;
    const C3: f64 = 32.0 * 2392.0 / 4096.0;
    let power = signal.powf(1.0 / M2);
    10_000.0 * ((power - C1).max(0.0) / (C2 - C3 * power)).powf(1.0 / M1)
}

/// The same on a screen of 1000 cd/m² (Rec. ITU-R BT.2100).
fn hybrid_log_gamma(signal: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 1.0 - 4.0 * A;
    let c = 0.5 - A * (4.0 * A).ln();
    let scene = if signal <= 0.5 {
        signal * signal / 3.0
    } else {
        (((signal - c) / A).exp() + B) / 12.0
    };
    1000.0 * scene.powf(1.2)
}
