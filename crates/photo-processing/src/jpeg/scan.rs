//! A scan: which components and bits it brings, and in which order (ITU-T T.81, A.2 and B.2.3).

use super::bits::Bits;
use super::frame::{Blocks, Frame};
use crate::PhotoError;

/// The header of a scan.
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// First and last coefficient of each block, in the order of the file.
    pub(super) first: u8,
    pub(super) last: u8,
    /// How many of the low bits were missing before this scan (0: all), and are missing after it.
    pub(super) missing_before: u8,
    pub(super) missing_after: u8,
}

#[derive(Clone, Copy)]
pub(super) struct ScanComponent {
    /// Its position in the frame.
    pub(super) index: usize,
    pub(super) dc_table: u8,
    pub(super) ac_table: u8,
}

impl Scan {
    /// Reads the content of an SOS segment.
    pub(super) fn parse(content: &[u8], frame: &Frame) -> Result<Self, PhotoError> {
        let (count, rest) = content.split_first().ok_or(PhotoError::Damaged)?;
        let (pairs, tail) = rest
            .split_at_checked(2 * usize::from(*count))
            .ok_or(PhotoError::Damaged)?;
        let [first, last, bits] = *tail else {
            return Err(PhotoError::Damaged);
        };
        let mut components: Vec<ScanComponent> = Vec::new();
        for pair in pairs.chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == pair[0]);
            let index = index.ok_or(PhotoError::Damaged)?;
            if components.iter().any(|earlier| earlier.index == index) {
                return Err(PhotoError::Damaged);
            }
            components.push(ScanComponent {
                index,
                dc_table: pair[1] >> 4,
                ac_table: pair[1] & 15,
            });
        }
        if components.is_empty() {
            return Err(PhotoError::Damaged);
        }
        Ok(Self {
            components,
            first,
            last,
            missing_before: bits >> 4,
            missing_after: bits & 15,
        })
    }

    /// How many blocks the scan has.
    pub(super) fn blocks(&self, frame: &Frame) -> u64 {
        let components = self
            .components
            .iter()
            .map(|component| &frame.components[component.index]);
        let blocks = components.map(|component| match self.components.len() {
            1 => component.blocks,
            _ => component.all_blocks,
        });
        blocks
            .map(|Blocks { across, down }| u64::from(across) * u64::from(down))
            .sum()
    }

    /// Reads every block of the scan, and returns how many bytes it has.
    pub(super) fn read(
        &self,
        frame: &Frame,
        restart_interval: u32,
        data: &[u8],
        blocks: &mut impl ReadBlock,
    ) -> Result<usize, PhotoError> {
        let mut bits = Bits::new(data);
        // A component alone has no MCUs of several blocks, and none that only fill up.
        let alone = (self.components.len() == 1).then(|| frame.components[self.components[0].index].blocks);
        let Blocks { across, down } = alone.unwrap_or(frame.mcus);
        let mut until_restart = restart_interval;
        let mut restarts = 0;
        for y in 0..down {
            for x in 0..across {
                if restart_interval > 0 && until_restart == 0 {
                    bits.restart(restarts % 8)?;
                    blocks.restart();
                    until_restart = restart_interval;
                    restarts = (restarts + 1) % 8;
                }
                until_restart = until_restart.saturating_sub(1);
                if alone.is_some() {
                    blocks.read(&mut bits, 0, x, y)?;
                } else {
                    self.read_mcu(frame, &mut bits, x, y, blocks)?;
                }
                bits.check()?;
            }
        }
        Ok(bits.position())
    }

    fn read_mcu(
        &self,
        frame: &Frame,
        bits: &mut Bits,
        mcu_x: u32,
        mcu_y: u32,
        blocks: &mut impl ReadBlock,
    ) -> Result<(), PhotoError> {
        for (position, component) in self.components.iter().enumerate() {
            let component = &frame.components[component.index];
            for y in 0..component.down {
                for x in 0..component.across {
                    blocks.read(bits, position, mcu_x * component.across + x, mcu_y * component.down + y)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads blocks of a scan.
pub(super) trait ReadBlock {
    /// Reads the block at this place of a component, which is given by its position in the scan.
    fn read(&mut self, bits: &mut Bits, component: usize, x: u32, y: u32) -> Result<(), PhotoError>;

    /// What follows does not depend on what came before.
    fn restart(&mut self);
}
