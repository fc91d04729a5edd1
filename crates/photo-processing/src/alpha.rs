//! Puts transparent pictures on white, which a JPEG needs.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor};

use crate::colour::{multiplied, to_srgb};

/// Puts rows of RGBA pixels on white: in sRGB, as browsers do.
pub(crate) struct OnWhite {
    to_srgb: Option<Arc<Transform8BitExecutor>>,
    /// The row's colours in sRGB.
    colours: Vec<u8>,
}

impl OnWhite {
    /// For pixels with this profile.
    pub(crate) fn new(profile: Option<&ColorProfile>) -> Self {
        let to_srgb = profile.and_then(|profile| to_srgb(profile, DataColorSpace::Rgb, Layout::Rgba, Layout::Rgb));
        Self {
            to_srgb,
            colours: Vec::new(),
        }
    }

    /// Appends the pixels of the row to `pixels`.
    pub(crate) fn row(&mut self, row: &[[u8; 4]], pixels: &mut Vec<[u8; 3]>) {
        self.colours.resize(row.len() * 3, 0);
        let converted = self.to_srgb.as_ref().is_some_and(|transform| {
            let transformed = transform.transform(row.as_flattened(), &mut self.colours);
            transformed.is_ok()
        });
        if converted {
            let colours = self.colours.as_chunks().0;
            pixels.extend(std::iter::zip(colours, row).map(|(colour, [.., alpha])| on_white(*colour, *alpha)));
        } else {
            pixels.extend(
                row.iter()
                    .map(|[red, green, blue, alpha]| on_white([*red, *green, *blue], *alpha)),
            );
        }
    }
}

/// A colour of this opacity, on white.
fn on_white(colour: [u8; 3], alpha: u8) -> [u8; 3] {
    colour.map(|sample| 255 - multiplied(255 - sample, alpha))
}
