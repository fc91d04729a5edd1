//! Decodes PNG row by row: the picture is never in memory at full size.

use std::io::Cursor;

use fast_image_resize::pixels::{U8, U8x3};
use image::metadata::Orientation;
use png::{ColorType, Decoder, Limits, Reader, Transformations};

use crate::alpha::OnWhite;
use crate::decoded::{Decoded, Samples};
use crate::reduction::Reduction;
use crate::{PhotoError, check_size, png_colour};

/// The most bytes that chunks besides the picture (a colour profile, EXIF) may need, compressed or not.
const MAX_METADATA_BYTES: usize = 24 << 20;

/// The first row, the distance to the next, and the same of the columns of each pass of an interlaced picture.
const PASSES: [[u32; 4]; 7] = [
    [0, 8, 0, 8],
    [0, 8, 4, 8],
    [4, 8, 0, 4],
    [0, 4, 2, 4],
    [2, 4, 0, 2],
    [0, 2, 1, 2],
    [1, 2, 0, 1],
];

/// The passes of a picture that is not interlaced.
const ONE_PASS: [[u32; 4]; 1] = [[0, 1, 0, 1]];

/// Decodes a PNG file, at the size of a stored photo. Of an animated one, this is the picture that viewers without animation show.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, PhotoError> {
    let limits = Limits {
        bytes: MAX_METADATA_BYTES,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(|_| PhotoError::Damaged)?;
    let (width, height) = header.size();
    check_size(width, height)?;
    let mut reader = decoder.read_info().map_err(|_| PhotoError::Damaged)?;
    // The crate panics at a part of a colour.
    let palette = reader.info().palette.as_deref().unwrap_or_default();
    if reader.info().color_type == ColorType::Indexed && !palette.len().is_multiple_of(3) {
        return Err(PhotoError::Damaged);
    }
    let exif = reader.info().exif_metadata.as_deref();
    let orientation = exif
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    let profile = png_colour::colour_profile(reader.info());
    let (colour, _) = reader.output_color_type();
    let (samples, profile) = match colour {
        ColorType::Grayscale => {
            let picture = read(&mut reader, copy::<1>)?;
            (Samples::Grey(picture.finish::<_, U8>()), profile)
        }
        ColorType::GrayscaleAlpha => {
            let mut on_white = OnWhite::new(profile.as_ref());
            let mut rgba = Vec::new();
            let picture = read(&mut reader, |row, pixels| {
                rgba.clear();
                rgba.extend(row.as_chunks().0.iter().map(|&[grey, alpha]| [grey, grey, grey, alpha]));
                on_white.row(&rgba, pixels);
            })?;
            (Samples::Rgb(picture.finish::<_, U8x3>()), None)
        }
        ColorType::Rgba => {
            let mut on_white = OnWhite::new(profile.as_ref());
            let picture = read(&mut reader, |row, pixels| on_white.row(row.as_chunks().0, pixels))?;
            (Samples::Rgb(picture.finish::<_, U8x3>()), None)
        }
        ColorType::Rgb | ColorType::Indexed => {
            let picture = read(&mut reader, copy::<3>)?;
            (Samples::Rgb(picture.finish::<_, U8x3>()), profile)
        }
    };
    Ok(Decoded {
        samples,
        orientation,
        profile,
    })
}

/// Reads all rows. `to_pixels` appends the pixels of a row, of 8 bits per sample, to the empty list.
fn read<const N: usize>(
    reader: &mut Reader<Cursor<&[u8]>>,
    mut to_pixels: impl FnMut(&[u8], &mut Vec<[u8; N]>),
) -> Result<Reduction<N>, PhotoError> {
    let (width, height) = reader.info().size();
    let passes: &[_] = if reader.info().interlaced { &PASSES } else { &ONE_PASS };
    let mut picture = Reduction::new(width, height);
    let mut pixels = Vec::new();
    for &[top, down, left, right] in passes {
        // A narrow picture has no pixels in some passes, and the file has no rows of them.
        if left >= width {
            continue;
        }
        for y in (top..height).step_by(down as usize) {
            // Rows are missing in a file that was cut. What follows the last row, such as the end marker, may be missing.
            let row = reader.next_row().ok().flatten().ok_or(PhotoError::Damaged)?;
            pixels.clear();
            to_pixels(row.data(), &mut pixels);
            picture.add(y, left, right, &pixels);
        }
    }
    Ok(picture)
}

fn copy<const N: usize>(row: &[u8], pixels: &mut Vec<[u8; N]>) {
    pixels.extend_from_slice(row.as_chunks().0);
}
