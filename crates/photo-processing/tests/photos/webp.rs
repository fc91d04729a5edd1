//! WebP files that lack a part, that are too large, or that show a part of a picture.

use photo_processing::{PhotoError, decoded};

use crate::pillow::samples;

#[test]
fn each_part_of_a_webp_is_needed() {
    let mut random = fastrand::Rng::with_seed(1);
    for (name, file) in samples() {
        if !file.starts_with(b"RIFF") {
            continue;
        }
        for _ in 0..5 {
            let cut = &file[..random.usize(16..file.len())];
            assert_eq!(
                decoded(cut).unwrap_err(),
                PhotoError::Damaged,
                "{name} cut at {}",
                cut.len()
            );
        }
        let trailing = [&file, b"more".as_slice()].concat();
        assert_eq!(decoded(&trailing).unwrap(), decoded(&file).unwrap(), "{name}");
    }
}

#[test]
fn damaged_webps_do_not_panic() {
    let mut random = fastrand::Rng::with_seed(2);
    for (_, mut file) in samples() {
        for _ in 0..10 {
            let place = random.usize(12..file.len());
            file[place] ^= 1 << random.u8(0..8);
            let _ = decoded(&file);
        }
    }
}

#[test]
fn a_frame_that_is_a_part_of_the_picture_is_on_white() {
    let samples = samples();
    let (_, file) = samples.iter().find(|(name, _)| name == "animation-part.webp").unwrap();
    let picture = decoded(file).unwrap();
    assert_eq!(picture.dimensions(), (80, 40));
    for (x, y, pixel) in picture.enumerate_pixels() {
        let is_dot = (20..50).contains(&x) && (10..30).contains(&y);
        assert_eq!(pixel.0, if is_dot { [0, 0, 255] } else { [255; 3] }, "{x} {y}");
    }
}

/// A file that holds a header for this many pixels, and nothing else.
fn header(kind: &[u8; 4], width: u32, height: u32) -> Vec<u8> {
    let mut content = match kind {
        b"VP8 " => [0x10, 0, 0, 0x9D, 0x01, 0x2A].to_vec(),
        _ => vec![0x2F],
    };
    match kind {
        b"VP8 " => content.extend(
            [width.to_le_bytes(), height.to_le_bytes()]
                .iter()
                .flat_map(|side| &side[..2]),
        ),
        _ => content.extend(((width - 1) | ((height - 1) << 14)).to_le_bytes()),
    }
    content.resize(content.len().next_multiple_of(2), 0);
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let riff = length(content.len() + 12);
    [
        b"RIFF",
        riff.as_slice(),
        b"WEBP",
        kind,
        &length(content.len()),
        &content,
    ]
    .concat()
}

#[test]
fn a_webp_that_needs_too_much_memory_is_refused_with_its_limit() {
    for (kind, width, height, error) in [
        (b"VP8 ", 8000, 4000, PhotoError::Damaged),
        (b"VP8 ", 8000, 4001, PhotoError::WebpTooManyPixels(32)),
        (b"VP8 ", 16383, 16383, PhotoError::TooManyPixels),
        (b"VP8L", 4250, 4000, PhotoError::Damaged),
        (b"VP8L", 4250, 4001, PhotoError::WebpTooManyPixels(17)),
    ] {
        assert_eq!(
            decoded(&header(kind, width, height)).unwrap_err(),
            error,
            "{width} × {height}"
        );
    }
    assert!(
        PhotoError::WebpTooManyPixels(17)
            .to_string()
            .contains("at most 17 megapixels")
    );
}
