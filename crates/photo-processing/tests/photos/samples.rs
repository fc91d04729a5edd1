//! Pictures that Pillow wrote look as Pillow shows them: WebP of every kind, and colour profiles in all formats.

use image::RgbImage;
use photo_processing::{PHOTO_SIDE, decoded, resize_to_fit};

use crate::pillow::{How, decode, samples};

/// The mean difference of the samples.
pub fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = std::iter::zip(a, b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    f64::from(u32::try_from(sum).unwrap()) / f64::from(u32::try_from(a.len()).unwrap())
}

#[test]
fn samples_look_as_pillow_shows_them() {
    let mut samples = samples();
    // Pillow puts it on black; webp.rs tests it.
    samples.retain(|(name, _)| name != "animation-part.webp");
    assert!(samples.len() > 110, "{}", samples.len());
    let shown = decode(How::Shown, samples.iter().map(|(_, file)| file.as_slice()));
    for ((name, file), shown) in std::iter::zip(&samples, shown) {
        let shown = shown.unwrap();
        let shown = RgbImage::from_raw(shown.width, shown.height, shown.samples).unwrap();
        let shown = resize_to_fit(shown, PHOTO_SIDE);
        let ours = decoded(file).unwrap();
        assert_eq!(ours.dimensions(), shown.dimensions(), "{name}");
        let difference = difference(&ours, &shown);
        // A print's coarse table is read between its points in another way.
        let limit = match name.as_str() {
            "cmyk-profile.jpg" => 4.0,
            // Pixels are averaged before the filter, and its shapes have hard edges.
            "RGB-40x4200-lossless.webp" => 1.1,
            _ => 1.0,
        };
        assert!(difference <= limit, "{name}: {difference}");
    }
}
