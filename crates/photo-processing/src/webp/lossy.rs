//! Lossy pictures: the first frame of a VP8 video (RFC 6386).

use image::RgbImage;
use image_webp::vp8::{self, Vp8Decoder};
use moxcms::ColorProfile;

use super::canvas::Canvas;
use super::container::{Container, Transparency};
use super::transparency;
use crate::PhotoError;
use crate::alpha::OnWhite;

/// Decodes the picture, on white where it is transparent. `profile` is that of the pixels.
pub(super) fn decode(
    container: &Container,
    coded: &[u8],
    profile: Option<&ColorProfile>,
) -> Result<RgbImage, PhotoError> {
    let frame = &container.frame;
    let opacity = match frame.transparency {
        Some(Transparency::Apart(content)) => Some(transparency::decode(content, frame.width, frame.height)?),
        _ => None,
    };
    let planes = Vp8Decoder::decode_frame(coded).map_err(|_| PhotoError::Damaged)?;
    let mut on_white = OnWhite::new(profile);
    let mut canvas = Canvas::new(container);
    let (mut colours, mut rgba) = (Vec::new(), Vec::new());
    let width = frame.width as usize;
    for y in 0..frame.height as usize {
        row_colours(&planes, y, &mut colours);
        canvas.add(|pixels| match &opacity {
            Some(opacity) => {
                let opacity = &opacity[y * width..][..width];
                rgba.clear();
                rgba.extend(std::iter::zip(&colours, opacity).map(|(&[r, g, b], &alpha)| [r, g, b, alpha]));
                on_white.row(&rgba, pixels);
            }
            None => pixels.extend(&colours),
        });
    }
    // Memory is needed again for the scaling.
    drop((planes, opacity));
    Ok(canvas.finish())
}

/// The colours of a row. There is a sample of blue and red differences for four pixels; each pixel takes nine parts of
/// its own, three of the next one beside it and above or below it, and one of the one across, as browsers do.
fn row_colours(frame: &vp8::Frame, y: usize, colours: &mut Vec<[u8; 3]>) {
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    // The planes consist of whole blocks of 16 by 16 pixels.
    let stride = width.next_multiple_of(16);
    let (own, next) = neighbours(y, height.div_ceil(2));
    let row = |plane, y| chroma_row(plane, y, stride / 2);
    let (own_u, next_u) = (row(&frame.ubuf, own), row(&frame.ubuf, next));
    let (own_v, next_v) = (row(&frame.vbuf, own), row(&frame.vbuf, next));
    let luma = &frame.ybuf[y * stride..][..width];
    colours.clear();
    colours.extend(luma.iter().enumerate().map(|(x, &luma)| {
        let (own, next) = neighbours(x, width.div_ceil(2));
        let mean = |own_row: &[u8], next_row: &[u8]| {
            let sample = |row: &[u8], weight: i32| weight * i32::from(row[own]) * 3 + weight * i32::from(row[next]);
            (sample(own_row, 3) + sample(next_row, 1) + 8) / 16
        };
        rgb(luma.into(), mean(own_u, next_u), mean(own_v, next_v))
    }));
}

fn chroma_row(plane: &[u8], y: usize, stride: usize) -> &[u8] {
    &plane[y * stride..][..stride]
}

/// The sample of differences that a pixel belongs to, and the next one, which is on the same side as the pixel.
fn neighbours(pixel: usize, samples: usize) -> (usize, usize) {
    let own = pixel / 2;
    let next = if pixel.is_multiple_of(2) {
        own.saturating_sub(1)
    } else {
        (own + 1).min(samples - 1)
    };
    (own, next)
}

/// Rec. 601 with luma from 16 to 235, in the whole numbers of libwebp.
fn rgb(luma: i32, blue: i32, red: i32) -> [u8; 3] {
    let part = |value: i32, coefficient: i32| (value * coefficient) >> 8;
    let light = part(luma, 19_077);
    let samples = [
        light + part(red, 26_149) - 14_234,
        light - part(blue, 6_419) - part(red, 13_320) + 8_708,
        light + part(blue, 33_050) - 17_685,
    ];
    samples.map(|sample| (sample >> 6).clamp(0, 255).to_le_bytes()[0])
}
