//! The tables that a file defines before and between its scans (ITU-T T.81, B.2.4).

use super::bits::Huffman;
use super::dct::BLOCK;
use crate::PhotoError;

/// For each position in a file, the position in a block by rows (T.81, figure A.6).
pub(super) const ZIGZAG: [u8; BLOCK * BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The step of each coefficient, in the order of the file.
pub(super) type Quantisation = [u16; BLOCK * BLOCK];

/// Up to four tables of each kind.
#[derive(Default)]
pub(super) struct Tables {
    quantisation: [Option<Quantisation>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// MCUs from one restart marker to the next; 0 if there are none.
    pub(super) restart_interval: u32,
}

impl Tables {
    pub(super) fn quantisation(&self, number: u8) -> Result<&Quantisation, PhotoError> {
        table(&self.quantisation, number)
    }

    pub(super) fn dc(&self, number: u8) -> Result<&Huffman, PhotoError> {
        table(&self.dc, number)
    }

    pub(super) fn ac(&self, number: u8) -> Result<&Huffman, PhotoError> {
        table(&self.ac, number)
    }

    /// Reads a DQT segment.
    pub(super) fn define_quantisation(&mut self, mut content: &[u8]) -> Result<(), PhotoError> {
        while let Some((first, rest)) = content.split_first() {
            let wide = match first >> 4 {
                0 => false,
                1 => true,
                _ => return Err(PhotoError::Damaged),
            };
            let length = if wide { 128 } else { 64 };
            let (values, rest) = rest.split_at_checked(length).ok_or(PhotoError::Damaged)?;
            let mut steps = [0; BLOCK * BLOCK];
            for (index, step) in steps.iter_mut().enumerate() {
                *step = if wide {
                    u16::from_be_bytes([values[2 * index], values[2 * index + 1]])
                } else {
                    values[index].into()
                };
            }
            let table = self.quantisation.get_mut(usize::from(first & 15));
            *table.ok_or(PhotoError::Damaged)? = Some(steps);
            content = rest;
        }
        Ok(())
    }

    /// Reads a DHT segment.
    pub(super) fn define_huffman(&mut self, mut content: &[u8]) -> Result<(), PhotoError> {
        while let Some((first, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk().ok_or(PhotoError::Damaged)?;
            let length = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(length).ok_or(PhotoError::Damaged)?;
            let tables = match first >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(PhotoError::Damaged),
            };
            let table = tables.get_mut(usize::from(first & 15));
            *table.ok_or(PhotoError::Damaged)? = Some(Huffman::new(counts, symbols)?);
            content = rest;
        }
        Ok(())
    }

    /// Reads a DRI segment.
    pub(super) fn define_restarts(&mut self, content: &[u8]) -> Result<(), PhotoError> {
        let interval = content.try_into().map_err(|_| PhotoError::Damaged)?;
        self.restart_interval = u16::from_be_bytes(interval).into();
        Ok(())
    }
}

fn table<T>(tables: &[Option<T>; 4], number: u8) -> Result<&T, PhotoError> {
    let table = tables.get(usize::from(number)).and_then(Option::as_ref);
    table.ok_or(PhotoError::Damaged)
}
