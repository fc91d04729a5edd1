//! Headers that lie, or describe a kind of JPEG that we do not decode.

use photo_processing::PhotoError::{self, Damaged, TooManyPixels, UnsupportedJpeg};
use photo_processing::decoded;

use super::writer::{Jpeg, Scan, Segment, file};
use super::{Faults, plain, scripts};

/// A colour picture in the segments SOI, 3 × DQT, SOF, tables, SOS, EOI.
fn segments() -> Vec<Segment> {
    plain(3).segments()
}

/// The payload of the first segment with this marker.
fn payload(segments: &mut [Segment], marker: u8) -> &mut Vec<u8> {
    let segment = segments.iter_mut().find(|segment| segment.marker == marker).unwrap();
    segment.payload.as_mut().unwrap()
}

/// The picture with this byte of a payload changed.
fn changed(marker: u8, place: usize, value: u8) -> Vec<u8> {
    let mut segments = segments();
    payload(&mut segments, marker)[place] = value;
    file(&segments)
}

/// The picture with this payload instead of that of the first segment with the marker.
fn replaced(marker: u8, with: &[u8]) -> Vec<u8> {
    let mut segments = segments();
    *payload(&mut segments, marker) = with.to_vec();
    file(&segments)
}

/// The picture without all segments with this marker.
fn without(marker: u8) -> Vec<u8> {
    let mut segments = segments();
    segments.retain(|segment| segment.marker != marker);
    file(&segments)
}

fn sized(width: u16, height: u16) -> Vec<u8> {
    let mut segments = segments();
    let frame = payload(&mut segments, 0xC0);
    frame[1..3].copy_from_slice(&height.to_be_bytes());
    frame[3..5].copy_from_slice(&width.to_be_bytes());
    file(&segments)
}

/// A frame of so many components.
fn frame(components: u8) -> Vec<u8> {
    let mut payload = vec![8, 0, 24, 0, 40, components];
    payload.extend((0..components).flat_map(|number| [number + 1, 0x11, 0]));
    replaced(0xC0, &payload)
}

/// A table of these counts of codes, with a symbol for each.
fn huffman_table(number: u8, counts: &[u8]) -> Vec<u8> {
    let mut payload = vec![number];
    payload.extend(counts);
    payload.resize(17, 0);
    let symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
    payload.resize(17 + symbols, 0);
    replaced(0xC4, &payload)
}

/// A progressive picture with one more scan, or this header instead of its second.
fn progressive(change: impl Fn(&mut Vec<Scan>)) -> Vec<u8> {
    let mut scans = scripts::progressive(3, &mut fastrand::Rng::with_seed(7))
        .swap_remove(1)
        .1;
    change(&mut scans);
    let frame = 0xC2;
    Jpeg {
        frame,
        scans,
        ..plain(3)
    }
    .file()
}

/// The same, but only the header of a scan is changed, to what no encoder can write.
fn with_scan_header(band: [u8; 3]) -> Vec<u8> {
    let jpeg = Jpeg {
        scans: scripts::progressive(3, &mut fastrand::Rng::with_seed(7))
            .swap_remove(1)
            .1,
        frame: 0xC2,
        ..plain(3)
    };
    let mut segments = jpeg.segments();
    let scan = segments
        .iter_mut()
        .filter(|segment| segment.marker == 0xDA)
        .nth(1)
        .unwrap();
    let payload = scan.payload.as_mut().unwrap();
    let band_at = payload.len() - 3;
    payload[band_at..].copy_from_slice(&band);
    file(&segments)
}

fn assert_refused(cases: Vec<(&str, Vec<u8>, &[PhotoError])>) {
    let mut faults = Faults::default();
    let count = cases.len();
    for (name, file, expected) in cases {
        match decoded(&file) {
            Ok(picture) => faults.add(&file, &format!("{name}: decoded as {:?}", picture.dimensions())),
            Err(error) if !expected.contains(&error) => faults.add(&file, &format!("{name}: {error:?}")),
            Err(_) => {}
        }
    }
    faults.none(count);
}

#[test]
fn frames_that_lie_are_refused() {
    assert_refused(vec![
        ("65535×65535", sized(65535, 65535), &[TooManyPixels]),
        ("one row over the limit", sized(8192, 8193), &[TooManyPixels]),
        ("0×0", sized(0, 0), &[Damaged, UnsupportedJpeg]),
        ("no width", sized(0, 24), &[Damaged]),
        (
            "the height follows the first scan",
            sized(40, 0),
            &[Damaged, UnsupportedJpeg],
        ),
        ("taller than its data", sized(40, 25), &[Damaged]),
        ("wider than its data", sized(2000, 24), &[Damaged]),
        ("no component", frame(0), &[Damaged, UnsupportedJpeg]),
        ("two components", frame(2), &[Damaged, UnsupportedJpeg]),
        ("five components", frame(5), &[Damaged, UnsupportedJpeg]),
        ("255 components", frame(255), &[Damaged, UnsupportedJpeg]),
        ("more components than the frame lists", changed(0xC0, 5, 4), &[Damaged]),
        ("an empty frame", replaced(0xC0, &[]), &[Damaged]),
        ("sampling 0×1", changed(0xC0, 7, 0x01), &[Damaged, UnsupportedJpeg]),
        ("sampling 1×0", changed(0xC0, 10, 0x10), &[Damaged, UnsupportedJpeg]),
        ("sampling 5×1", changed(0xC0, 7, 0x51), &[Damaged, UnsupportedJpeg]),
        ("sampling 1×15", changed(0xC0, 10, 0x1F), &[Damaged, UnsupportedJpeg]),
        (
            "MCUs of more than ten blocks",
            changed(0xC0, 7, 0x44),
            &[Damaged, UnsupportedJpeg],
        ),
        ("two components with the same id", changed(0xC0, 9, 1), &[Damaged]),
    ]);
}

#[test]
fn tables_that_lie_are_refused() {
    assert_refused(vec![
        ("quantisation table 3 of 3", changed(0xC0, 8, 3), &[Damaged]),
        ("quantisation table 200", changed(0xC0, 8, 200), &[Damaged]),
        ("no quantisation tables", without(0xDB), &[Damaged]),
        ("quantisation table of 32 bits", changed(0xDB, 0, 0x20), &[Damaged]),
        ("half a quantisation table", replaced(0xDB, &[1; 33]), &[Damaged]),
        ("no Huffman tables", without(0xC4), &[Damaged]),
        ("three codes of one bit", huffman_table(0, &[3]), &[Damaged]),
        ("five codes of two bits", huffman_table(0, &[0, 5]), &[Damaged]),
        (
            "257 codes",
            huffman_table(0, &[0, 0, 0, 0, 0, 0, 0, 0, 129, 128]),
            &[Damaged],
        ),
        ("a Huffman table of another class", changed(0xC4, 0, 0x20), &[Damaged]),
        ("Huffman table 4", changed(0xC4, 0, 0x04), &[Damaged]),
        (
            "half a Huffman table",
            replaced(0xC4, &[0, 0, 9, 1, 0, 0, 0]),
            &[Damaged],
        ),
        ("a Huffman table without codes", huffman_table(0, &[]), &[Damaged]),
        ("no frame", without(0xC0), &[Damaged]),
    ]);
}

#[test]
fn scans_that_lie_are_refused() {
    assert_refused(vec![
        ("no scan", without(0xDA), &[Damaged]),
        ("a scan of no component", replaced(0xDA, &[0, 0, 63, 0]), &[Damaged]),
        ("a scan of an unknown component", changed(0xDA, 1, 77), &[Damaged]),
        ("a scan that has one component twice", changed(0xDA, 3, 1), &[Damaged]),
        (
            "a scan of more components than it lists",
            changed(0xDA, 0, 4),
            &[Damaged],
        ),
        (
            "a scan of five",
            replaced(0xDA, &[5, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 0, 63, 0]),
            &[Damaged],
        ),
        ("a scan with undefined tables", changed(0xDA, 2, 0x33), &[Damaged]),
        ("a scan with impossible tables", changed(0xDA, 2, 0xFF), &[Damaged]),
        ("an empty scan header", replaced(0xDA, &[]), &[Damaged]),
    ]);
}

#[test]
fn illegal_progressions_are_refused() {
    assert_refused(vec![
        ("a band of DC and AC", with_scan_header([0, 5, 0x00]), &[Damaged]),
        (
            "a band that ends before it begins",
            with_scan_header([9, 5, 0x02]),
            &[Damaged],
        ),
        ("a band of 65 coefficients", with_scan_header([1, 64, 0x02]), &[Damaged]),
        ("a shift by 14", with_scan_header([1, 5, 0x0E]), &[Damaged]),
        ("a refinement by two bits", with_scan_header([1, 5, 0x20]), &[Damaged]),
        (
            "a refinement that adds no bit",
            with_scan_header([1, 5, 0x22]),
            &[Damaged],
        ),
        (
            "a refinement before the first scan",
            with_scan_header([1, 5, 0x32]),
            &[Damaged],
        ),
        (
            "AC of two components in one scan",
            progressive(|scans| scans[1].components = vec![0, 1]),
            &[Damaged],
        ),
        (
            "the same scan twice",
            progressive(|scans| scans.insert(1, scans[1].clone())),
            &[Damaged],
        ),
        (
            "a refinement too early",
            progressive(|scans| scans.swap(4, 7)),
            &[Damaged],
        ),
        ("the same scan a thousand times", thousand_scans(), &[Damaged]),
        ("two frames", doubled(0xC0), &[Damaged]),
        ("a segment of no length", b"\xFF\xD8\xFF\xE0\0\0".to_vec(), &[Damaged]),
        ("a segment of length 1", b"\xFF\xD8\xFF\xE0\0\x01".to_vec(), &[Damaged]),
        (
            "nothing after the first marker",
            b"\xFF\xD8\xFF\xD9".to_vec(),
            &[Damaged],
        ),
    ]);
}

/// A sequential picture has each component once.
fn thousand_scans() -> Vec<u8> {
    let mut segments = segments();
    let scan = segments.iter().position(|segment| segment.marker == 0xDA).unwrap();
    let scans = vec![segments[scan].clone(); 999];
    segments.splice(scan..scan, scans);
    file(&segments)
}

fn doubled(marker: u8) -> Vec<u8> {
    let mut segments = segments();
    let first = segments.iter().position(|segment| segment.marker == marker).unwrap();
    segments.insert(first, segments[first].clone());
    file(&segments)
}

#[test]
fn kinds_of_jpeg_that_are_not_decoded_are_named() {
    let mut faults = Faults::default();
    // Lossless, hierarchical, and those with arithmetic coding.
    let mut files: Vec<(String, Vec<u8>)> = [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF]
        .into_iter()
        .map(|marker| (format!("frame {marker:X}"), of_frame(marker, 8)))
        .collect();
    files.push(("12 bits".to_owned(), of_frame(0xC1, 12)));
    files.push(("12 bits, progressive".to_owned(), of_frame(0xC2, 12)));
    files.push(("16 bits, lossless".to_owned(), of_frame(0xC3, 16)));
    let count = files.len();
    for (name, file) in files {
        let answer = decoded(&file).map(|_| ());
        if answer != Err(UnsupportedJpeg) {
            faults.add(&file, &format!("{name}: {answer:?}"));
        }
    }
    faults.none(count);
}

fn of_frame(marker: u8, precision: u8) -> Vec<u8> {
    let mut segments = segments();
    let frame = segments.iter_mut().find(|segment| segment.marker == 0xC0).unwrap();
    frame.marker = marker;
    frame.payload.as_mut().unwrap()[0] = precision;
    file(&segments)
}
