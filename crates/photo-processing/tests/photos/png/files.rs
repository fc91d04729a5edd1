//! PNG files that lack a part, are damaged, too large, turned or animated.

use photo_processing::{PhotoError, decoded};

use super::writer::{GREY, Kind, PALETTE, RGB, RGBA, chunk, chunk_with_wrong_checksum};

fn kind(interlaced: bool) -> Kind {
    Kind {
        colour: RGB,
        depth: 8,
        interlaced,
        width: 30,
        height: 20,
    }
}

/// A picture that does not compress well.
fn samples() -> Vec<u16> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..30 * 20 * 3).map(|_| random.u16(0..256)).collect()
}

#[test]
fn a_cut_file_is_complete_or_refused() {
    for interlaced in [false, true] {
        let file = kind(interlaced).file(&samples(), &[]);
        let whole = decoded(&file).unwrap();
        for length in 8..file.len() {
            match decoded(&file[..length]) {
                Ok(picture) => {
                    assert_eq!(picture, whole, "cut at {length} of {}", file.len());
                    // Only the checksum of the pixels and the end marker may be missing.
                    assert!(length + 24 >= file.len(), "cut at {length} of {}", file.len());
                }
                Err(error) => assert_eq!(error, PhotoError::Damaged),
            }
        }
        let without_end = &file[..file.len() - 12];
        assert_eq!(decoded(without_end).unwrap(), whole);
    }
}

#[test]
fn a_picture_without_its_last_row_is_refused() {
    for interlaced in [false, true] {
        let kind = kind(interlaced);
        let shorter = Kind { height: 19, ..kind };
        let picture = chunk(b"IDAT", &shorter.compressed(&samples()));
        let file = [kind.start(), picture, chunk(b"IEND", &[])].concat();
        assert_eq!(decoded(&file).unwrap_err(), PhotoError::Damaged);
    }
}

#[test]
fn checksums_count_as_in_browsers() {
    let kind = kind(false);
    let (start, compressed) = (kind.start(), kind.compressed(&samples()));
    let whole = decoded(&kind.file(&samples(), &[])).unwrap();
    let (first, second) = compressed.split_at(100);
    let file = |chunks: &[Vec<u8>]| decoded(&[start.clone(), chunks.concat()].concat());
    // All pixels are there before the checksum is read.
    assert_eq!(
        file(&[chunk_with_wrong_checksum(b"IDAT", &compressed)]),
        Ok(whole.clone())
    );
    let (wrong, right) = (chunk_with_wrong_checksum(b"IDAT", first), chunk(b"IDAT", second));
    assert_eq!(file(&[wrong, right]), Err(PhotoError::Damaged));
    let unknown = |name| [chunk(name, b"?"), chunk(b"IDAT", &compressed)];
    assert_eq!(file(&unknown(b"abCd")), Ok(whole));
    assert_eq!(file(&unknown(b"ABCD")), Err(PhotoError::Damaged));
}

#[test]
fn damaged_files_do_not_panic() {
    let mut random = fastrand::Rng::with_seed(2);
    for interlaced in [false, true] {
        let file = kind(interlaced).file(&samples(), &[chunk(b"tRNS", &[0; 6]), exif(6)]);
        for _ in 0..2000 {
            let mut file = file.clone();
            for _ in 0..random.usize(1..4) {
                let place = random.usize(8..file.len());
                file[place] = random.u8(..);
            }
            let _ = decoded(&file);
        }
    }
}

#[test]
fn a_palette_of_any_length_is_used_or_refused() {
    let kind = Kind {
        colour: PALETTE,
        ..kind(false)
    };
    for length in 1..800 {
        let chunks = [
            chunk(b"PLTE", &vec![9; length]),
            chunk(b"IDAT", &kind.compressed(&[0; 30 * 20])),
        ];
        let answer = decoded(&[kind.start(), chunks.concat()].concat());
        assert_eq!(answer.is_ok(), length.is_multiple_of(3) && length <= 768, "{length}");
    }
}

fn exif(orientation: u8) -> Vec<u8> {
    let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    let content = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat();
    chunk(b"eXIf", &content)
}

#[test]
fn the_first_orientation_before_the_picture_counts() {
    let kind = kind(false);
    let picture = chunk(b"IDAT", &kind.compressed(&samples()));
    let size = |chunks: &[Vec<u8>]| {
        let file = [kind.start(), chunks.concat()].concat();
        decoded(&file).unwrap().dimensions()
    };
    let wrong_checksum = [&exif(6)[8..34], &[0; 4]].concat();
    for (chunks, turned) in [
        (vec![exif(6), picture.clone()], true),
        (vec![exif(6), exif(1), picture.clone()], true),
        (vec![exif(1), exif(6), picture.clone()], false),
        (vec![picture.clone(), exif(6)], false),
        (
            vec![chunk_with_wrong_checksum(b"eXIf", &wrong_checksum), picture.clone()],
            false,
        ),
        (vec![chunk(b"eXIf", b"junk"), picture.clone()], false),
    ] {
        assert_eq!(size(&chunks), if turned { (20, 30) } else { (30, 20) }, "{chunks:x?}");
    }
    for orientation in 0..=9 {
        let turned = size(&[exif(orientation), picture.clone()]) == (20, 30);
        assert_eq!(turned, (5..=8).contains(&orientation), "{orientation}");
    }
}

#[test]
fn the_default_picture_of_an_animation_is_shown() {
    let kind = kind(false);
    let control = chunk(b"acTL", &[[0, 0, 0, 2], [0; 4]].concat());
    let sides = [30_u32, 20, 0, 0].map(u32::to_be_bytes).concat();
    let frame = |number: u32| {
        let content = [number.to_be_bytes().to_vec(), sides.clone(), vec![0, 1, 0, 1, 0, 0]];
        chunk(b"fcTL", &content.concat())
    };
    let picture = chunk(b"IDAT", &kind.compressed(&samples()));
    let black = [2_u32.to_be_bytes().to_vec(), kind.compressed(&[0; 30 * 20 * 3])].concat();
    let file = [
        kind.start(),
        control,
        frame(0),
        picture,
        frame(1),
        chunk(b"fdAT", &black),
    ]
    .concat();
    assert_eq!(decoded(&file), decoded(&kind.file(&samples(), &[])));
}

#[test]
fn sizes_are_limited() {
    for (width, height, error) in [
        (9248, 6936, PhotoError::Damaged),
        (8192, 8192, PhotoError::Damaged),
        (8192, 8193, PhotoError::TooManyPixels),
        (32_768, 2048, PhotoError::Damaged),
        (32_769, 1, PhotoError::SideTooLong),
        (1, 32_769, PhotoError::SideTooLong),
        (1 << 26, 1, PhotoError::SideTooLong),
        (u32::MAX >> 1, u32::MAX >> 1, PhotoError::TooManyPixels),
        (0, 1, PhotoError::Damaged),
    ] {
        for (colour, depth) in [(GREY, 1), (RGB, 8), (RGBA, 16)] {
            let kind = Kind {
                colour,
                depth,
                interlaced: false,
                width,
                height,
            };
            // No pixels follow.
            assert_eq!(decoded(&kind.start()).unwrap_err(), error, "{width} × {height}");
        }
    }
}

/// A profile that is a hundred times as large as its chunk, and texts of that kind.
#[test]
fn compressed_chunks_are_limited() {
    let zeros = |count: usize| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; count]).unwrap();
        encoder.finish().unwrap()
    };
    let content = [b"name\0\0".to_vec(), zeros(100 << 20)].concat();
    let chunks = [chunk(b"iCCP", &content), chunk(b"zTXt", &content)];
    let whole = decoded(&kind(false).file(&samples(), &[])).unwrap();
    assert_eq!(decoded(&kind(false).file(&samples(), &chunks)), Ok(whole));
}
