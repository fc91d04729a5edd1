//! What was done to the pixels before they were coded, and is undone now (RFC 9649, section 3.4).

use super::bits::Bits;
use super::pixels::{read_small, tiles};
use super::predictor::{self, add};
use crate::PhotoError;

/// The transforms in the order in which they were done.
pub(super) struct Transforms {
    done: Vec<Transform>,
    /// The pixels of a coded row.
    coded_width: u32,
    row: Vec<u32>,
    /// The number of the next row.
    y: usize,
}

enum Transform {
    /// Each pixel lacks what its neighbours predict.
    Predictor {
        tiles: Tiles,
        above: Vec<u32>,
    },
    /// Red and blue lack what green and red predict.
    Colour(Tiles),
    SubtractGreen,
    /// Green is the number of a colour in this table. A pixel has so many of these numbers, as a power of 2.
    Palette {
        colours: Vec<u32>,
        bits: u32,
        width: usize,
    },
}

/// What applies to each tile.
struct Tiles {
    bits: u32,
    across: usize,
    values: Vec<u32>,
}

impl Transforms {
    pub(super) fn read(bits: &mut Bits, width: u32, height: u32) -> Result<Self, PhotoError> {
        let mut transforms = Vec::new();
        let mut coded_width = width;
        let mut seen = [false; 4];
        while bits.flag()? {
            let kind = bits.take(2)?;
            if std::mem::replace(&mut seen[kind as usize], true) {
                return Err(PhotoError::Damaged);
            }
            transforms.push(match kind {
                0 => Transform::Predictor {
                    tiles: Tiles::read(bits, coded_width, height)?,
                    above: Vec::new(),
                },
                1 => Transform::Colour(Tiles::read(bits, coded_width, height)?),
                2 => Transform::SubtractGreen,
                _ => {
                    let count = bits.take(8)? + 1;
                    let mut colours = read_small(bits, count, 1)?;
                    // Each colour is the difference from the one before.
                    for index in 1..colours.len() {
                        colours[index] = add(colours[index], colours[index - 1]);
                    }
                    // Numbers that the table does not have are transparent.
                    colours.resize(256, 0);
                    let bits = match count {
                        ..=2 => 3,
                        3..=4 => 2,
                        5..=16 => 1,
                        _ => 0,
                    };
                    let width = coded_width as usize;
                    coded_width = tiles(coded_width, bits);
                    Transform::Palette { colours, bits, width }
                }
            });
        }
        Ok(Self {
            done: transforms,
            coded_width,
            row: Vec::new(),
            y: 0,
        })
    }

    pub(super) fn coded_width(&self) -> u32 {
        self.coded_width
    }

    /// The next row of the picture, of which this is the coded row.
    pub(super) fn undo(&mut self, coded: &[u32]) -> &[u32] {
        let (row, y) = (&mut self.row, self.y);
        row.clear();
        row.extend_from_slice(coded);
        for transform in self.done.iter_mut().rev() {
            match transform {
                Transform::Predictor { tiles, above } => {
                    if above.is_empty() {
                        predictor::undo_first(row);
                    } else {
                        predictor::undo(row, above, tiles.row(y), 1 << tiles.bits);
                    }
                    above.clone_from(row);
                }
                Transform::Colour(tiles) => {
                    for (pixels, factors) in std::iter::zip(row.chunks_mut(1 << tiles.bits), tiles.row(y)) {
                        for pixel in pixels {
                            *pixel = undo_colour(*pixel, *factors);
                        }
                    }
                }
                Transform::SubtractGreen => {
                    for pixel in row.iter_mut() {
                        let green = *pixel >> 8 & 0xFF;
                        *pixel = add(*pixel, green << 16 | green);
                    }
                }
                Transform::Palette { colours, bits, width } => {
                    let size = 8 >> *bits;
                    let number = |x: usize| {
                        let numbers = row[x >> *bits] >> 8 & 0xFF;
                        let place = x & ((1 << *bits) - 1);
                        numbers >> (place * size) & ((1 << size) - 1)
                    };
                    let unpacked = (0..*width).map(|x| colours[number(x) as usize]);
                    *row = unpacked.collect();
                }
            }
        }
        self.y += 1;
        row
    }
}

impl Tiles {
    fn read(bits: &mut Bits, width: u32, height: u32) -> Result<Self, PhotoError> {
        let size = bits.take(3)? + 2;
        let across = tiles(width, size);
        Ok(Self {
            bits: size,
            across: across as usize,
            values: read_small(bits, across, tiles(height, size))?,
        })
    }

    /// What applies to this row of pixels.
    fn row(&self, y: usize) -> &[u32] {
        &self.values[(y >> self.bits) * self.across..][..self.across]
    }
}

fn undo_colour(pixel: u32, factors: u32) -> u32 {
    let [blue, green, red, alpha] = pixel.to_le_bytes();
    let [green_to_red, green_to_blue, red_to_blue, _] = factors.to_le_bytes();
    let part = |factor: u8, value: u8| {
        let product = i32::from(factor.cast_signed()) * i32::from(value.cast_signed());
        (product >> 5).to_le_bytes()[0]
    };
    let red = red.wrapping_add(part(green_to_red, green));
    let blue = blue
        .wrapping_add(part(green_to_blue, green))
        .wrapping_add(part(red_to_blue, red));
    u32::from_le_bytes([blue, green, red, alpha])
}
