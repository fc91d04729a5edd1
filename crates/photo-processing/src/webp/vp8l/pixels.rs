//! Coded pixels: of the picture, or of a small picture that says how to decode it (RFC 9649, sections 3.5 and 3.6).

use super::bits::Bits;
use super::codes::Code;
use crate::PhotoError;

/// The most groups of codes. libwebp, the encoder of nearly all WebP files, writes at most 2600 (`MAX_HUFF_IMAGE_SIZE` in
/// its `src/enc/vp8l_enc.c`). A group can need 12 kB.
const MAX_GROUPS: usize = 4096;
/// Pixels are repeated from at most so many before: the largest distance is 2²⁰ - 120.
const WINDOW: usize = 1 << 20;
/// The first symbols of the green code are values, the next ones are lengths of repetitions.
const VALUES: u32 = 256;
const LENGTHS: u32 = 24;
const DISTANCES: usize = 40;

/// What the first distances mean: pixels to the left, and rows above.
#[rustfmt::skip]
const NEAR: [(i8, i8); 120] = [
    (0, 1), (1, 0), (1, 1), (-1, 1), (0, 2), (2, 0), (1, 2), (-1, 2), (2, 1), (-2, 1), (2, 2), (-2, 2), (0, 3), (3, 0),
    (1, 3), (-1, 3), (3, 1), (-3, 1), (2, 3), (-2, 3), (3, 2), (-3, 2), (0, 4), (4, 0), (1, 4), (-1, 4), (4, 1),
    (-4, 1), (3, 3), (-3, 3), (2, 4), (-2, 4), (4, 2), (-4, 2), (0, 5), (3, 4), (-3, 4), (4, 3), (-4, 3), (5, 0),
    (1, 5), (-1, 5), (5, 1), (-5, 1), (2, 5), (-2, 5), (5, 2), (-5, 2), (4, 4), (-4, 4), (3, 5), (-3, 5), (5, 3),
    (-5, 3), (0, 6), (6, 0), (1, 6), (-1, 6), (6, 1), (-6, 1), (2, 6), (-2, 6), (6, 2), (-6, 2), (4, 5), (-4, 5),
    (5, 4), (-5, 4), (3, 6), (-3, 6), (6, 3), (-6, 3), (0, 7), (7, 0), (1, 7), (-1, 7), (5, 5), (-5, 5), (7, 1),
    (-7, 1), (4, 6), (-4, 6), (6, 4), (-6, 4), (2, 7), (-2, 7), (7, 2), (-7, 2), (3, 7), (-3, 7), (7, 3), (-7, 3),
    (5, 6), (-5, 6), (6, 5), (-6, 5), (8, 0), (4, 7), (-4, 7), (7, 4), (-7, 4), (8, 1), (8, 2), (6, 6), (-6, 6),
    (8, 3), (5, 7), (-5, 7), (7, 5), (-7, 5), (8, 4), (6, 7), (-6, 7), (7, 6), (-7, 6), (8, 5), (7, 7), (-7, 7),
    (8, 6), (8, 7),
];

/// How pixels are coded.
pub(super) struct Pixels {
    width: u32,
    height: u32,
    /// Colours that came before, by their hash. Empty if it is not used.
    cache: Vec<u32>,
    groups: Vec<Group>,
    /// Which tile of the picture is coded by which group. One group codes all if it is empty.
    group_of_tile: Vec<u16>,
    /// The size of a tile, as a power of 2.
    tile_bits: u32,
}

struct Group {
    green: Code,
    red: Code,
    blue: Code,
    alpha: Code,
    distance: Code,
}

impl Pixels {
    /// Reads how the picture is coded.
    pub(super) fn of_picture(bits: &mut Bits, width: u32, height: u32) -> Result<Self, PhotoError> {
        let cache = read_cache(bits)?;
        let (mut tile_bits, mut group_of_tile) = (0, Vec::new());
        if bits.flag()? {
            tile_bits = bits.take(3)? + 2;
            let tiles = read_small(bits, tiles(width, tile_bits), tiles(height, tile_bits))?;
            let groups = tiles.iter().map(|tile| {
                let [_, low, high, _] = tile.to_le_bytes();
                u16::from_le_bytes([low, high])
            });
            group_of_tile = groups.collect();
        }
        let groups = 1 + group_of_tile.iter().max().map_or(0, |last| usize::from(*last));
        if groups > MAX_GROUPS {
            return Err(PhotoError::TooMuchWork);
        }
        let groups = (0..groups)
            .map(|_| Group::read(bits, &cache))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            width,
            height,
            cache,
            groups,
            group_of_tile,
            tile_bits,
        })
    }

    /// Reads all pixels, and hands on each row.
    pub(super) fn read(mut self, bits: &mut Bits, row: impl FnMut(&[u32])) -> Result<(), PhotoError> {
        let mut rows = Rows::new(self.width as usize, self.height as usize, row);
        let tiles_across = tiles(self.width, self.tile_bits) as usize;
        while rows.count < rows.pixels {
            let group = if self.group_of_tile.is_empty() {
                &self.groups[0]
            } else {
                let (x, y) = (rows.current.len() >> self.tile_bits, rows.complete >> self.tile_bits);
                &self.groups[usize::from(self.group_of_tile[y * tiles_across + x])]
            };
            let symbol = group.green.symbol(bits)?.into();
            if symbol < VALUES {
                let pixel = group.colour(bits, symbol)?;
                note(&mut self.cache, pixel);
                rows.add(pixel);
            } else if symbol < VALUES + LENGTHS {
                let length = number(bits, symbol - VALUES)?;
                let symbol = group.distance.symbol(bits)?;
                let distance = pixels_back(number(bits, symbol.into())?, self.width);
                if distance > rows.count || length > rows.pixels - rows.count {
                    return Err(PhotoError::Damaged);
                }
                for _ in 0..length {
                    let pixel = rows.before(distance);
                    note(&mut self.cache, pixel);
                    rows.add(pixel);
                }
            } else {
                let pixel = self.cache.get((symbol - VALUES - LENGTHS) as usize);
                rows.add(*pixel.ok_or(PhotoError::Damaged)?);
            }
        }
        Ok(())
    }
}

/// How many tiles of this size, as a power of 2, cover so many pixels.
pub(super) fn tiles(pixels: u32, bits: u32) -> u32 {
    pixels.div_ceil(1 << bits)
}

/// Reads a small picture, which is coded by one group.
pub(super) fn read_small(bits: &mut Bits, width: u32, height: u32) -> Result<Vec<u32>, PhotoError> {
    let cache = read_cache(bits)?;
    let coding = Pixels {
        width,
        height,
        groups: vec![Group::read(bits, &cache)?],
        cache,
        group_of_tile: Vec::new(),
        tile_bits: 0,
    };
    let mut pixels = Vec::with_capacity(width as usize * height as usize);
    coding.read(bits, |row| pixels.extend_from_slice(row))?;
    Ok(pixels)
}

fn read_cache(bits: &mut Bits) -> Result<Vec<u32>, PhotoError> {
    if !bits.flag()? {
        return Ok(Vec::new());
    }
    match bits.take(4)? {
        size @ 1..=11 => Ok(vec![0; 1 << size]),
        _ => Err(PhotoError::Damaged),
    }
}

/// Notes a colour that may come again.
fn note(cache: &mut [u32], pixel: u32) {
    if !cache.is_empty() {
        let hash = pixel.wrapping_mul(0x1E35_A7BD) >> (32 - cache.len().ilog2());
        cache[hash as usize] = pixel;
    }
}

impl Group {
    fn read(bits: &mut Bits, cache: &[u32]) -> Result<Self, PhotoError> {
        let mut read = |symbols: usize| Code::read(bits, symbols);
        Ok(Self {
            green: read((VALUES + LENGTHS) as usize + cache.len())?,
            red: read(VALUES as usize)?,
            blue: read(VALUES as usize)?,
            alpha: read(VALUES as usize)?,
            distance: read(DISTANCES)?,
        })
    }

    /// The pixel with this green.
    fn colour(&self, bits: &mut Bits, green: u32) -> Result<u32, PhotoError> {
        let mut sample = |code: &Code| code.symbol(bits).map(u32::from);
        let (red, blue, alpha) = (sample(&self.red)?, sample(&self.blue)?, sample(&self.alpha)?);
        Ok(alpha << 24 | red << 16 | green << 8 | blue)
    }
}

/// A length or a distance, whose symbol says how many bits follow.
fn number(bits: &mut Bits, symbol: u32) -> Result<usize, PhotoError> {
    if symbol < 4 {
        return Ok(symbol as usize + 1);
    }
    let size = (symbol - 2) >> 1;
    let number = ((2 + (symbol & 1)) << size) + bits.take(size)? + 1;
    Ok(number as usize)
}

/// How many pixels before the next one this distance means.
fn pixels_back(distance: usize, width: u32) -> usize {
    match NEAR.get(distance - 1) {
        Some((left, up)) => {
            let pixels = i64::from(*left) + i64::from(*up) * i64::from(width);
            usize::try_from(pixels).unwrap_or(1).max(1)
        }
        None => distance - NEAR.len(),
    }
}

/// Puts rows together.
struct Rows<F> {
    /// How many pixels there are in all, and how many have come.
    pixels: usize,
    count: usize,
    /// The last pixels, at their number modulo the size, which is a power of 2.
    window: Vec<u32>,
    width: usize,
    current: Vec<u32>,
    complete: usize,
    row: F,
}

impl<F: FnMut(&[u32])> Rows<F> {
    fn new(width: usize, height: usize, row: F) -> Self {
        Self {
            pixels: width * height,
            count: 0,
            window: vec![0; (width * height).next_power_of_two().min(WINDOW)],
            width,
            current: Vec::with_capacity(width),
            complete: 0,
            row,
        }
    }

    fn add(&mut self, pixel: u32) {
        let place = self.count & (self.window.len() - 1);
        self.window[place] = pixel;
        self.count += 1;
        self.current.push(pixel);
        if self.current.len() == self.width {
            (self.row)(&self.current);
            self.current.clear();
            self.complete += 1;
        }
    }

    fn before(&self, distance: usize) -> u32 {
        self.window[(self.count - distance) & (self.window.len() - 1)]
    }
}
