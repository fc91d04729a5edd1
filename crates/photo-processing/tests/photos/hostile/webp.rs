//! WebP files.

use super::bits::Bits;
use super::icc::Curves;
use super::{LARGEST, assert_bounded, icc};
use crate::pillow::samples;

const TOO_LONG: &str = "This image is too long.";
const TOO_MUCH_WORK: &str = "This image takes too much work";

/// Room for all but what repeats.
const ROOM: usize = LARGEST - 2000;

/// The flags of the VP8X chunk.
const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let filling: &[u8] = if content.len() % 2 == 1 { &[0] } else { &[] };
    [name, length.as_slice(), content, filling].concat()
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[b"WEBP".as_slice(), &chunks.concat()].concat())
}

/// The chunk that says how large the picture is.
fn header(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let sides = [width - 1, height - 1].map(u32::to_le_bytes);
    chunk(b"VP8X", &[&[flags, 0, 0, 0], &sides[0][..3], &sides[1][..3]].concat())
}

/// The pixels of a lossless picture without header, of which each has the same value and takes no bits. They are
/// predicted by this mode, if any.
fn constant_pixels(mode: Option<u32>) -> Vec<u8> {
    let mut bits = Bits::default();
    if let Some(mode) = mode {
        // Predictor and colour, in tiles of 4 × 4 pixels of one value; then green is subtracted.
        for (kind, green) in [(0, mode), (1, 77)] {
            bits.put(1 | kind << 1, 3);
            bits.put(0, 4);
            constant(&mut bits, [green, 99, 55, 33]);
        }
        bits.put(1 | 2 << 1, 3);
    }
    bits.put(0, 1);
    // The largest cache, which notes each pixel.
    bits.put(1 | 11 << 1, 5);
    bits.put(0, 1);
    constant(&mut bits, [5, 7, 9, 200]);
    bits.finish()
}

/// The same with so many groups of codes, each of which is as large as it can be.
fn groups(count: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0, 1);
    bits.put(1 | 11 << 1, 5);
    // Tiles of 4 × 4 pixels, all of the last group.
    bits.put(1, 4);
    bits.put(0, 1);
    let last = count - 1;
    constant(&mut bits, [last & 0xFF, last >> 8, 0, 0]);
    // More of them need not be there.
    for _ in 0..count.min(4097) {
        // 1768 codes of 11 bits and 560 of 12.
        lengths_of(&mut bits, &[(16, 1), (11, 2), (12, 2)]);
        for (length, repetitions, rest) in [(0b10, 294, [0].as_slice()), (0b11, 92, &[0, 1])] {
            bits.code(length, 2);
            for more in std::iter::repeat_n(&3, repetitions).chain(rest) {
                bits.code(0, 1);
                bits.put(*more, 2);
            }
        }
        for _ in 0..3 {
            // 256 codes of 8 bits, which is the length that is repeated if none came before.
            lengths_of(&mut bits, &[(16, 1)]);
            for more in std::iter::repeat_n(3, 42).chain([1]) {
                bits.put(more, 2);
            }
        }
        one_symbol(&mut bits, 0);
    }
    // The pixels.
    bits.bytes.resize(bits.bytes.len() + 100_000, 0);
    bits.finish()
}

/// A code whose lengths are given by a code with these lengths.
fn lengths_of(bits: &mut Bits, lengths: &[(u32, u32)]) {
    bits.put(0, 1);
    bits.put(15, 4);
    for symbol in [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
        let length = lengths.iter().find(|(known, _)| *known == symbol);
        bits.put(length.map_or(0, |(_, length)| *length), 3);
    }
    bits.put(0, 1);
}

/// Codes that have one value for green, red, blue and alpha.
fn constant(bits: &mut Bits, values: [u32; 4]) {
    for value in values {
        one_symbol(bits, value);
    }
    one_symbol(bits, 0);
}

fn one_symbol(bits: &mut Bits, symbol: u32) {
    bits.put(0b101, 3);
    bits.put(symbol, 8);
}

fn lossless(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let header = (width - 1) | (height - 1) << 14 | 1 << 28;
    let content = [&[0x2F], header.to_le_bytes().as_slice(), pixels].concat();
    chunk(b"VP8L", &content)
}

/// A lossy picture of this size whose modes and coefficients are random. The probabilities are those of a sample.
fn lossy(sample: &[u8], width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(5);
    let mut some = |count: usize| (0..count).map(|_| random.u8(..)).collect::<Vec<_>>();
    // After the headers of the file and of the chunk.
    let start = &sample[20..30];
    let tag = u32::from(start[0]) | u32::from(start[1]) << 8 | u32::from(start[2]) << 16;
    let modes = sample[30..][..(tag >> 5) as usize].to_vec();
    // What says how to decode comes first; the modes of the blocks follow.
    let modes = [&modes[..modes.len().min(150)], &some(450_000)].concat();
    let tag = tag & 0x1F | u32::try_from(modes.len()).unwrap() << 5;
    let sides = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let rest = some(bytes - modes.len());
    chunk(
        b"VP8 ",
        &[&tag.to_le_bytes()[..3], &start[3..6], &sides, &modes, &rest].concat(),
    )
}

#[test]
fn sides_are_limited_by_the_header() {
    let picture = lossless(16, 16, &constant_pixels(None));
    assert_bounded(vec![
        (
            "WebP, a side of 32,769",
            file(&[header(0, 32_769, 16), picture.clone()]),
            TOO_LONG,
        ),
        (
            "WebP, a side of 4 million",
            file(&[header(0, 16, 4_000_000), picture.clone()]),
            TOO_LONG,
        ),
        (
            "WebP, sides of 16 million",
            file(&[header(0, 1 << 24, 1 << 24), picture]),
            "This image has too many pixels.",
        ),
    ]);
}

#[test]
fn lossless_pictures() {
    let file = |width, height, mode| file(&[lossless(width, height, &constant_pixels(mode))]);
    let profile = icc::with_table(b"RGB ", 3, 33, Curves::Waves);
    let with_profile = |width, height| {
        let picture = lossless(width, height, &constant_pixels(Some(13)));
        self::file(&[
            header(ALPHA | PROFILE, width, height),
            chunk(b"ICCP", &profile),
            picture,
        ])
    };
    assert_bounded(vec![
        ("WebP, lossless, 17 megapixels", file(4250, 4000, None), ""),
        (
            "WebP, lossless, 17 megapixels, predicted (11)",
            file(4250, 4000, Some(11)),
            "",
        ),
        (
            "WebP, lossless, 17 megapixels, predicted (13)",
            file(4250, 4000, Some(13)),
            "",
        ),
        (
            "WebP, lossless, 16,383 × 1037, predicted",
            file(16_383, 1037, Some(12)),
            "",
        ),
        (
            "WebP, lossless, 1037 × 16,383, predicted",
            file(1037, 16_383, Some(5)),
            "",
        ),
        ("WebP, lossless, 17 megapixels, a profile", with_profile(4250, 4000), ""),
    ]);
}

#[test]
fn groups_of_codes() {
    let file = |count| file(&[lossless(64, 64, &groups(count))]);
    assert_bounded(vec![
        ("WebP, 65,536 groups of codes", file(1 << 16), TOO_MUCH_WORK),
        ("WebP, 4097 groups of codes", file(4097), TOO_MUCH_WORK),
        ("WebP, 4096 groups of codes", file(4096), ""),
    ]);
}

/// The noise has coefficients of nearly each frequency, and so has what its probabilities make of random bytes.
#[test]
fn lossy_pictures() {
    let samples = samples();
    let cases = samples.iter().filter(|(name, _)| name.starts_with("noise-"));
    let cases = cases.map(|(name, sample)| {
        let name: &str = Box::leak(format!("WebP, lossy, 32 megapixels, {name}").into_boxed_str());
        (name, file(&[lossy(sample, 8000, 4000, ROOM)]), "")
    });
    assert_bounded(cases.collect());
}

#[test]
fn opacity() {
    let samples = samples();
    let (_, sample) = samples.iter().find(|(name, _)| name == "noise-30.webp").unwrap();
    let with_opacity = |opacity: &[u8], filter: u8| {
        let opacity = [&[filter << 2 | 1], opacity].concat();
        let profile = chunk(b"ICCP", &icc::with_table(b"RGB ", 3, 33, Curves::Waves));
        let picture = lossy(sample, 4250, 4000, ROOM - opacity.len() - profile.len());
        let header = header(ALPHA | PROFILE, 4250, 4000);
        file(&[header, profile, chunk(b"ALPH", &opacity), picture])
    };
    assert_bounded(vec![
        (
            "WebP, lossy, 17 megapixels, opacity, a profile",
            with_opacity(&constant_pixels(Some(13)), 3),
            "",
        ),
        (
            "WebP, opacity of 4096 groups",
            with_opacity(&groups(1 << 12), 0),
            "This image is damaged",
        ),
        (
            "WebP, opacity of 65,536 groups",
            with_opacity(&groups(1 << 16), 0),
            TOO_MUCH_WORK,
        ),
    ]);
}

#[test]
fn many_chunks() {
    let picture = lossless(16, 16, &constant_pixels(None));
    let frame = chunk(
        b"ANMF",
        &[vec![0; 6], vec![15, 0, 0, 15, 0, 0], vec![0; 4], picture.clone()].concat(),
    );
    let repeated = |chunk: &[u8]| chunk.repeat(ROOM / chunk.len());
    let different: Vec<u8> = (0..u32::try_from(ROOM / 8).unwrap())
        .flat_map(|name| chunk(&name.to_le_bytes(), &[]))
        .collect();
    assert_bounded(vec![
        ("WebP, many unknown chunks", file(&[different, picture.clone()]), ""),
        (
            "WebP, many EXIF chunks",
            file(&[repeated(&chunk(b"EXIF", b"II*\0")), picture.clone()]),
            "",
        ),
        ("WebP, many frames", file(&[header(2, 16, 16), repeated(&frame)]), ""),
    ]);
}
