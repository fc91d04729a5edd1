//! Each kind of PNG looks as Pillow shows it.

use fastrand::Rng;
use image::RgbImage;
use photo_processing::{PHOTO_SIDE, decoded, resize_to_fit};

use super::writer::{GREY, GREY_ALPHA, Kind, PALETTE, RGB, RGBA, chunk};
use crate::pillow::{How, decode};
use crate::samples::difference;

const DEPTHS: [(u8, &[u8]); 5] = [
    (GREY, &[1, 2, 4, 8, 16]),
    (RGB, &[8, 16]),
    (PALETTE, &[1, 2, 4, 8]),
    (GREY_ALPHA, &[8, 16]),
    (RGBA, &[8, 16]),
];
/// From one pixel to just over twice the size of a stored photo.
const SIZES: [(u32, u32); 9] = [
    (1, 1),
    (2, 5),
    (7, 3),
    (8, 8),
    (33, 70),
    (130, 41),
    (2049, 9),
    (61, 4103),
    (6151, 50),
];

/// Slopes with noise.
fn samples(kind: Kind, random: &mut Rng) -> Vec<u16> {
    let most = u32::from(u16::MAX) >> (16 - kind.depth);
    let noise = most / 16;
    let mut samples = Vec::new();
    for y in 0..kind.height {
        for x in 0..kind.width {
            for channel in 0..u32::try_from(kind.channels()).unwrap() {
                let slope = [x * most / kind.width, y * most / kind.height][usize::from(channel % 2 == 1)];
                let sample = (slope + random.u32(0..=noise)).min(most);
                samples.push(u16::try_from(if channel == 2 { most - sample } else { sample }).unwrap());
            }
        }
    }
    samples
}

/// Chunks that the kind needs or may have: a palette, and what is transparent.
fn chunks(kind: Kind, transparent: bool, samples: &[u16]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    // Similar entries have similar colours, or reduced pictures would be noise.
    let ramp = (0..=255).step_by(255 / ((1 << kind.depth.min(8)) - 1));
    if kind.colour == PALETTE {
        let colours = ramp.clone().flat_map(|level| [level, 255 - level, level / 2]);
        chunks.push(chunk(b"PLTE", &colours.collect::<Vec<u8>>()));
    }
    if transparent {
        let content: Vec<u8> = match kind.colour {
            PALETTE => ramp.collect(),
            _ => samples[..kind.channels()]
                .iter()
                .flat_map(|sample| sample.to_be_bytes())
                .collect(),
        };
        chunks.push(chunk(b"tRNS", &content));
    }
    chunks
}

/// Files of each kind, and whether a part of it is transparent.
pub fn files() -> Vec<(Kind, bool, Vec<u8>)> {
    let mut random = Rng::with_seed(1);
    let mut kinds = Vec::new();
    for (colour, depths) in DEPTHS {
        for &depth in depths {
            for (width, height) in SIZES {
                for interlaced in [false, true] {
                    let kind = Kind {
                        colour,
                        depth,
                        interlaced,
                        width,
                        height,
                    };
                    kinds.push((kind, false));
                    // Pillow does not know a transparent colour of 16 bits.
                    if !matches!(colour, GREY_ALPHA | RGBA) && depth < 16 {
                        kinds.push((kind, true));
                    }
                }
            }
        }
    }
    let file = |(kind, transparent): (Kind, bool)| {
        let samples = samples(kind, &mut random);
        let file = kind.file(&samples, &chunks(kind, transparent, &samples));
        (kind, transparent, file)
    };
    kinds.into_iter().map(file).collect()
}

#[test]
fn each_kind_looks_as_pillow_shows_it() {
    let files = files();
    let shown = decode(How::Shown, files.iter().map(|(.., file)| file.as_slice()));
    for ((kind, transparent, file), shown) in files.iter().zip(shown) {
        let shown = shown.unwrap();
        let shown = RgbImage::from_raw(shown.width, shown.height, shown.samples).unwrap();
        let shown = resize_to_fit(shown, PHOTO_SIDE);
        let ours = decoded(file).unwrap();
        assert_eq!(ours.dimensions(), shown.dimensions(), "{kind:?} {transparent}");
        let difference = difference(&ours, &shown);
        // Browsers cut 16 bits, the reference rounds them. Reduced pictures are smoothed in another way.
        let limit = if kind.width.max(kind.height) > 2 * PHOTO_SIDE {
            4.0
        } else {
            1.0
        };
        assert!(difference <= limit, "{kind:?} {transparent}: {difference}");
    }
}

#[test]
fn a_transparent_colour_is_like_an_alpha_channel() {
    let mut random = Rng::with_seed(2);
    for (colour, with_alpha) in [(GREY, GREY_ALPHA), (RGB, RGBA)] {
        for depth in [8, 16] {
            for interlaced in [false, true] {
                let kind = Kind {
                    colour,
                    depth,
                    interlaced,
                    width: 40,
                    height: 30,
                };
                let samples = samples(kind, &mut random);
                let pixels = samples.chunks(kind.channels());
                let transparent = &samples[..kind.channels()];
                let opacity = |pixel: &[u16]| {
                    if pixel == transparent {
                        0
                    } else {
                        u16::MAX >> (16 - depth)
                    }
                };
                let separate: Vec<u16> = pixels.flat_map(|pixel| [pixel, &[opacity(pixel)]].concat()).collect();
                let content: Vec<u8> = transparent.iter().flat_map(|sample| sample.to_be_bytes()).collect();
                let file = kind.file(&samples, &[chunk(b"tRNS", &content)]);
                let expected = Kind {
                    colour: with_alpha,
                    ..kind
                };
                let picture = decoded(&file).unwrap();
                assert_eq!(picture.get_pixel(0, 0).0, [255; 3], "{kind:?}");
                assert_eq!(picture, decoded(&expected.file(&separate, &[])).unwrap(), "{kind:?}");
            }
        }
    }
}
