//! Measures how long the site takes to process a photo, and how long its decoder and encoders take alone.
//!
//! ```sh
//! cargo run --release --example photo-times -- --rounds 15 --write /tmp/photo.jpg
//! ```
//!
//! It prints one line of JSON with the size of the photo in bytes and medians in milliseconds. `--write` also writes the
//! photo to a file, which a load generator can post.

use std::time::Instant;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage};
use photo_processing::{MEDIUM_QUALITY, PHOTO_QUALITY, THUMBNAIL_QUALITY, jpeg, process};

const WIDTH: u32 = 4000;
const HEIGHT: u32 = 3000;

fn main() {
    let mut rounds = 15;
    let mut file = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--rounds", Some(number)) => rounds = number.parse().expect("--rounds needs a number"),
            ("--write", Some(path)) => file = Some(path),
            _ => panic!("usage: photo-times [--rounds N] [--write FILE]"),
        }
    }
    let sent = photo();
    if let Some(file) = file {
        std::fs::write(file, &sent).expect("the file can be written");
    }

    let stored = process(&sent).expect("the photo can be processed");
    let sizes = [
        (decoded(&stored.photo), PHOTO_QUALITY),
        (decoded(&stored.medium), MEDIUM_QUALITY),
        (decoded(&stored.thumbnail), THUMBNAIL_QUALITY),
    ];
    let [mut decoder, mut encoders, mut whole] = [vec![], vec![], vec![]];
    // Alternates between them, so that other load on the machine affects all of them.
    for _ in 0..rounds {
        decoder.push(milliseconds(|| drop(decoded(&sent))));
        encoders.push(milliseconds(|| {
            for (picture, quality) in &sizes {
                drop(jpeg(picture, *quality));
            }
        }));
        whole.push(milliseconds(|| drop(process(&sent))));
    }
    println!(
        r#"{{"bytes":{},"rounds":{rounds},"decoder_ms":{:.1},"encoders_ms":{:.1},"process_ms":{:.1}}}"#,
        sent.len(),
        median(decoder),
        median(encoders),
        median(whole),
    );
}

fn milliseconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn decoded(sent: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(sent, ImageFormat::Jpeg)
        .expect("a JPEG")
        .into_rgb8()
}

/// A picture of 12 megapixels and about 5 MB, as much work as a phone's photo: large shapes, fine texture and noise. It
/// is the same on every machine.
fn photo() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgb([
            byte(x * 255 / WIDTH),
            byte(y * 255 / HEIGHT),
            byte((x / 2 + y) % 512 / 2),
        ])
    });
    for _ in 0..80 {
        let (left, top) = (random.u32(0..WIDTH), random.u32(0..HEIGHT));
        let (right, bottom) = (
            (left + random.u32(50..900)).min(WIDTH),
            (top + random.u32(50..900)).min(HEIGHT),
        );
        let colour = [random.u8(..), random.u8(..), random.u8(..)];
        for y in top..bottom {
            for x in left..right {
                for (value, colour) in picture.get_pixel_mut(x, y).0.iter_mut().zip(colour) {
                    *value = value.midpoint(colour);
                }
            }
        }
    }
    for pixel in picture.pixels_mut() {
        let grain = random.i16(-13..=13);
        for value in &mut pixel.0 {
            *value = value.saturating_add_signed(i8::try_from(grain + random.i16(-3..=3)).expect("small"));
        }
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92)
        .encode_image(&picture)
        .expect("a picture of this size can be written to memory");
    bytes
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).expect("at most 255")
}
