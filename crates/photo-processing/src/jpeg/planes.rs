//! Planes: the samples of each component, and the picture that they make together.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageBuffer, Pixel};

use super::dct::BLOCK;
use super::frame::{Component, Frame, Plane};
use crate::PHOTO_SIDE;
use crate::decoded::Samples;
use crate::scale::fit;

/// The samples of one component, by row.
pub(super) struct PlaneSamples(Vec<u8>);

impl PlaneSamples {
    pub(super) fn new(plane: &Plane) -> Self {
        Self(vec![0; plane.width as usize * plane.height as usize])
    }

    /// Sets the samples of a block. Those outside the plane only fill up the block.
    pub(super) fn set(&mut self, plane: &Plane, x: u32, y: u32, block: &[[u8; BLOCK]; BLOCK]) {
        let (width, left) = (plane.width as usize, x as usize * plane.block_width);
        let count = plane.block_width.min(width.saturating_sub(left));
        let top = y as usize * plane.block_height;
        let rows = self.0.chunks_exact_mut(width).skip(top);
        for (row, samples) in rows.zip(block).take(plane.block_height) {
            if count > 0 {
                row[left..left + count].copy_from_slice(&samples[..count]);
            }
        }
    }

    /// The plane at this size.
    fn scaled(self, plane: &Plane, (width, height): (u32, u32), filter: ResizeAlg) -> Vec<u8> {
        let is_whole = plane.exact_width.fract() == 0.0 && plane.exact_height.fract() == 0.0;
        if (plane.width, plane.height) == (width, height) && is_whole {
            return self.0;
        }
        let source = TypedImageRef::<U8>::from_buffer(plane.width, plane.height, &self.0);
        let mut scaled = vec![0; width as usize * height as usize];
        let mut target = TypedImage::<U8>::from_buffer(width, height, &mut scaled).expect("the buffer is the target's");
        let options = ResizeOptions::new()
            .resize_alg(filter)
            .crop(0.0, 0.0, plane.exact_width, plane.exact_height);
        Resizer::new()
            .resize_typed(&source.expect("the buffer is the plane's"), &mut target, &options)
            .expect("the picture lies within the plane");
        scaled
    }
}

/// How the components make colours.
#[derive(Clone, Copy)]
pub(super) enum Colours {
    /// Grey; red, green and blue; or the four inks of print.
    Plain,
    /// Brightness and two differences of colour, perhaps with black.
    Differences,
}

/// The picture at the size of a stored photo. `planes` gives them in the order of the components.
pub(super) fn picture(frame: &Frame, planes: impl Iterator<Item = PlaneSamples>, colours: Colours) -> Samples {
    let (width, height) = fit(frame.width, frame.height, PHOTO_SIDE);
    let scaled = planes.zip(&frame.components).map(|(samples, component)| {
        let filter = filter(frame, component, (width, height));
        samples.scaled(&component.plane, (width, height), filter)
    });
    let mut planes: Vec<Vec<u8>> = scaled.collect();
    match planes.as_mut_slice() {
        [grey] => Samples::Grey(image(width, height, std::mem::take(grey))),
        [first, second, third] => {
            let pixels = first.iter().zip(second).zip(third).map(|((a, b), c)| [*a, *b, *c]);
            let pixels = pixels.flat_map(|pixel| match colours {
                Colours::Plain => pixel,
                Colours::Differences => rgb(pixel),
            });
            Samples::Rgb(image(width, height, pixels.collect()))
        }
        [first, second, third, black] => {
            let pixels = first.iter().zip(second).zip(third).zip(black);
            let pixels = pixels.flat_map(|(((a, b), c), black)| {
                let [a, b, c] = match colours {
                    Colours::Plain => [*a, *b, *c],
                    // They make what the inks leave out.
                    Colours::Differences => rgb([*a, *b, *c]).map(|value| 255 - value),
                };
                [a, b, c, *black]
            });
            Samples::Cmyk(image(width, height, pixels.collect()))
        }
        _ => unreachable!("a frame has 1, 3 or 4 components"),
    }
}

/// Red, green and blue of brightness and two differences of colour (JFIF 1.02), with 16 bits after the point.
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (i32::from(luma) << 16, i32::from(blue) - 128, i32::from(red) - 128);
    let values = [
        luma + 91_881 * red,
        luma - 22_554 * blue - 46_802 * red,
        luma + 116_130 * blue,
    ];
    values.map(|value| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8)
}

fn image<P: Pixel<Subpixel = u8>>(width: u32, height: u32, samples: Vec<u8>) -> ImageBuffer<P, Vec<u8>> {
    ImageBuffer::from_raw(width, height, samples).expect("there are samples for each pixel")
}

/// Full size: as libjpeg does, and so browsers do. It smooths differences of colour that were stored at half the size in
/// one direction or both, and repeats those at other sizes, or of up to two samples a row.
fn filter(frame: &Frame, component: &Component, (width, height): (u32, u32)) -> ResizeAlg {
    let plane = &component.plane;
    if (width, height) != (frame.width, frame.height) {
        let filter = if plane.width < width || plane.height < height {
            FilterType::Bilinear
        } else {
            FilterType::CatmullRom
        };
        return ResizeAlg::Convolution(filter);
    }
    let most = |samples: fn(&Component) -> u32| frame.components.iter().map(samples).max();
    let is_at_least_half = |samples: u32, most: Option<u32>| most == Some(samples) || most == Some(2 * samples);
    let is_full_width = most(|component| component.across) == Some(component.across);
    if (is_full_width || plane.width > 2)
        && is_at_least_half(component.across, most(|component| component.across))
        && is_at_least_half(component.down, most(|component| component.down))
    {
        ResizeAlg::Convolution(FilterType::Bilinear)
    } else {
        ResizeAlg::Nearest
    }
}
