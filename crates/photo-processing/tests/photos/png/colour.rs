//! The sources of a PNG's colours, and which of them counts. The expected colours are what Chromium shows.

use photo_processing::decoded;

use super::writer::{GREY, Kind, RGB, RGBA, chunk, chunk_with_wrong_checksum};
use crate::pillow::samples;

const P3: [u32; 8] = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000];

fn kind(colour: u8) -> Kind {
    Kind {
        colour,
        depth: 8,
        interlaced: false,
        width: 16,
        height: 16,
    }
}

/// All levels of grey, or 256 colours.
fn pixels(colour: u8) -> Vec<u16> {
    let pixel = |level: u16| match colour {
        GREY => vec![level],
        RGB => vec![level, level * 7 % 256, 255 - level],
        _ => vec![level, level * 7 % 256, 255 - level, level * 3 % 256],
    };
    (0..256).flat_map(pixel).collect()
}

fn gamma(value: u32) -> Vec<u8> {
    chunk(b"gAMA", &value.to_be_bytes())
}

fn chromaticities(values: [u32; 8]) -> Vec<u8> {
    chunk(b"cHRM", &values.map(u32::to_be_bytes).concat())
}

fn code_points(primaries: u8, transfer: u8) -> Vec<u8> {
    chunk(b"cICP", &[primaries, transfer, 0, 1])
}

fn srgb() -> Vec<u8> {
    chunk(b"sRGB", &[0])
}

/// The profile that Pillow wrote into this sample, in a chunk.
fn embedded(sample: &str) -> Vec<u8> {
    let (_, file) = samples().into_iter().find(|(name, _)| name == sample).unwrap();
    let start = file.windows(4).position(|name| name == b"iCCP").unwrap() - 4;
    let length = u32::from_be_bytes(file[start..start + 4].try_into().unwrap()) as usize;
    file[start..start + length + 12].to_vec()
}

/// The light of a sample of sRGB, or the other way round.
fn light(value: f64) -> f64 {
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn encoded(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}

/// What a pixel must look like.
#[derive(Clone, Copy)]
enum Expected {
    Srgb,
    /// Samples to this power are light.
    Gamma(f64),
    /// Display P3 with this curve; with that of sRGB if there is none.
    P3(Option<f64>),
}

impl Expected {
    fn pixel(self, [red, green, blue]: [f64; 3]) -> [f64; 3] {
        let lights = |curve: &dyn Fn(f64) -> f64| [curve(red), curve(green), curve(blue)];
        match self {
            Self::Srgb => [red, green, blue],
            Self::Gamma(gamma) => lights(&|value| value.powf(gamma)).map(encoded),
            Self::P3(gamma) => {
                let [red, green, blue] = lights(&|value| gamma.map_or_else(|| light(value), |gamma| value.powf(gamma)));
                [
                    1.224_94 * red - 0.224_94 * green,
                    -0.042_06 * red + 1.042_06 * green,
                    -0.019_64 * red - 0.078_64 * green + 1.098_27 * blue,
                ]
                .map(encoded)
            }
        }
    }
}

#[test]
fn the_best_source_of_colours_counts() {
    let linear = || gamma(100_000);
    let rgb_profile = embedded("RGB-1.8.png");
    let grey_profile = embedded("grey-linear.png");
    let damaged_profile = chunk(b"iCCP", b"name\0\0junk");
    let (srgb_, gamma_, p3) = (Expected::Srgb, Expected::Gamma, Expected::P3);
    let table = [
        ("nothing", vec![], srgb_),
        ("gAMA", vec![linear()], gamma_(1.0)),
        ("gAMA of a Macintosh", vec![gamma(55_556)], gamma_(1.8)),
        ("gAMA of sRGB", vec![gamma(45_455)], srgb_),
        ("gAMA of 0", vec![gamma(0)], srgb_),
        ("cHRM", vec![chromaticities(P3)], srgb_),
        ("cHRM and gAMA", vec![chromaticities(P3), gamma(45_455)], p3(Some(2.2))),
        (
            "a cHRM without triangle",
            vec![chromaticities([30_000; 8]), linear()],
            srgb_,
        ),
        ("a cHRM of 0", vec![chromaticities([0; 8]), linear()], srgb_),
        ("sRGB before gAMA", vec![srgb(), linear()], srgb_),
        ("a wrong sRGB", vec![chunk(b"sRGB", &[9]), linear()], gamma_(1.0)),
        (
            "a wrong checksum",
            vec![chunk_with_wrong_checksum(b"gAMA", &100_000_u32.to_be_bytes())],
            srgb_,
        ),
        (
            "a damaged iCCP before gAMA",
            vec![damaged_profile.clone(), linear()],
            gamma_(1.0),
        ),
        (
            "a damaged iCCP before sRGB",
            vec![damaged_profile, srgb(), linear()],
            srgb_,
        ),
        ("an iCCP for grey", vec![grey_profile.clone()], srgb_),
        ("cICP", vec![code_points(12, 13)], p3(None)),
        (
            "cICP before all",
            vec![code_points(12, 13), rgb_profile, linear(), chromaticities(P3)],
            p3(None),
        ),
        ("a linear cICP", vec![code_points(1, 8), srgb()], gamma_(1.0)),
        ("a cICP of video", vec![code_points(1, 1)], gamma_(2.4)),
        (
            "a cICP that says nothing",
            vec![code_points(2, 2), linear()],
            gamma_(1.0),
        ),
        (
            "a cICP of a limited range",
            vec![chunk(b"cICP", &[12, 13, 0, 0]), linear()],
            gamma_(1.0),
        ),
    ];
    for colour in [GREY, RGB, RGBA] {
        for (name, chunks, expected) in &table {
            if colour == GREY && name.contains("for grey") {
                continue;
            }
            let pixels = pixels(colour);
            let picture = decoded(&kind(colour).file(&pixels, chunks)).unwrap();
            for (shown, stored) in std::iter::zip(picture.pixels(), pixels.chunks(kind(colour).channels())) {
                let part = |sample: u16| f64::from(sample) / 255.0;
                let (stored, opacity) = match *stored {
                    [grey] => ([part(grey); 3], 1.0),
                    [red, green, blue] => ([part(red), part(green), part(blue)], 1.0),
                    [red, green, blue, opacity] => ([part(red), part(green), part(blue)], part(opacity)),
                    _ => unreachable!(),
                };
                let expected = expected.pixel(stored).map(|value| value * opacity + 1.0 - opacity);
                for (shown, expected) in std::iter::zip(shown.0, expected) {
                    let difference = (f64::from(shown) - expected * 255.0).abs();
                    assert!(
                        difference < 2.0,
                        "{name}, type {colour}: {stored:?}, {shown} for {}",
                        expected * 255.0
                    );
                }
            }
        }
    }
}

#[test]
fn a_grey_picture_takes_either_kind_of_profile() {
    let linear = decoded(&kind(GREY).file(&pixels(GREY), &[gamma(100_000)])).unwrap();
    for sample in ["grey-linear.png", "RGB-linear.png"] {
        let picture = decoded(&kind(GREY).file(&pixels(GREY), &[embedded(sample), srgb()])).unwrap();
        let furthest = std::iter::zip(picture.iter(), linear.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(furthest.unwrap() <= 1, "{sample}: {furthest:?}");
    }
}

/// Light that a screen cannot show is compressed: more is never darker, black stays black, and 1000 cd/m² is white.
#[test]
fn high_dynamic_range_is_shown_from_black_to_white() {
    for (transfer, white) in [(16, 192), (18, 255)] {
        let picture = decoded(&kind(GREY).file(&pixels(GREY), &[code_points(9, transfer)])).unwrap();
        let levels: Vec<u8> = picture.pixels().map(|pixel| pixel.0[1]).collect();
        assert!(levels.is_sorted(), "{transfer}: {levels:?}");
        assert_eq!((levels[0], levels[white] >= 254), (0, true), "{transfer}: {levels:?}");
        // Paper white (203 cd/m²) is half as bright as white in Chromium.
        let paper = levels[if transfer == 16 { 148 } else { 191 }];
        assert!(paper.abs_diff(188) <= 3, "{transfer}: {paper}");
    }
}
