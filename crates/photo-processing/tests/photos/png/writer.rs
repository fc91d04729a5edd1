//! Writes PNG files (ISO/IEC 15948), also of kinds that encoders do not write.

use std::io::Write;

use flate2::Crc;
use flate2::write::ZlibEncoder;

pub const GREY: u8 = 0;
pub const RGB: u8 = 2;
pub const PALETTE: u8 = 3;
pub const GREY_ALPHA: u8 = 4;
pub const RGBA: u8 = 6;

/// The first row, the distance to the next, and the same of the columns of each pass.
const PASSES: [[usize; 4]; 7] = [
    [0, 8, 0, 8],
    [0, 8, 4, 8],
    [4, 8, 0, 4],
    [0, 4, 2, 4],
    [2, 4, 0, 2],
    [0, 2, 1, 2],
    [1, 2, 0, 1],
];

/// A kind of PNG.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub colour: u8,
    pub depth: u8,
    pub interlaced: bool,
    pub width: u32,
    pub height: u32,
}

impl Kind {
    pub fn channels(self) -> usize {
        [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)]
    }

    /// A file with these chunks before the picture.
    pub fn file(self, samples: &[u16], chunks: &[Vec<u8>]) -> Vec<u8> {
        let picture = chunk(b"IDAT", &self.compressed(samples));
        let parts = [vec![self.start()], chunks.to_vec(), vec![picture, chunk(b"IEND", &[])]];
        parts.concat().concat()
    }

    /// The signature and the first chunk.
    pub fn start(self) -> Vec<u8> {
        let sides = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        let rest = [self.depth, self.colour, 0, 0, u8::from(self.interlaced)];
        let header = chunk(b"IHDR", &[sides, rest.to_vec()].concat());
        [b"\x89PNG\r\n\x1a\n".to_vec(), header].concat()
    }

    /// The content of the picture's chunk: for each row a filter and the samples.
    pub fn compressed(self, samples: &[u16]) -> Vec<u8> {
        let (width, height) = (self.width as usize, self.height as usize);
        let passes = if self.interlaced {
            PASSES.as_slice()
        } else {
            &[[0, 1, 0, 1]]
        };
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        for &[top, down, left, right] in passes.iter().filter(|pass| pass[2] < width) {
            let mut above = Vec::new();
            for (number, y) in (top..height).step_by(down).enumerate() {
                let pixel = |x| &samples[(y * width + x) * self.channels()..][..self.channels()];
                let row = packed((left..width).step_by(right).flat_map(pixel), self.depth);
                let distance = (self.channels() * usize::from(self.depth) / 8).max(1);
                above.resize(row.len(), 0);
                encoder
                    .write_all(&filtered(number % 5, &row, &above, distance))
                    .unwrap();
                above = row;
            }
        }
        encoder.finish().unwrap()
    }
}

/// Samples of this many bits, in bytes.
fn packed<'a>(samples: impl Iterator<Item = &'a u16>, depth: u8) -> Vec<u8> {
    let samples: Vec<u16> = samples.copied().collect();
    match depth {
        16 => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
        8 => samples.iter().map(|sample| u8::try_from(*sample).unwrap()).collect(),
        _ => samples
            .chunks(usize::from(8 / depth))
            .map(|samples| {
                let bits = |(place, sample): (u8, &u16)| u8::try_from(*sample).unwrap() << (8 - depth * (place + 1));
                (0..).zip(samples).map(bits).sum()
            })
            .collect(),
    }
}

/// The row with a filter's number, each byte without what the filter predicts.
fn filtered(filter: usize, row: &[u8], above: &[u8], distance: usize) -> Vec<u8> {
    let predicted = |place: usize| {
        let left = place.checked_sub(distance).map_or(0, |place| row[place]);
        let corner = place.checked_sub(distance).map_or(0, |place| above[place]);
        let above = above[place];
        match filter {
            0 => 0,
            1 => left,
            2 => above,
            3 => u8::midpoint(left, above),
            _ => paeth(left, above, corner),
        }
    };
    let bytes = row
        .iter()
        .enumerate()
        .map(|(place, byte)| byte.wrapping_sub(predicted(place)));
    std::iter::once(u8::try_from(filter).unwrap()).chain(bytes).collect()
}

fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(above) - i16::from(corner);
    let distance = |value: &u8| (estimate - i16::from(*value)).abs();
    [left, above, corner].into_iter().min_by_key(distance).unwrap()
}

pub fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut checksum = Crc::new();
    checksum.update(name);
    checksum.update(content);
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length, name.as_slice(), content, &checksum.sum().to_be_bytes()].concat()
}

/// A chunk whose checksum is wrong.
pub fn chunk_with_wrong_checksum(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = chunk(name, content);
    *chunk.last_mut().unwrap() ^= 1;
    chunk
}
