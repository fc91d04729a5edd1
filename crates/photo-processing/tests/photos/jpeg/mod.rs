//! JPEG: every kind that can be generated is decoded as libjpeg decodes it, or refused.

mod cut;
mod damaged;
mod differential;
mod headers;
mod markers;
mod pictures;
mod scripts;
pub mod writer;

use std::path::PathBuf;

use fastrand::Rng;
use image::RgbImage;
use writer::{Component, Huffman, Jpeg, Scan, Segment, Tables};

/// Sampling factors of pictures with one component.
const GREY: [&[(u8, u8)]; 4] = [&[(1, 1)], &[(2, 2)], &[(1, 4)], &[(3, 2)]];
/// Of three: the usual ones, rare ones, those with chroma finer than luma.
const COLOUR: [&[(u8, u8)]; 24] = [
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(1, 4), (1, 1), (1, 1)],
    &[(4, 2), (1, 1), (1, 1)],
    &[(2, 4), (1, 1), (1, 1)],
    &[(4, 4), (1, 1), (1, 1)],
    &[(3, 1), (1, 1), (1, 1)],
    &[(1, 3), (1, 1), (1, 1)],
    &[(3, 2), (1, 1), (1, 1)],
    &[(2, 2), (2, 1), (2, 1)],
    &[(2, 2), (1, 2), (1, 2)],
    &[(2, 2), (2, 1), (1, 2)],
    &[(2, 1), (2, 1), (1, 1)],
    &[(4, 1), (2, 1), (1, 1)],
    &[(2, 2), (2, 2), (2, 2)],
    &[(4, 4), (2, 2), (1, 1)],
    &[(1, 1), (2, 2), (2, 2)],
    &[(1, 1), (2, 1), (2, 1)],
    &[(1, 2), (2, 1), (2, 1)],
    &[(2, 1), (1, 2), (1, 1)],
    &[(1, 1), (3, 1), (1, 3)],
];
/// Of four.
const INKS: [&[(u8, u8)]; 4] = [
    &[(1, 1), (1, 1), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1), (2, 2)],
    &[(2, 1), (1, 1), (1, 1), (2, 1)],
    &[(1, 2), (2, 1), (1, 1), (1, 1)],
];
/// The maximum number of blocks in an MCU of an interleaved scan.
const BLOCKS: u8 = 10;
const SIZES: [u16; 14] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 45, 64, 70];

/// A generated file.
pub struct Case {
    name: String,
    pub jpeg: Jpeg,
}

/// A picture of components with these factors, and its tables. The scans are missing.
fn picture(factors: &[(u8, u8)], width: u16, height: u16, random: &mut Rng) -> Jpeg {
    let mut component = |id, &(across, down)| Component {
        id,
        across,
        down,
        quantisation: pictures::quantisation(random),
        samples: pictures::samples(width, height, random),
    };
    let components: Vec<_> = std::iter::zip(1.., factors)
        .map(|(id, factors)| component(id, factors))
        .collect();
    let wide = components.iter().any(|component| component.quantisation[63] > 255);
    Jpeg {
        width,
        height,
        components,
        frame: if wide { 0xC1 } else { 0xC0 },
        huffman: Huffman::Optimal,
        scans: Vec::new(),
        tables: Tables::Apart,
        head: vec![],
    }
}

/// An ordinary small picture: baseline, in one scan.
fn plain(components: usize) -> Jpeg {
    let random = &mut Rng::with_seed(18);
    let mut jpeg = picture(&vec![(1, 1); components], 40, 24, random);
    jpeg.frame = 0xC0;
    for component in &mut jpeg.components {
        component.quantisation = std::array::from_fn(|place| u16::try_from(place).unwrap() / 2 + 3);
    }
    jpeg.scans = scripts::sequential(components).swap_remove(0).1;
    jpeg
}

/// Sampling × scans; all else is random.
pub fn matrix() -> Vec<Case> {
    let mut cases = Vec::new();
    let random = &mut Rng::with_seed(1);
    for factors in GREY.into_iter().chain(COLOUR).chain(INKS) {
        let sequential = scripts::sequential(factors.len())
            .into_iter()
            .map(|script| (false, script));
        let progressive = scripts::progressive(factors.len(), random)
            .into_iter()
            .map(|script| (true, script));
        for (progressive, (name, mut scans)) in sequential.chain(progressive) {
            split_large_mcus(&mut scans, factors);
            let [width, height] = std::array::from_fn(|_| *random.choice(&SIZES).unwrap());
            let mut jpeg = picture(factors, width, height, random);
            for scan in &mut scans {
                scan.restart = *random.choice(&[0, 0, 1, 2, 3, 7, 60]).unwrap();
            }
            let alone = scans.iter().all(|scan| scan.components.len() == 1);
            jpeg.scans = scans;
            jpeg.tables = match random.u8(0..3) {
                0 => Tables::Together,
                1 if alone => Tables::Redefined,
                _ => Tables::Apart,
            };
            jpeg.huffman = match random.u8(0..3) {
                0 if !progressive => Huffman::Standard,
                1 => Huffman::Long,
                _ => Huffman::Optimal,
            };
            if progressive {
                jpeg.frame = 0xC2;
            }
            // Four components are CMYK in Adobe's way.
            if factors.len() == 4 {
                jpeg.head.push(Segment::adobe(0));
            }
            let kind = if progressive { "progressive" } else { "sequential" };
            let name = format!(
                "{factors:?} {kind} ({name}) {width}x{height} {:?} {:?}",
                jpeg.huffman, jpeg.tables
            );
            cases.push(Case { name, jpeg });
        }
    }
    cases
}

/// Scans whose MCUs would be too large become one scan for each component.
fn split_large_mcus(scans: &mut Vec<Scan>, factors: &[(u8, u8)]) {
    let blocks = |&component: &usize| factors[component].0 * factors[component].1;
    *scans = std::mem::take(scans)
        .into_iter()
        .flat_map(|scan| {
            if scan.components.len() == 1 || scan.components.iter().map(blocks).sum::<u8>() <= BLOCKS {
                return vec![scan];
            }
            let alone = |&component| Scan {
                components: vec![component],
                ..scan.clone()
            };
            scan.components.iter().map(alone).collect()
        })
        .collect();
}

/// The mean and the greatest difference of two pictures' samples.
fn difference(ours: &RgbImage, reference: &[u8]) -> (f64, u8) {
    assert_eq!(ours.len(), reference.len());
    let differences = std::iter::zip(ours.iter(), reference).map(|(ours, theirs)| ours.abs_diff(*theirs));
    let (sum, greatest) = differences.fold((0_u32, 0), |(sum, greatest), difference| {
        (sum + u32::from(difference), greatest.max(difference))
    });
    (
        f64::from(sum) / f64::from(u32::try_from(reference.len()).unwrap()),
        greatest,
    )
}

/// What went wrong in a suite. Each file that did is kept, to look at.
#[derive(Default)]
struct Faults {
    lines: Vec<String>,
}

impl Faults {
    fn add(&mut self, file: &[u8], what: &str) {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.jpg", self.name()));
        std::fs::write(&path, file).unwrap();
        self.lines.push(format!("{what}: {}", path.display()));
    }

    /// The names differ between suites, which run at the same time.
    fn name(&self) -> String {
        let thread = std::thread::current();
        let suite = thread.name().unwrap_or_default().replace("::", "-");
        format!("{suite}-{}", self.lines.len())
    }

    fn none(self, of: usize) {
        let count = self.lines.len();
        assert!(count == 0, "{count} of {of} files:\n{}", self.lines.join("\n"));
    }
}
