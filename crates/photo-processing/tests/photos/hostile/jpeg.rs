//! JPEG files.

use super::icc::Curves;
use super::{Case, LARGEST, assert_bounded, icc};
use crate::jpeg::writer::{Segment, file};

const DAMAGED: &str = "This image is damaged";
const TOO_MUCH_WORK: &str = "This image takes too much work";

/// Room for all but what repeats.
const ROOM: usize = LARGEST - 2000;

const BASELINE: u8 = 0xC0;
const PROGRESSIVE: u8 = 0xC2;

/// A symbol that ends a band of 16,384 blocks if zeros follow.
const LONG_BAND: u8 = 0xE0;
/// A symbol for one coefficient of 1 bit.
const COEFFICIENT: u8 = 0x01;
const END_OF_BLOCK: u8 = 0;

/// What comes before the scans. Each component has these factors, and each table one code: a zero.
fn start(frame: u8, width: u16, height: u16, factors: &[u8], ac: u8) -> Vec<Segment> {
    let mut payload = vec![8];
    payload.extend(height.to_be_bytes());
    payload.extend(width.to_be_bytes());
    payload.push(u8::try_from(factors.len()).unwrap());
    for (id, factors) in (1..).zip(factors) {
        payload.extend([id, *factors, 0]);
    }
    let table = |number: u8, symbol: u8| {
        let mut payload = vec![number, 1];
        payload.extend([0; 15]);
        payload.push(symbol);
        Segment::new(0xC4, payload)
    };
    vec![
        Segment::alone(0xD8),
        Segment::new(0xDB, [vec![0], vec![1; 64]].concat()),
        Segment::new(frame, payload),
        table(0, 0),
        table(0x10, ac),
    ]
}

/// A scan of so many zero bits.
fn scan(components: &[u8], band: (u8, u8), bits: usize) -> Segment {
    let mut payload = vec![u8::try_from(components.len()).unwrap()];
    for id in components {
        payload.extend([*id, 0]);
    }
    payload.extend([band.0, band.1, 0]);
    let mut segment = Segment::new(0xDA, payload);
    segment.data = vec![0; bits.div_ceil(8)];
    segment
}

fn ended(mut segments: Vec<Segment>) -> Vec<u8> {
    segments.push(Segment::alone(0xD9));
    file(&segments)
}

/// A picture of one colour, whose blocks have so many bits.
fn baseline(width: u16, height: u16, factors: &[u8], ac: u8, bits: usize) -> Vec<u8> {
    let mut segments = start(BASELINE, width, height, factors, ac);
    let ids: Vec<u8> = (1..).take(factors.len()).collect();
    segments.push(scan(&ids, (0, 63), bits));
    ended(segments)
}

/// A progressive picture with so many scans after the first, each of one coefficient.
fn progressive(width: u16, height: u16, factors: &[u8], scans: usize) -> Vec<u8> {
    let mut segments = start(PROGRESSIVE, width, height, factors, LONG_BAND);
    let ids: Vec<u8> = (1..).take(factors.len()).collect();
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    segments.push(scan(&ids, (0, 0), blocks * factors.len()));
    let bits = blocks.div_ceil(1 << 14) * 15;
    let all = (1..64).flat_map(|place| ids.iter().map(move |id| scan(&[*id], (place, place), bits)));
    segments.extend(all.take(scans));
    ended(segments)
}

/// A small picture after so many of this segment as fit.
fn small_after(repeated: &Segment) -> Vec<u8> {
    let mut segments = start(BASELINE, 40, 24, &[0x11; 3], END_OF_BLOCK);
    let times = ROOM / repeated.bytes().len();
    segments.splice(1..1, vec![repeated.clone(); times]);
    segments.push(scan(&[1, 2, 3], (0, 63), 15 * 3 * 2));
    ended(segments)
}

/// The parts of a profile.
fn profile(profile: &[u8]) -> Vec<Segment> {
    let parts = profile.chunks(65_000);
    let count = u8::try_from(parts.len()).unwrap();
    let part =
        |(number, part): (u8, &[u8])| Segment::new(0xE2, [b"ICC_PROFILE\0", &[number, count][..], part].concat());
    (1..).zip(parts).map(part).collect()
}

fn with_profile(bytes: &[u8]) -> Vec<u8> {
    let mut segments = start(BASELINE, 2048, 2048, &[0x11; 4], END_OF_BLOCK);
    segments.splice(1..1, profile(bytes));
    segments.push(scan(&[1, 2, 3, 4], (0, 63), 256 * 256 * 4 * 2));
    ended(segments)
}

#[test]
fn sides_are_limited_by_the_header() {
    let cases = [(32_769, 1), (1, 32_769), (65_535, 1000)];
    let cases = cases.into_iter().flat_map(|(width, height)| {
        [BASELINE, PROGRESSIVE].map(|frame| -> Case {
            let segments = start(frame, width, height, &[0x11; 3], 0);
            ("JPEG, a side", file(&segments), "This image is too long.")
        })
    });
    assert_bounded(cases.collect());
}

#[test]
fn the_largest_pictures() {
    let blocks = 1024 * 1024;
    let inks = [0x11; 4];
    assert_bounded(vec![
        (
            "JPEG, 67 megapixels, four inks",
            baseline(8192, 8192, &inks, END_OF_BLOCK, blocks * 8),
            "",
        ),
        (
            "JPEG, 32,768 × 2048, four inks",
            baseline(32_768, 2048, &inks, END_OF_BLOCK, blocks * 8),
            "",
        ),
        (
            "JPEG, 2048 × 32,768, four inks",
            baseline(2048, 32_768, &inks, END_OF_BLOCK, blocks * 8),
            "",
        ),
        (
            "JPEG, every coefficient",
            baseline(5120, 8192, &[0x11], COEFFICIENT, blocks * 5 / 8 * 127),
            "",
        ),
        (
            "JPEG, 67 megapixels, chroma finer than luma",
            baseline(8192, 8192, &[0x11, 0x44, 0x44], END_OF_BLOCK, blocks * 5),
            "",
        ),
        (
            "JPEG, one column with large MCUs",
            baseline(1, 32_768, &[0x44; 4], END_OF_BLOCK, 1024 * 64 * 2),
            "",
        ),
        (
            "JPEG, 67 megapixels, four inks, progressive",
            progressive(8192, 8192, &inks, 40),
            "",
        ),
        (
            "JPEG, 32,768 × 2048, four inks, progressive",
            progressive(32_768, 2048, &inks, 40),
            "",
        ),
        (
            "JPEG, 16 megapixels, four inks, progressive",
            progressive(4095, 4095, &inks, 40),
            "",
        ),
    ]);
}

#[test]
fn scans_of_no_data() {
    assert_bounded(vec![
        (
            "JPEG, 253 scans of 67 megapixels",
            progressive(8192, 8192, &[0x11; 4], 252),
            TOO_MUCH_WORK,
        ),
        (
            "JPEG, 91 scans of 67 megapixels",
            progressive(8192, 8192, &[0x11; 4], 90),
            "",
        ),
        (
            "JPEG, 253 scans of 20 megapixels",
            progressive(5000, 4000, &[0x11; 4], 252),
            "",
        ),
    ]);
}

#[test]
fn bytes_that_fill_up() {
    // MCUs of as many blocks as there can be, which end in bytes that may precede a marker.
    let mut segments = start(BASELINE, 8192, 8192, &[0x44; 4], END_OF_BLOCK);
    let mut endless = scan(&[1, 2, 3, 4], (0, 63), 0);
    endless.data = vec![0xFF; ROOM];
    segments.push(endless.clone());
    let mut restarts = start(BASELINE, 8192, 8192, &[0x11], END_OF_BLOCK);
    restarts.push(Segment::new(0xDD, [0, 1]));
    let mut each = scan(&[1], (0, 63), 0);
    for number in 0..1024 * 1024 - 1_u32 {
        each.data
            .extend([0, 0xFF, 0xFF, 0xFF, 0xD0 | number.to_le_bytes()[0] & 7]);
    }
    each.data.push(0);
    restarts.push(each);
    assert_bounded(vec![
        ("JPEG, bytes that fill up", ended(segments), DAMAGED),
        ("JPEG, a restart for each block", ended(restarts), ""),
    ]);
}

#[test]
fn many_segments() {
    let full_table = {
        let mut payload = vec![0x13, 0, 0, 0, 0, 0, 0, 0, 1, 255];
        payload.resize(17, 0);
        payload.extend((0..256).map(|symbol| u8::try_from(symbol).unwrap()));
        Segment::new(0xC4, payload)
    };
    let exif = Segment::new(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xFF\xFF".as_slice());
    let part = Segment::new(0xE2, b"ICC_PROFILE\0\x01\x01".as_slice());
    assert_bounded(vec![
        (
            "JPEG, many application segments",
            small_after(&Segment::new(0xE5, [])),
            "",
        ),
        ("JPEG, many comments", small_after(&Segment::new(0xFE, *b"a")), ""),
        ("JPEG, many EXIF segments", small_after(&exif), ""),
        ("JPEG, many parts of a profile", small_after(&part), ""),
        (
            "JPEG, many small Huffman tables",
            small_after(&Segment::new(0xC4, [&[0x13, 1][..], &[0; 16]].concat())),
            "",
        ),
        ("JPEG, many large Huffman tables", small_after(&full_table), ""),
        (
            "JPEG, many quantisation tables",
            small_after(&Segment::new(0xDB, [[3].as_slice(), &[1; 64]].concat())),
            "",
        ),
        (
            "JPEG, many restart intervals",
            small_after(&Segment::new(0xDD, [0, 0])),
            "",
        ),
    ]);
}

#[test]
fn profiles() {
    assert_bounded(vec![
        (
            "JPEG, a profile of print with curves",
            with_profile(&icc::with_table(b"CMYK", 4, 17, Curves::Waves)),
            "",
        ),
        (
            "JPEG, a profile of print",
            with_profile(&icc::with_table(b"CMYK", 4, 17, Curves::Identity)),
            "",
        ),
        (
            "JPEG, a profile of print with 33⁴ points",
            with_profile(&icc::with_table(b"CMYK", 4, 33, Curves::Identity)),
            "",
        ),
        (
            "JPEG, a profile of print with 41⁴ points",
            with_profile(&icc::with_table(b"CMYK", 4, 41, Curves::Identity)),
            "",
        ),
        (
            "JPEG, a profile of print with many tags",
            with_profile(&icc::with_many_tags(b"CMYK", 4, 33, 400_000)),
            "",
        ),
    ]);
}
