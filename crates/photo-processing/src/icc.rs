//! Reads the colour profiles in files (ICC.1:2022) within limits.

use moxcms::{ColorProfile, ParsingOptions};

/// The tags that say how a picture's colours look, and those that go with them. The others are for printing, or texts.
const NEEDED: [&[u8; 4]; 11] = [
    b"A2B0", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"chad", b"cicp",
];
/// Where the table of tags begins, after their number, and how long its entries are.
const TAGS: usize = 132;
const TAG: usize = 12;
/// The most points of a table of colours. Each needs 12 bytes or more, whereas the file may have 3. Tables of printers have
/// 17⁴ points, the finest ones known 33⁴.
const MAX_POINTS: usize = 1_500_000;

/// The profile in these bytes, if it is one.
pub(crate) fn parse(bytes: &[u8]) -> Option<ColorProfile> {
    let options = ParsingOptions {
        max_allowed_clut_size: MAX_POINTS,
        ..ParsingOptions::default()
    };
    if bytes.len() >= options.max_profile_size {
        return None;
    }
    ColorProfile::new_from_slice_with_options(&with_needed_tags(bytes), options).ok()
}

/// The profile without the names of tags that are not needed. moxcms decodes each tag it knows, again and again if the
/// file names it again and again, and many tags may share their content.
fn with_needed_tags(bytes: &[u8]) -> Vec<u8> {
    let mut profile = bytes.to_vec();
    let Some((header, tags)) = profile.split_first_chunk_mut::<TAGS>() else {
        return profile;
    };
    let [.., count_1, count_2, count_3, count_4] = *header;
    let count = u32::from_be_bytes([count_1, count_2, count_3, count_4]) as usize;
    let mut needed = NEEDED.to_vec();
    for tag in tags.chunks_exact_mut(TAG).take(count) {
        let name = &mut tag[..4];
        match needed.iter().position(|needed| *needed == name) {
            // The first one counts.
            Some(index) => _ = needed.swap_remove(index),
            None => name.fill(0),
        }
    }
    profile
}
