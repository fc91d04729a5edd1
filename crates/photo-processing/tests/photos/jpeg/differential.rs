//! The decoder against libjpeg-turbo.

use std::fmt::Write;

use fastrand::Rng;
use image::RgbImage;
use photo_processing::{PHOTO_SIDE, PhotoError, decoded, resize_to_fit};

use super::writer::{Huffman, Jpeg, Segment, Tables};
use super::{Case, Faults, difference, matrix, picture, plain, scripts};
use crate::pillow::{self, How};

/// The greatest mean and single difference from libjpeg at full size.
const AT_FULL_SIZE: (f64, u8) = (1.0, 4);
/// The same for pictures that are reduced: our decoder already reduces each block, libjpeg decodes everything first.
const REDUCED: (f64, u8) = (4.0, 60);

/// Decodes all these pictures and compares them with libjpeg's.
fn assert_as_libjpeg(cases: &[Case]) {
    let files: Vec<Vec<u8>> = cases.iter().map(|case| case.jpeg.file()).collect();
    let references = pillow::decode(How::Rgb, files.iter().map(Vec::as_slice));
    let mut faults = Faults::default();
    for ((case, file), reference) in cases.iter().zip(&files).zip(references) {
        let name = &case.name;
        let reference = reference.unwrap_or_else(|reason| panic!("libjpeg refuses {name}: {reason}"));
        let reference = RgbImage::from_vec(reference.width, reference.height, reference.samples).unwrap();
        let reduced = reference.width().max(reference.height()) > PHOTO_SIDE;
        let reference = resize_to_fit(reference, PHOTO_SIDE);
        match decoded(file) {
            Err(error) => faults.add(file, &format!("{name} is refused: {error:?}")),
            Ok(ours) if ours.dimensions() != reference.dimensions() => {
                faults.add(file, &format!("{name} is {:?}", ours.dimensions()));
            }
            Ok(ours) => {
                let (mean, greatest) = difference(&ours, &reference);
                let most = if reduced { REDUCED } else { AT_FULL_SIZE };
                if mean > most.0 || greatest > most.1 {
                    faults.add(file, &format!("{name} differs by {mean:.2}, at most {greatest}"));
                }
            }
        }
    }
    faults.none(cases.len());
}

#[test]
fn every_kind_of_jpeg_is_decoded_as_by_libjpeg() {
    let cases = matrix();
    assert!(cases.len() > 300, "{}", cases.len());
    assert_as_libjpeg(&cases);
}

/// JFIF, Adobe and the ids of components say what the components are.
#[test]
fn colours_are_told_apart_as_by_libjpeg() {
    let heads: [(&str, Vec<Segment>); 9] = [
        ("nothing", vec![]),
        ("JFIF", vec![Segment::jfif()]),
        ("Adobe 0", vec![Segment::adobe(0)]),
        ("Adobe 1", vec![Segment::adobe(1)]),
        ("Adobe 2", vec![Segment::adobe(2)]),
        ("Adobe 9", vec![Segment::adobe(9)]),
        ("JFIF, Adobe 0", vec![Segment::jfif(), Segment::adobe(0)]),
        ("Adobe 0, JFIF", vec![Segment::adobe(0), Segment::jfif()]),
        ("another APP14", vec![Segment::new(0xEE, *b"Ducky and the rest")]),
    ];
    let ids: [[u8; 4]; 6] = [[1, 2, 3, 4], [0, 1, 2, 3], *b"RGBA", *b"CMYK", *b"rgba", [9, 200, 7, 0]];
    let mut cases = Vec::new();
    for components in [1, 3, 4] {
        for (head, segments) in &heads {
            for ids in ids {
                let mut jpeg = plain(components);
                jpeg.head.clone_from(segments);
                for (component, id) in jpeg.components.iter_mut().zip(ids) {
                    component.id = id;
                }
                let name = format!("{components} components, {head}, {ids:?}");
                cases.push(Case { name, jpeg });
            }
        }
    }
    assert_as_libjpeg(&cases);
}

/// What is larger than a stored photo is reduced while it is decoded.
#[test]
fn large_pictures_are_reduced_as_by_a_good_filter() {
    let random = &mut Rng::with_seed(2);
    let samplings: [&[(u8, u8)]; 6] = [
        &[(1, 1)],
        &[(1, 1), (1, 1), (1, 1)],
        &[(2, 1), (1, 1), (1, 1)],
        &[(2, 2), (1, 1), (1, 1)],
        &[(1, 1), (2, 2), (2, 2)],
        &[(1, 1), (1, 1), (1, 1), (1, 1)],
    ];
    let mut cases = Vec::new();
    // A little larger than a stored photo, about 2, 3, 4, 8 times as large, and the longest that libjpeg takes.
    let sizes = [
        (2049, 60),
        (30, 4099),
        (6200, 31),
        (33, 8192),
        (16500, 9),
        (5, 32768),
        (32768, 1),
    ];
    for factors in samplings {
        let mut scripts: Vec<_> = scripts::progressive(factors.len(), random)
            .into_iter()
            .take(2)
            .collect();
        scripts.extend(scripts::sequential(factors.len()));
        for (width, height) in sizes {
            let nth = random.usize(0..scripts.len());
            let mut jpeg = picture(factors, width, height, random);
            for component in &mut jpeg.components {
                component.samples = shapes(width, height, random);
            }
            jpeg.frame = if nth < 2 { 0xC2 } else { 0xC1 };
            jpeg.scans.clone_from(&scripts[nth].1);
            if factors.len() == 4 {
                jpeg.head.push(Segment::adobe(0));
            }
            let name = format!("{factors:?} {:X} ({}) {width}x{height}", jpeg.frame, scripts[nth].0);
            cases.push(Case { name, jpeg });
        }
    }
    assert_as_libjpeg(&cases);
}

/// Smooth shapes and edges, as photos have them.
fn shapes(width: u16, height: u16, random: &mut Rng) -> Vec<u8> {
    let (size, shade) = (random.usize(20..60), random.u8(60..200));
    let (width, height) = (usize::from(width), usize::from(height));
    let sample = |place: usize| {
        let (x, y) = (place % width, place / width);
        let wave = u8::try_from((x / 2 + y) % 100).unwrap();
        let wave = wave.min(99 - wave);
        if (x / size + y / size) % 3 == 0 {
            shade
        } else {
            shade - wave
        }
    };
    (0..width * height).map(sample).collect()
}

/// A run of blocks without coefficients may be longer than one symbol can say.
#[test]
fn long_runs_of_empty_blocks_are_decoded() {
    let random = &mut Rng::with_seed(3);
    let mut jpeg = picture(&[(1, 1)], 2040, 1100, random);
    jpeg.components[0].samples.fill(77);
    jpeg.frame = 0xC2;
    let cases: Vec<_> = scripts::progressive(1, random)
        .into_iter()
        .take(2)
        .map(|(script, scans)| Case {
            name: script.to_owned(),
            jpeg: Jpeg { scans, ..jpeg.clone() },
        })
        .collect();
    assert_as_libjpeg(&cases);
}

/// Factors that do not divide the largest are legal, but libjpeg does not decode them.
#[test]
fn fractional_sampling_is_refused_or_right() {
    let random = &mut Rng::with_seed(4);
    let mut faults = Faults::default();
    let samplings: [&[(u8, u8)]; 4] = [
        &[(3, 1), (2, 1), (1, 1)],
        &[(2, 2), (1, 3), (1, 1)],
        &[(4, 1), (3, 1), (3, 1)],
        &[(3, 3), (2, 2), (2, 2)],
    ];
    for factors in samplings {
        for (name, scans) in scripts::sequential(3) {
            let mut jpeg = picture(factors, 48, 36, random);
            jpeg.scans = scans;
            super::split_large_mcus(&mut jpeg.scans, factors);
            // One colour: any right way of upsampling gives it.
            for (component, shade) in jpeg.components.iter_mut().zip([100, 128, 128]) {
                component.samples.fill(shade);
                component.quantisation = [1; 64];
            }
            let file = jpeg.file();
            match decoded(&file) {
                Err(PhotoError::UnsupportedJpeg) => {}
                Ok(ours) if ours.dimensions() == (48, 36) && ours.iter().all(|&value| value == 100) => {}
                other => {
                    let mut what = format!("{factors:?} ({name}): ");
                    match other {
                        Ok(_) => what.push_str("garbage"),
                        Err(error) => write!(what, "{error:?}").unwrap(),
                    }
                    faults.add(&file, &what);
                }
            }
        }
    }
    faults.none(28);
}

/// The matrix must hold what it says.
#[test]
fn the_matrix_has_every_kind() {
    let cases = matrix();
    for huffman in [Huffman::Standard, Huffman::Optimal, Huffman::Long] {
        assert!(cases.iter().any(|case| case.jpeg.huffman == huffman));
    }
    for tables in [Tables::Apart, Tables::Together, Tables::Redefined] {
        assert!(cases.iter().any(|case| case.jpeg.tables == tables));
    }
    // Decoders may refuse files of more scans than any encoder makes.
    assert!(cases.iter().all(|case| case.jpeg.scans.len() <= 256));
    for frame in 0xC0..=0xC2 {
        assert!(cases.iter().any(|case| case.jpeg.frame == frame));
    }
}
