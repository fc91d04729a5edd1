//! Orientation, and whatever may stand between the segments that matter.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use photo_processing::decoded;

use super::writer::{Segment, file};
use super::{Faults, plain};

fn turned(orientation: u8) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(decoded(&plain(3).file()).unwrap());
    picture.apply_orientation(Orientation::from_exif(orientation).unwrap());
    picture.into_rgb8()
}

/// The file with these segments after its start.
fn with_head(head: Vec<Segment>) -> Vec<u8> {
    let mut jpeg = plain(3);
    jpeg.head = head;
    jpeg.file()
}

#[test]
fn the_first_exif_segment_turns_the_picture() {
    let xmp = || Segment::new(0xE1, *b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>");
    let mut faults = Faults::default();
    for orientation in 1..=8 {
        let exif = || Segment::exif(orientation);
        let other = || Segment::exif(orientation % 8 + 1);
        for (name, head) in [
            ("alone", vec![exif()]),
            ("before another", vec![exif(), other()]),
            ("before two others", vec![exif(), other(), other()]),
            ("after JFIF", vec![Segment::jfif(), exif(), other()]),
            ("after XMP", vec![xmp(), exif()]),
            ("before XMP and another", vec![exif(), xmp(), other()]),
            ("after a comment", vec![Segment::new(0xFE, *b"Exif\0\0"), exif()]),
            ("after Adobe", vec![Segment::adobe(1), exif()]),
            // Exif in another segment than APP1 is none.
            (
                "after APP2",
                vec![
                    Segment {
                        marker: 0xE2,
                        ..other()
                    },
                    exif(),
                ],
            ),
        ] {
            let file = with_head(head);
            if decoded(&file) != Ok(turned(orientation)) {
                faults.add(&file, &format!("EXIF {orientation} {name}"));
            }
        }
    }
    faults.none(72);
}

#[test]
fn exif_without_a_valid_orientation_turns_nothing() {
    let exif = Segment::exif(6).payload.unwrap();
    let mut faults = Faults::default();
    let upright = turned(1);
    let mut heads: Vec<Vec<u8>> = (0..exif.len()).map(|length| exif[..length].to_vec()).collect();
    // What comes after the value does not matter.
    heads.retain(|payload| payload.len() < 26);
    heads.extend([0, 9, 255].map(|orientation| Segment::exif(orientation).payload.unwrap()));
    let count = heads.len();
    for payload in heads {
        let file = with_head(vec![Segment::new(0xE1, payload)]);
        if decoded(&file) != Ok(upright.clone()) {
            faults.add(&file, "turned or refused");
        }
    }
    faults.none(count);
}

/// Adobe's segment has 12 bytes; some programs write fewer. (Pillow refuses such files, libjpeg does not.)
#[test]
fn a_short_adobe_segment_says_nothing_of_colours() {
    let adobe = Segment::adobe(0).payload.unwrap();
    for components in [1, 3, 4] {
        let mut jpeg = plain(components);
        let expected = decoded(&jpeg.file()).unwrap();
        for length in 0..adobe.len() {
            jpeg.head = vec![Segment::new(0xEE, &adobe[..length])];
            assert_eq!(
                decoded(&jpeg.file()),
                Ok(expected.clone()),
                "{components} components, {length} bytes"
            );
        }
    }
}

/// Fill bytes before markers, segments that do not matter, and tables that are defined more than once or in another
/// order.
#[test]
fn what_does_not_matter_changes_nothing() {
    let mut jpeg = plain(3);
    jpeg.scans = super::scripts::sequential(3).swap_remove(1).1;
    jpeg.head = vec![Segment::exif(6), Segment::jfif()];
    let segments = jpeg.segments();
    let expected = decoded(&file(&segments)).unwrap();
    assert_eq!(expected.dimensions(), (24, 40));
    let mut faults = Faults::default();
    let mut count = 0;
    let mut expect = |name: String, file: Vec<u8>| {
        count += 1;
        if decoded(&file).as_ref() != Ok(&expected) {
            faults.add(&file, &name);
        }
    };
    for nth in 1..segments.len() {
        let (before, after) = (file(&segments[..nth]), file(&segments[nth..]));
        for (name, between) in [
            ("a fill byte", vec![0xFF]),
            ("many fill bytes", vec![0xFF; 1000]),
            ("a comment", Segment::new(0xFE, *b"\xFF\xD9 is no marker here").bytes()),
            ("an empty comment", Segment::new(0xFE, []).bytes()),
            ("APP15 as long as can be", Segment::new(0xEF, vec![0xFF; 65533]).bytes()),
            ("a segment of a later standard", Segment::new(0xF7, [0, 1, 2]).bytes()),
        ] {
            expect(
                format!("{name} before segment {nth}"),
                [&before[..], &between, &after].concat(),
            );
        }
        // The tables again, where they are complete.
        if [0xDB, 0xC4].contains(&segments[nth].marker) {
            let mut twice = segments.clone();
            twice.insert(nth, segments[nth].clone());
            expect(format!("segment {nth} twice"), file(&twice));
        }
    }
    // Some encoders of sequential files write zeros here.
    let mut band = segments.clone();
    for scan in band.iter_mut().filter(|segment| segment.marker == 0xDA) {
        let payload = scan.payload.as_mut().unwrap();
        let end = payload.len();
        payload[end - 3..].fill(0);
    }
    expect("a sequential scan without a band".to_owned(), file(&band));
    let frame = segments.iter().position(|segment| segment.marker == 0xC0).unwrap();
    let mut late = segments.clone();
    late[1..=frame].rotate_right(1);
    expect("the frame before its quantisation tables".to_owned(), file(&late));
    faults.none(count);
}

/// Fill bytes may also precede restart markers.
#[test]
fn fill_bytes_may_precede_restart_markers() {
    for components in [1, 3] {
        let mut jpeg = plain(components);
        jpeg.scans[0].restart = 2;
        let mut segments = jpeg.segments();
        let expected = decoded(&file(&segments)).unwrap();
        let scan = segments.iter_mut().find(|segment| segment.marker == 0xDA).unwrap();
        let mut filled = Vec::new();
        for (nth, &byte) in scan.data.iter().enumerate() {
            let marker = byte == 0xFF && scan.data.get(nth + 1).is_some_and(|next| (0xD0..=0xD7).contains(next));
            filled.extend(if marker { vec![0xFF; 3] } else { vec![byte] });
        }
        assert_ne!(filled, scan.data);
        scan.data = filled;
        assert_eq!(decoded(&file(&segments)), Ok(expected), "{components} components");
    }
}

/// A restart marker that is missing or out of order may mean that data is missing.
#[test]
fn a_wrong_restart_marker_is_refused_or_harmless() {
    let mut jpeg = plain(3);
    jpeg.scans[0].restart = 2;
    let segments = jpeg.segments();
    let scan = segments.iter().position(|segment| segment.marker == 0xDA).unwrap();
    let expected = decoded(&file(&segments)).unwrap();
    let differs = |segments: &[Segment]| decoded(&file(segments)).is_ok_and(|picture| picture != expected);
    let markers = |data: &[u8]| -> Vec<usize> {
        let marker = |&nth: &usize| data[nth] == 0xFF && (0xD0..=0xD7).contains(&data[nth + 1]);
        (0..data.len() - 1).filter(marker).collect()
    };
    let places = markers(&segments[scan].data);
    assert!(places.len() > 4);
    for (nth, &place) in places.iter().enumerate() {
        let mut swapped = segments.clone();
        swapped[scan].data[place + 1] ^= 3;
        assert!(!differs(&swapped), "marker {nth} has another number");
        let mut lost = segments.clone();
        lost[scan].data.drain(place..place + 2);
        assert!(!differs(&lost), "marker {nth} is missing");
        if let Some(&next) = places.get(nth + 1) {
            let mut shorter = segments.clone();
            shorter[scan].data.drain(place..next);
            assert!(!differs(&shorter), "interval {nth} is missing");
        }
    }
}
