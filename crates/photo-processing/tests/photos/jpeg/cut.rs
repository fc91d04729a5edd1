//! A file whose end is missing is refused, unless what is missing does not matter.

use photo_processing::decoded;

use super::writer::file;
use super::{Case, Faults, matrix};

#[test]
fn a_cut_jpeg_is_refused_or_complete() {
    let mut faults = Faults::default();
    let mut cuts = 0;
    for Case { name, jpeg } in matrix() {
        let segments = jpeg.segments();
        let whole = file(&segments);
        let Ok(picture) = decoded(&whole) else {
            faults.add(&whole, &format!("{name} is refused"));
            continue;
        };
        let twentieths = (0..20).map(|twentieth| whole.len() * twentieth / 20);
        let mut end = 0;
        let markers: Vec<_> = segments
            .iter()
            .map(|segment| {
                end += segment.bytes().len();
                end
            })
            .collect();
        // At most about 20 of them: some files have hundreds of scans.
        let markers = markers.iter().rev().step_by(markers.len().div_ceil(20));
        let markers = markers.flat_map(|&end| [end - 1, end, end + 1]);
        for length in twentieths.chain(markers).filter(|&length| length < whole.len()) {
            cuts += 1;
            if let Ok(cut) = decoded(&whole[..length])
                && cut != picture
            {
                faults.add(&whole[..length], &format!("{name} cut to {length} of {}", whole.len()));
            }
        }
    }
    faults.none(cuts);
}

/// Cameras and messengers leave files without an end marker, or with more after it.
#[test]
fn the_end_marker_may_be_missing_and_junk_may_follow() {
    let mut faults = Faults::default();
    let cases = matrix();
    let count = cases.len();
    for Case { name, jpeg } in cases {
        let whole = jpeg.file();
        let picture = decoded(&whole);
        let body = &whole[..whole.len() - 2];
        for (what, file) in [
            ("without an end marker", body.to_vec()),
            ("with half an end marker", [body, b"\xFF"].concat()),
            ("with zeros instead of an end marker", [body, &[0; 9]].concat()),
            ("with text at its end", [&whole[..], b"<script>"].concat()),
            ("with another picture at its end", [&whole[..], &whole[..]].concat()),
        ] {
            if picture.is_err() || decoded(&file) != picture {
                faults.add(&file, &format!("{name} {what}"));
            }
        }
    }
    faults.none(5 * count);
}

/// A whole scan may be missing although the end marker is there.
#[test]
fn a_component_without_a_scan_is_refused() {
    let mut faults = Faults::default();
    let cases = matrix();
    let count = cases.len();
    for Case { name, mut jpeg } in cases {
        let lost = jpeg.scans[0].components[0];
        jpeg.scans.retain(|scan| !scan.components.contains(&lost));
        let file = jpeg.file();
        if decoded(&file).is_ok() {
            faults.add(&file, &format!("{name} without component {lost}"));
        }
    }
    faults.none(count);
}
