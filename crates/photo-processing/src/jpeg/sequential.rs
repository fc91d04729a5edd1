//! Sequential JPEG: each block comes whole (ITU-T T.81, F.2), so its samples are computed at once.

use super::bits::{Bits, Huffman};
use super::dct::{BLOCK, InverseDct};
use super::frame::{Component, Frame};
use super::planes::PlaneSamples;
use super::scan::{ReadBlock, Scan};
use super::tables::{Quantisation, Tables, ZIGZAG};
use crate::PhotoError;

/// The planes that have been read so far, in the order of the components.
pub(super) struct Sequential {
    planes: Vec<Option<PlaneSamples>>,
}

impl Sequential {
    pub(super) fn new(frame: &Frame) -> Self {
        Self {
            planes: frame.components.iter().map(|_| None).collect(),
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
        let mut reader = Reader { components: Vec::new() };
        for component in &scan.components {
            if self.planes[component.index].is_some() {
                return Err(PhotoError::Damaged);
            }
            let of_frame = &frame.components[component.index];
            let plane = &of_frame.plane;
            reader.components.push(ComponentReader {
                component: of_frame,
                dc: tables.dc(component.dc_table)?,
                ac: tables.ac(component.ac_table)?,
                quantisation: tables.quantisation(of_frame.quantisation)?,
                transform: InverseDct::new(plane.block_width, plane.block_height),
                samples: PlaneSamples::new(plane),
                last_dc: 0,
            });
        }
        let bytes = scan.read(frame, tables.restart_interval, data, &mut reader)?;
        for (component, read) in scan.components.iter().zip(reader.components) {
            self.planes[component.index] = Some(read.samples);
        }
        Ok(bytes)
    }

    /// The planes, if all have been read.
    pub(super) fn planes(self) -> Result<Vec<PlaneSamples>, PhotoError> {
        let planes: Option<Vec<PlaneSamples>> = self.planes.into_iter().collect();
        planes.ok_or(PhotoError::Damaged)
    }
}

struct Reader<'a> {
    components: Vec<ComponentReader<'a>>,
}

struct ComponentReader<'a> {
    component: &'a Component,
    dc: &'a Huffman,
    ac: &'a Huffman,
    quantisation: &'a Quantisation,
    transform: InverseDct,
    samples: PlaneSamples,
    /// The mean of the block before, from which the next one's differs.
    last_dc: i32,
}

impl ReadBlock for Reader<'_> {
    fn read(&mut self, bits: &mut Bits, component: usize, x: u32, y: u32) -> Result<(), PhotoError> {
        self.components[component].read(bits, x, y)
    }

    fn restart(&mut self) {
        for component in &mut self.components {
            component.last_dc = 0;
        }
    }
}

impl ComponentReader<'_> {
    fn read(&mut self, bits: &mut Bits, x: u32, y: u32) -> Result<(), PhotoError> {
        let mut block = [[0.0; BLOCK]; BLOCK];
        let mut set = |index: usize, value: i32| {
            let position = usize::from(ZIGZAG[index]);
            block[position / BLOCK][position % BLOCK] = value as f32 * f32::from(self.quantisation[index]);
        };
        self.last_dc = self.last_dc.wrapping_add(difference(bits, self.dc)?);
        set(0, self.last_dc);
        let mut index = 1;
        while index < ZIGZAG.len() {
            let symbol = bits.symbol(self.ac)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            match (zeros, size) {
                (15, 0) => index += 16,
                (_, 0) => break,
                _ => {
                    index += zeros;
                    if index >= ZIGZAG.len() {
                        return Err(PhotoError::Damaged);
                    }
                    set(index, bits.signed(size));
                    index += 1;
                }
            }
        }
        let plane = &self.component.plane;
        self.samples.set(plane, x, y, &self.transform.samples(&block));
        Ok(())
    }
}

/// How much the mean of a block differs from that of the block before.
pub(super) fn difference(bits: &mut Bits, table: &Huffman) -> Result<i32, PhotoError> {
    let size = u32::from(bits.symbol(table)?);
    if size > 15 {
        return Err(PhotoError::Damaged);
    }
    Ok(bits.signed(size))
}
