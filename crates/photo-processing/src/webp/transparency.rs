//! The opacity of a lossy picture: an ALPH chunk (RFC 9649, section 2.7.1.2).

use super::vp8l;
use crate::PhotoError;

/// The opacity of each pixel.
pub(super) fn decode(content: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PhotoError> {
    let (header, content) = content.split_first().ok_or(PhotoError::Damaged)?;
    let pixels = width as usize * height as usize;
    let mut opacity = match header & 0b11 {
        0 => content.get(..pixels).ok_or(PhotoError::Damaged)?.to_vec(),
        1 => green(content, width, height)?,
        _ => return Err(PhotoError::Damaged),
    };
    unfilter(&mut opacity, width as usize, header >> 2 & 0b11);
    Ok(opacity)
}

/// The opacity is in the green samples of a lossless picture without header.
fn green(content: &[u8], width: u32, height: u32) -> Result<Vec<u8>, PhotoError> {
    let mut opacity = Vec::with_capacity(width as usize * height as usize);
    vp8l::decode(content, width, height, |row| {
        opacity.extend(row.iter().map(|pixel| pixel.to_le_bytes()[1]));
    })?;
    Ok(opacity)
}

/// Adds to each value what was predicted from its neighbours.
fn unfilter(opacity: &mut [u8], width: usize, filter: u8) {
    if filter == 0 {
        return;
    }
    for index in 1..opacity.len() {
        let predicted = if index < width {
            opacity[index - 1]
        } else if index % width == 0 {
            opacity[index - width]
        } else {
            let (left, above, corner) = (opacity[index - 1], opacity[index - width], opacity[index - width - 1]);
            match filter {
                1 => left,
                2 => above,
                _ => {
                    let gradient = i16::from(left) + i16::from(above) - i16::from(corner);
                    gradient.clamp(0, 255).to_le_bytes()[0]
                }
            }
        };
        opacity[index] = opacity[index].wrapping_add(predicted);
    }
}
