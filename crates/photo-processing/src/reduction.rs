//! Scales pictures down while they are decoded, so that they are never in memory at full size.

use fast_image_resize::PixelTrait;
use fast_image_resize::pixels::InnerPixel;
use image::{ImageBuffer, Pixel};

use crate::PHOTO_SIDE;
use crate::scale::{fit, resize};

/// The largest factor of a [`Reduction`]: the sum of a square of 16 times 16 samples is at most 65,280, which fits `u16`.
const MAX_FACTOR: u32 = 16;

/// Makes a picture smaller by a whole number while it is decoded. Each pixel of the result is the mean of a square of
/// pixels, which may come in any order. A pixel has `N` samples.
pub(crate) struct Reduction<const N: usize> {
    width: u32,
    height: u32,
    factor: u32,
    sums: Sums<N>,
}

/// Half of the memory of a picture that is not reduced is saved by not summing it.
enum Sums<const N: usize> {
    Pixels(Vec<[u8; N]>),
    Squares(Vec<[u16; N]>),
}

impl<const N: usize> Reduction<N> {
    /// For a picture of this size. The result is still as large as a stored photo, if the picture is.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let factor = (width.max(height) / PHOTO_SIDE).clamp(1, MAX_FACTOR);
        let pixels = width.div_ceil(factor) as usize * height.div_ceil(factor) as usize;
        let sums = match factor {
            1 => Sums::Pixels(vec![[0; N]; pixels]),
            _ => Sums::Squares(vec![[0; N]; pixels]),
        };
        Self {
            width,
            height,
            factor,
            sums,
        }
    }

    /// Adds pixels of the row `y`: those at `x`, `x + step` and so on; the whole row if `step` is 1. Each pixel of the
    /// picture is added once.
    pub(crate) fn add(&mut self, y: u32, x: u32, step: u32, pixels: &[[u8; N]]) {
        let columns = self.width.div_ceil(self.factor) as usize;
        let row = (y / self.factor) as usize * columns;
        let xs = (x..self.width).step_by(step as usize);
        match &mut self.sums {
            Sums::Pixels(picture) => {
                let row = &mut picture[row..row + columns];
                for (x, pixel) in xs.zip(pixels) {
                    row[x as usize] = *pixel;
                }
            }
            Sums::Squares(sums) => {
                let row = &mut sums[row..row + columns];
                if step == 1 {
                    for (sum, square) in std::iter::zip(row, pixels.chunks(self.factor as usize)) {
                        for pixel in square {
                            add(sum, pixel);
                        }
                    }
                } else {
                    xs.zip(pixels)
                        .for_each(|(x, pixel)| add(&mut row[(x / self.factor) as usize], pixel));
                }
            }
        }
    }

    /// The picture at the size of a stored photo. All pixels have been added. `F` is what the scaling calls `P`.
    pub(crate) fn finish<P, F>(self) -> ImageBuffer<P, Vec<u8>>
    where
        P: Pixel<Subpixel = u8>,
        F: InnerPixel + PixelTrait,
    {
        let (width, height) = fit(self.width, self.height, PHOTO_SIDE);
        // The squares at the right and at the bottom may be incomplete.
        let part = |side: u32| f64::from(side) / f64::from(self.factor);
        let parts = (part(self.width), part(self.height));
        resize::<P, F>(self.means(), parts, width, height)
    }

    fn means<P: Pixel<Subpixel = u8>>(self) -> ImageBuffer<P, Vec<u8>> {
        let (columns, rows) = (self.width.div_ceil(self.factor), self.height.div_ceil(self.factor));
        let samples = match self.sums {
            Sums::Pixels(pixels) => pixels.into_flattened(),
            Sums::Squares(sums) => {
                let mut samples = Vec::with_capacity(sums.len() * N);
                for (y, row) in (0..).zip(sums.chunks_exact(columns as usize)) {
                    let height = self.factor.min(self.height - y * self.factor);
                    for (x, square) in (0..).zip(row) {
                        let pixels = height * self.factor.min(self.width - x * self.factor);
                        let mean = |sum: u16| ((u32::from(sum) + pixels / 2) / pixels).to_le_bytes()[0];
                        samples.extend(square.map(mean));
                    }
                }
                samples
            }
        };
        ImageBuffer::from_raw(columns, rows, samples).expect("a pixel has N samples")
    }
}

fn add<const N: usize>(sum: &mut [u16; N], pixel: &[u8; N]) {
    for (sum, sample) in std::iter::zip(sum, pixel) {
        *sum += u16::from(*sample);
    }
}
