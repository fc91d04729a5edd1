//! Scales pictures down.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageBuffer, Pixel, RgbImage};

/// How many rows are scaled at once. This bounds the buffer between the two passes of the scaling.
const BAND: u32 = 64;

/// The size of a picture whose longer side is scaled down to `side`, if it is longer.
pub(crate) fn fit(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= side {
        return (width, height);
    }
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(rounded).expect("at most `side`").max(1)
    };
    (scaled(width), scaled(height))
}

/// The picture, scaled down if its longer side is longer than `side`.
#[must_use]
pub fn resize_to_fit(picture: RgbImage, side: u32) -> RgbImage {
    let (width, height) = fit(picture.width(), picture.height(), side);
    let all = (f64::from(picture.width()), f64::from(picture.height()));
    resize::<_, U8x3>(picture, all, width, height)
}

/// The part of this size of the picture, from its left upper corner, scaled down. `F` is what the scaling calls `P`.
pub(crate) fn resize<P, F>(
    picture: ImageBuffer<P, Vec<u8>>,
    part: (f64, f64),
    width: u32,
    height: u32,
) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8>,
    F: InnerPixel + PixelTrait,
{
    if (width, height) == picture.dimensions() {
        return picture;
    }
    let source = TypedImageRef::<F>::from_buffer(picture.width(), picture.height(), &picture)
        .expect("the buffer is the picture's");
    // Where this row begins in the uploaded picture. The row after the last begins exactly at its bottom.
    let edge = |row: u32| f64::from(row) * part.1 / f64::from(height);
    let mut scaled = ImageBuffer::new(width, height);
    let mut resizer = Resizer::new();
    let mut top = 0;
    for band in scaled.chunks_mut((BAND * width) as usize * usize::from(P::CHANNEL_COUNT)) {
        let rows = BAND.min(height - top);
        // The filter also reads the rows around the band, so that no seam shows.
        let options = options().crop(0.0, edge(top), part.0, edge(top + rows) - edge(top));
        let mut band = TypedImage::<F>::from_buffer(width, rows, band).expect("the buffer is the band's");
        resizer
            .resize_typed(&source, &mut band, &options)
            .expect("the band lies within the picture");
        top += rows;
    }
    scaled
}

/// The filter keeps fine detail without visible ringing. A fourth sample is no opacity: pictures are on white by now.
fn options() -> ResizeOptions {
    ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .use_alpha(false)
}
