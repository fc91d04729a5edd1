//! Progressive JPEG: scans bring the coefficients of all blocks bit by bit (ITU-T T.81, annex G).
//!
//! All of them at full size would take 6 bytes per pixel. Only those that the needed size shows are kept; of the others,
//! a bit for whether they are zero, because that decides how the next bits are read.

use std::ops::RangeInclusive;

use super::bits::{Bits, Huffman};
use super::dct::{BLOCK, InverseDct};
use super::frame::{Component, Frame};
use super::planes::PlaneSamples;
use super::scan::{ReadBlock, Scan};
use super::sequential::difference;
use super::tables::{Quantisation, Tables, ZIGZAG};
use crate::PhotoError;

/// More scans than any encoder makes. Each one visits every block, so a small file with many would take long.
const MAX_SCANS: u32 = 256;
/// The most blocks that the scans of a file may visit. A visit takes some 5 ns, also if the file has no bits for it. The
/// most that libjpeg's own script (`jpeg_simple_progression`) needs is 25 million: six for each of 67 megapixels' four inks.
const MAX_VISITS: u64 = 100_000_000;
/// Coefficients of a block that are not known yet.
const UNKNOWN: u8 = u8::MAX;

/// The coefficients that have been read so far, in the order of the components.
pub(super) struct Progressive {
    components: Vec<Coefficients>,
    scans: u32,
    visits: u64,
}

/// The coefficients of a component.
struct Coefficients {
    /// Blocks in a row.
    across: u32,
    /// For each coefficient in the order of the file, where it is among those of a block that are kept.
    places: [Option<u8>; BLOCK * BLOCK],
    /// How many of them are kept per block.
    kept: usize,
    /// Those of all blocks.
    values: Vec<i16>,
    /// For each block, a bit for each coefficient: whether it is not zero.
    nonzero: Vec<u64>,
    /// For each coefficient, how many of its low bits are missing.
    missing: [u8; BLOCK * BLOCK],
    /// The table that was there when the first scan of the component began.
    quantisation: Option<Quantisation>,
}

impl Progressive {
    pub(super) fn new(frame: &Frame) -> Self {
        Self {
            components: frame.components.iter().map(Coefficients::new).collect(),
            scans: 0,
            visits: 0,
        }
    }

    /// Reads a scan, and returns how many bytes it has.
    pub(super) fn read(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        data: &[u8],
    ) -> Result<usize, PhotoError> {
        self.scans += 1;
        let (first, last) = (usize::from(scan.first), usize::from(scan.last));
        let is_legal = if first == 0 {
            last == 0
        } else {
            first <= last && last < ZIGZAG.len() && scan.components.len() == 1
        };
        let is_refinement = scan.missing_before > 0;
        let is_next_bit = scan.missing_before == scan.missing_after + 1;
        if self.scans > MAX_SCANS || !is_legal || scan.missing_after > 13 || (is_refinement && !is_next_bit) {
            return Err(PhotoError::Damaged);
        }
        self.visits += scan.blocks(frame);
        if self.visits > MAX_VISITS {
            return Err(PhotoError::TooMuchWork);
        }
        let mut dc_tables = Vec::new();
        for component in &scan.components {
            let quantisation = tables.quantisation(frame.components[component.index].quantisation)?;
            self.components[component.index].begin(scan, quantisation)?;
            if first == 0 && !is_refinement {
                dc_tables.push(tables.dc(component.dc_table)?);
            }
        }
        let mut reader = Reader {
            scan,
            components: &mut self.components,
            dc_tables,
            ac_table: (first > 0)
                .then(|| tables.ac(scan.components[0].ac_table))
                .transpose()?,
            last_dc: [0; 4],
            end_of_bands: 0,
        };
        scan.read(frame, tables.restart_interval, data, &mut reader)
    }

    /// The planes in the order of the components. If the file does not say that it ends, every bit must be there.
    pub(super) fn planes(self, frame: &Frame, has_end: bool) -> Result<impl Iterator<Item = PlaneSamples>, PhotoError> {
        let is_complete = |component: &Coefficients| {
            component.missing[0] != UNKNOWN && (has_end || component.missing.iter().all(|missing| *missing == 0))
        };
        if !self.components.iter().all(is_complete) {
            return Err(PhotoError::Damaged);
        }
        let planes = self.components.into_iter().zip(&frame.components);
        Ok(planes.map(|(coefficients, component)| coefficients.samples(component)))
    }
}

impl Coefficients {
    fn new(component: &Component) -> Self {
        let plane = &component.plane;
        let kept_place = |position: u8| {
            let (row, column) = (usize::from(position) / BLOCK, usize::from(position) % BLOCK);
            let is_kept = row < plane.block_height && column < plane.block_width;
            is_kept.then_some((row * plane.block_width + column) as u8)
        };
        let kept = plane.block_width * plane.block_height;
        let blocks = component.all_blocks.across as usize * component.all_blocks.down as usize;
        Self {
            across: component.all_blocks.across,
            places: ZIGZAG.map(kept_place),
            kept,
            values: vec![0; blocks * kept],
            nonzero: vec![0; blocks],
            missing: [UNKNOWN; BLOCK * BLOCK],
            quantisation: None,
        }
    }

    /// Notes what the scan brings, and checks that it follows those before.
    fn begin(&mut self, scan: &Scan, quantisation: &Quantisation) -> Result<(), PhotoError> {
        let before = if scan.missing_before == 0 {
            UNKNOWN
        } else {
            scan.missing_before
        };
        let brought = &mut self.missing[usize::from(scan.first)..=usize::from(scan.last)];
        if brought.iter().any(|missing| *missing != before) {
            return Err(PhotoError::Damaged);
        }
        brought.fill(scan.missing_after);
        self.quantisation.get_or_insert(*quantisation);
        Ok(())
    }

    /// A coefficient, if it is kept.
    fn value(&mut self, block: usize, index: usize) -> Option<&mut i16> {
        let place = self.places[index]?;
        self.values.get_mut(block * self.kept + usize::from(place))
    }

    /// Sets a coefficient that was zero.
    fn set(&mut self, block: usize, index: usize, new: i32) {
        self.nonzero[block] |= 1 << index;
        if let Some(value) = self.value(block, index) {
            *value = new as i16;
        }
    }

    /// Reads the next bit of each of these coefficients that is not zero.
    fn refine(&mut self, block: usize, indexes: RangeInclusive<usize>, bit: i16, bits: &mut Bits) {
        if indexes.is_empty() {
            return;
        }
        let mask = u64::MAX >> (63 - indexes.end()) & u64::MAX << indexes.start();
        let mut nonzero = self.nonzero[block] & mask;
        while nonzero != 0 {
            let index = nonzero.trailing_zeros() as usize;
            nonzero &= nonzero - 1;
            if bits.take(1) == 1
                && let Some(value) = self.value(block, index)
            {
                *value = value.wrapping_add(if *value < 0 { -bit } else { bit });
            }
        }
    }

    fn samples(self, component: &Component) -> PlaneSamples {
        let plane = &component.plane;
        let transform = InverseDct::new(plane.block_width, plane.block_height);
        let mut samples = PlaneSamples::new(plane);
        let quantisation = self.quantisation.expect("a scan has begun");
        let blocks = (0..component.all_blocks.down).flat_map(|y| (0..self.across).map(move |x| (x, y)));
        for ((x, y), values) in blocks.zip(self.values.chunks_exact(self.kept)) {
            let mut block = [[0.0; BLOCK]; BLOCK];
            for (index, place) in self.places.iter().enumerate() {
                if let Some(place) = place {
                    let position = usize::from(ZIGZAG[index]);
                    let value = f32::from(values[usize::from(*place)]);
                    block[position / BLOCK][position % BLOCK] = value * f32::from(quantisation[index]);
                }
            }
            samples.set(plane, x, y, &transform.samples(&block));
        }
        samples
    }
}

/// Reads the blocks of one scan.
struct Reader<'a> {
    scan: &'a Scan,
    /// Those of the frame.
    components: &'a mut [Coefficients],
    /// By component of the scan, if it brings means.
    dc_tables: Vec<&'a Huffman>,
    /// If it brings other coefficients.
    ac_table: Option<&'a Huffman>,
    /// By component of the scan, the mean of the block before.
    last_dc: [i32; 4],
    /// For how many blocks, from the next one on, the scan brings nothing that was zero.
    end_of_bands: u32,
}

impl ReadBlock for Reader<'_> {
    fn read(&mut self, bits: &mut Bits, component: usize, x: u32, y: u32) -> Result<(), PhotoError> {
        let coefficients = &mut self.components[self.scan.components[component].index];
        let block = y as usize * coefficients.across as usize + x as usize;
        let low_bit = self.scan.missing_after;
        match (self.ac_table, self.scan.missing_before) {
            (None, 0) => {
                let last_dc = &mut self.last_dc[component];
                *last_dc = last_dc.wrapping_add(difference(bits, self.dc_tables[component])?);
                coefficients.set(block, 0, *last_dc << low_bit);
                Ok(())
            }
            (None, _) => {
                if let Some(value) = coefficients.value(block, 0) {
                    *value |= (bits.take(1) << low_bit) as i16;
                }
                Ok(())
            }
            (Some(table), 0) => self.read_band(bits, table, block),
            (Some(table), _) => self.refine_band(bits, table, block),
        }
    }

    fn restart(&mut self) {
        self.last_dc = [0; 4];
        self.end_of_bands = 0;
    }
}

impl Reader<'_> {
    /// Reads coefficients for the first time (T.81, G.1.2.2).
    fn read_band(&mut self, bits: &mut Bits, table: &Huffman, block: usize) -> Result<(), PhotoError> {
        if self.end_of_bands > 0 {
            self.end_of_bands -= 1;
            return Ok(());
        }
        let coefficients = &mut self.components[self.scan.components[0].index];
        let (mut index, last) = (usize::from(self.scan.first), usize::from(self.scan.last));
        while index <= last {
            let symbol = bits.symbol(table)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            match (zeros, size) {
                (15, 0) => index += 16,
                (_, 0) => {
                    self.end_of_bands = end_of_bands(bits, zeros) - 1;
                    break;
                }
                _ => {
                    index += usize::from(zeros);
                    if index > last {
                        return Err(PhotoError::Damaged);
                    }
                    let value = bits.signed(size.into());
                    coefficients.set(block, index, value << self.scan.missing_after);
                    index += 1;
                }
            }
        }
        Ok(())
    }

    /// Reads the next bit of coefficients (T.81, G.1.2.3).
    fn refine_band(&mut self, bits: &mut Bits, table: &Huffman, block: usize) -> Result<(), PhotoError> {
        let coefficients = &mut self.components[self.scan.components[0].index];
        let (mut index, last) = (usize::from(self.scan.first), usize::from(self.scan.last));
        let bit = 1_i16 << self.scan.missing_after;
        while self.end_of_bands == 0 && index <= last {
            let symbol = bits.symbol(table)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if size == 0 && zeros < 15 {
                self.end_of_bands = end_of_bands(bits, zeros);
                break;
            }
            let new = match size {
                0 => None,
                1 if bits.take(1) == 1 => Some(bit),
                1 => Some(-bit),
                _ => return Err(PhotoError::Damaged),
            };
            // It follows so many coefficients that stay zero. Those between them that are not zero get their bit.
            let stay_zero = !coefficients.nonzero[block] & u64::MAX << index & u64::MAX >> (63 - last);
            let place = (0..zeros)
                .fold(stay_zero, |rest, _| rest & rest.wrapping_sub(1))
                .trailing_zeros() as usize;
            if place > last && new.is_some() {
                return Err(PhotoError::Damaged);
            }
            if place > index {
                coefficients.refine(block, index..=last.min(place - 1), bit, bits);
            }
            if let Some(new) = new {
                coefficients.set(block, place, new.into());
            }
            index = place + 1;
        }
        if self.end_of_bands > 0 {
            coefficients.refine(block, index..=last, bit, bits);
            self.end_of_bands -= 1;
        }
        Ok(())
    }
}

/// How many bands end, this one included (T.81, G.1.2.2). `digits` is how many bits the number has after its first.
fn end_of_bands(bits: &mut Bits, digits: u8) -> u32 {
    let rest = bits.take(digits.into()).unsigned_abs();
    (1 << digits) + rest
}
