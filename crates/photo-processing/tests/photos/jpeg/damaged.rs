//! Damaged files: refused or decoded to something within the limits, without a panic.

use fastrand::Rng;
use photo_processing::{PHOTO_SIDE, decoded};

use super::{Case, matrix};

#[test]
fn no_damage_makes_the_decoder_panic() {
    let random = &mut Rng::with_seed(5);
    for Case { jpeg, .. } in matrix() {
        let whole = jpeg.file();
        for _ in 0..6 {
            let mut file = whole.clone();
            for _ in 0..random.usize(1..6) {
                let place = random.usize(2..file.len());
                match random.u8(0..5) {
                    0 => file[place] = random.u8(..),
                    1 => file[place] ^= 1 << random.u8(0..8),
                    2 => file[place] = 0xFF,
                    3 => {
                        file.remove(place);
                    }
                    _ => file.insert(place, random.u8(..)),
                }
            }
            if let Ok(picture) = decoded(&file) {
                assert!(picture.width().max(picture.height()) <= PHOTO_SIDE);
            }
        }
    }
}

/// Most damage hits the data. This hits only the headers.
#[test]
fn no_damage_of_the_headers_makes_the_decoder_panic() {
    let random = &mut Rng::with_seed(6);
    for Case { jpeg, .. } in matrix() {
        let segments = jpeg.segments();
        for _ in 0..10 {
            let mut segments = segments.clone();
            let nth = random.usize(1..segments.len() - 1);
            match random.u8(0..6) {
                0 => {
                    segments.remove(nth);
                }
                1 => {
                    let other = random.usize(1..segments.len() - 1);
                    segments.swap(nth, other);
                }
                2 => {
                    let copy = segments[nth].clone();
                    segments.insert(nth, copy);
                }
                3 => segments[nth].marker = random.u8(0xC0..),
                _ => {
                    let payload = segments[nth].payload.as_mut().unwrap();
                    let place = random.usize(0..payload.len());
                    payload[place] = random.u8(..);
                }
            }
            if let Ok(picture) = decoded(&super::writer::file(&segments)) {
                assert!(picture.width().max(picture.height()) <= PHOTO_SIDE);
            }
        }
    }
}
