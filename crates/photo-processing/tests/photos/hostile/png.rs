//! PNG files.

use super::deflate::Deflate;
use super::icc::Curves;
use super::{Case, LARGEST, assert_bounded, icc};
use crate::png::writer::{GREY, Kind, PALETTE, RGB, RGBA, chunk};

const TOO_LONG: &str = "This image is too long.";
const DAMAGED: &str = "This image is damaged";

/// Room for all but the content of one large chunk.
const ROOM: usize = LARGEST - 1000;

fn kind(colour: u8, depth: u8, interlaced: bool, width: u32, height: u32) -> Kind {
    Kind {
        colour,
        depth,
        interlaced,
        width,
        height,
    }
}

/// A file with these chunks and a picture whose rows are like the first, if it is not too wide.
fn picture(kind: Kind, chunks: &[Vec<u8>]) -> Vec<u8> {
    let bytes = (kind.width as usize * kind.channels().max(1) * usize::from(kind.depth)).div_ceil(8);
    let mut random = fastrand::Rng::with_seed(1);
    let mut data = Deflate::default();
    data.fixed_block();
    let distance = bytes + 1;
    if distance <= 1 << 15 && !kind.interlaced {
        data.literals(&[0]);
        data.literals(&(0..bytes).map(|_| random.u8(..)).collect::<Vec<_>>());
        data.copies(distance * (kind.height as usize - 1), distance);
    } else {
        // Rows of each pass; the sum of their bytes, at most.
        let rows = kind.height as usize * if kind.interlaced { 2 } else { 1 };
        data.literals(&[0]);
        data.copies(bytes * kind.height as usize + 9 * rows, 1);
    }
    data.end_block();
    file(kind, chunks, &data.finish())
}

fn file(kind: Kind, chunks: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    [kind.start(), chunks.concat(), chunk(b"IDAT", data), chunk(b"IEND", &[])].concat()
}

fn small(chunks: &[Vec<u8>]) -> Vec<u8> {
    picture(kind(RGB, 8, false, 30, 20), chunks)
}

fn repeated(chunk: &[u8]) -> Vec<Vec<u8>> {
    vec![chunk.repeat(ROOM / chunk.len())]
}

fn compressed_profile(profile: &[u8]) -> Vec<u8> {
    let mut data = Deflate::default();
    data.fixed_block();
    data.literals(profile);
    data.end_block();
    named(
        b"iCCP",
        &[data.finish(), adler32(profile).to_be_bytes().to_vec()].concat(),
    )
}

/// The checksum of compressed data, without which a profile is not read (RFC 1950).
fn adler32(data: &[u8]) -> u32 {
    let sums = data.iter().fold((1_u32, 0_u32), |(sum, sum_of_sums), byte| {
        let sum = (sum + u32::from(*byte)) % 65_521;
        (sum, (sum_of_sums + sum) % 65_521)
    });
    sums.1 << 16 | sums.0
}

fn named(name: &[u8; 4], compressed: &[u8]) -> Vec<u8> {
    chunk(name, &[b"name\0\0", compressed].concat())
}

/// Compressed zeros that fill a file.
fn zeros() -> Vec<u8> {
    let mut data = Deflate::default();
    data.fixed_block();
    data.literals(&[0]);
    // Each copy takes 13 bits.
    data.copies(258 * (ROOM * 8 / 13 - 100), 1);
    data.end_block();
    data.finish()
}

fn many_blocks() -> Vec<u8> {
    let mut data = Deflate::default();
    while data.len() < ROOM - 100 {
        data.empty_block_with_tables();
    }
    data.finish()
}

#[test]
fn sides_are_limited_by_the_header() {
    let mut cases: Vec<Case> = Vec::new();
    for (colour, depth) in [(GREY, 1), (PALETTE, 8), (RGBA, 16)] {
        for interlaced in [false, true] {
            for (width, height) in [(64_000_000, 1), (1, 64_000_000), (32_769, 1), (1, 32_769)] {
                let kind = kind(colour, depth, interlaced, width, height);
                cases.push(("a side", file(kind, &[], &[0x78, 0x01]), TOO_LONG));
            }
        }
    }
    assert_bounded(cases);
}

#[test]
fn the_largest_pictures() {
    assert_bounded(vec![
        (
            "PNG, 8191 × 8192, RGBA",
            picture(kind(RGBA, 8, false, 8191, 8192), &[]),
            "",
        ),
        (
            "PNG, 8192 × 8192, RGBA, 16 bits, interlaced",
            picture(kind(RGBA, 16, true, 8192, 8192), &[]),
            "",
        ),
        (
            "PNG, 32,768 × 2048, RGBA, 16 bits",
            picture(kind(RGBA, 16, false, 32_768, 2048), &[]),
            "",
        ),
        (
            "PNG, 2048 × 32,768, RGBA, interlaced",
            picture(kind(RGBA, 8, true, 2048, 32_768), &[]),
            "",
        ),
        (
            "PNG, 4095 × 4095, RGBA",
            picture(kind(RGBA, 8, false, 4095, 4095), &[]),
            "",
        ),
        (
            "PNG, 6143 × 6143, RGBA",
            picture(kind(RGBA, 8, false, 6143, 6143), &[]),
            "",
        ),
    ]);
}

#[test]
fn compressed_data() {
    let picture = kind(RGB, 8, false, 3000, 3000);
    assert_bounded(vec![
        ("PNG, many blocks", file(picture, &[], &many_blocks()), DAMAGED),
        (
            "PNG, more data than the picture has",
            file(kind(GREY, 1, false, 8, 8), &[], &zeros()),
            "",
        ),
        ("PNG, a profile of 1.7 GB", small(&[named(b"iCCP", &zeros())]), ""),
        (
            "PNG, a profile of many blocks",
            small(&[named(b"iCCP", &many_blocks())]),
            "",
        ),
        ("PNG, a text of 1.7 GB", small(&[named(b"zTXt", &zeros())]), ""),
        (
            "PNG, EXIF that fills the file",
            small(&[chunk(b"eXIf", &vec![b'I'; ROOM])]),
            "",
        ),
    ]);
}

#[test]
fn many_chunks() {
    let bomb = {
        let mut data = Deflate::default();
        data.fixed_block();
        data.literals(&[0]);
        data.copies(20 << 20, 1);
        data.end_block();
        // The last block is missing.
        named(b"iCCP", &[&[0x78, 0x01], &data.finish()[2..1 << 15]].concat())
    };
    let control = chunk(
        b"fcTL",
        &[
            [0; 4],
            [0, 0, 0, 30],
            [0, 0, 0, 20],
            [0; 4],
            [0; 4],
            [0, 1, 0, 1],
            [0; 4],
        ]
        .concat()[..26],
    );
    let frame = chunk(b"fdAT", &[0; 4]);
    let exif = chunk(b"eXIf", b"II*\0\x08\0\0\0\xFF\xFF");
    let picture = small(&[]);
    let (before, after) = picture.split_at(picture.len() - 12);
    let animation = [before, &repeated(&[control.as_slice(), &frame].concat())[0], after].concat();
    assert_bounded(vec![
        ("PNG, many unknown chunks", small(&repeated(&chunk(b"abCd", &[]))), ""),
        ("PNG, many texts", small(&repeated(&chunk(b"tEXt", b"a\0b"))), ""),
        ("PNG, many EXIF chunks", small(&repeated(&exif)), ""),
        ("PNG, many profiles", small(&repeated(&bomb)), ""),
        (
            "PNG, many empty parts of the picture",
            small(&repeated(&chunk(b"IDAT", &[]))),
            "",
        ),
        ("PNG, many frames after the picture", animation, ""),
    ]);
}

#[test]
fn profiles() {
    let large = kind(RGBA, 8, false, 8191, 8192);
    let rgb = |points, curves| compressed_profile(&icc::with_table(b"RGB ", 3, points, curves));
    assert_bounded(vec![
        (
            "PNG, 67 megapixels, RGBA, a profile with a table",
            picture(large, &[rgb(33, Curves::Identity)]),
            "",
        ),
        (
            "PNG, 67 megapixels, RGBA, a profile with curves",
            picture(large, &[rgb(33, Curves::Waves)]),
            "",
        ),
        (
            "PNG, a profile with a large table",
            small(&[rgb(145, Curves::Identity)]),
            "",
        ),
        (
            "PNG, a profile with many tags",
            small(&[compressed_profile(&icc::with_many_tags(b"RGB ", 3, 100, 200_000))]),
            "",
        ),
    ]);
}
