//! Photos are scaled in bands of rows, to save memory. No seam shows.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{Rgb, RgbImage};
use photo_processing::resize_to_fit;

/// Shapes with sharp edges and fine texture.
fn picture(width: u32, height: u32) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(1);
    RgbImage::from_fn(width, height, |x, y| {
        let edge = if (x / 90 + y / 70) % 2 == 0 { 200 } else { 30 };
        let texture = random.u8(0..50);
        Rgb([edge + texture, edge, 255 - edge - texture / 2])
    })
}

#[test]
fn scaling_in_bands_equals_scaling_the_whole() {
    let picture = picture(900, 1100);
    let source = TypedImageRef::<U8x3>::from_buffer(900, 1100, &picture).unwrap();
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    // 1023 rows: sixteen bands, the last of them smaller; 63: less than one band.
    for (side, width) in [(1023, 837), (63, 52)] {
        let mut whole = TypedImage::<U8x3>::new(width, side);
        Resizer::new().resize_typed(&source, &mut whole, &options).unwrap();
        let scaled = resize_to_fit(picture.clone(), side);
        assert_eq!(scaled.dimensions(), (width, side));
        let whole = whole.pixels().iter().flat_map(|pixel| pixel.0);
        let furthest = std::iter::zip(scaled.iter(), whole).map(|(a, b)| a.abs_diff(b)).max();
        assert!(furthest.unwrap() <= 1, "{side}: {furthest:?}");
    }
}
