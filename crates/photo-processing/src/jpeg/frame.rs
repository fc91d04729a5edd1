//! The frame: size and components of the picture (ITU-T T.81, A.1 and B.2.2), and how much of them is needed.

use crate::{PHOTO_SIDE, PhotoError, check_size};

/// A component: brightness, a difference of colour, or an ink.
pub(super) struct Component {
    /// Its name in scans.
    pub(super) id: u8,
    /// The number of its quantisation table.
    pub(super) quantisation: u8,
    /// Its blocks in an MCU.
    pub(super) across: u32,
    pub(super) down: u32,
    /// The blocks that cover the picture.
    pub(super) blocks: Blocks,
    /// Those and the ones that fill the last MCUs.
    pub(super) all_blocks: Blocks,
    /// Its plane of samples, at the size that is needed.
    pub(super) plane: Plane,
}

#[derive(Clone, Copy)]
pub(super) struct Blocks {
    pub(super) across: u32,
    pub(super) down: u32,
}

/// The size of a component's plane of samples.
pub(super) struct Plane {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The part of it that shows the picture: the last sample may stand for fewer pixels than the others.
    pub(super) exact_width: f64,
    pub(super) exact_height: f64,
    /// The samples of a block, 1 to 8 in each direction.
    pub(super) block_width: usize,
    pub(super) block_height: usize,
}

/// What the SOF segment says.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
    /// The MCUs of a scan of several components.
    pub(super) mcus: Blocks,
}

impl Frame {
    /// Reads a segment of baseline, extended or progressive JPEG.
    pub(super) fn parse(content: &[u8], progressive: bool) -> Result<Self, PhotoError> {
        let (head, components) = content.split_first_chunk().ok_or(PhotoError::Damaged)?;
        let [precision, height_1, height_2, width_1, width_2, count] = *head;
        let height = u32::from(u16::from_be_bytes([height_1, height_2]));
        let width = u32::from(u16::from_be_bytes([width_1, width_2]));
        // With height 0, it follows the first scan: no camera does that, and browsers refuse it.
        if precision != 8 || height == 0 || !matches!(count, 1 | 3 | 4) {
            return Err(PhotoError::UnsupportedJpeg);
        }
        if width == 0 || components.len() != usize::from(count) * 3 {
            return Err(PhotoError::Damaged);
        }
        check_size(width, height)?;
        let sampling = |component: &[u8]| (u32::from(component[1] >> 4), u32::from(component[1] & 15));
        let components: Vec<&[u8]> = components.chunks_exact(3).collect();
        if components.iter().any(|component| {
            let (across, down) = sampling(component);
            !(1..=4).contains(&across) || !(1..=4).contains(&down)
        }) {
            return Err(PhotoError::Damaged);
        }
        let most_across = components
            .iter()
            .map(|component| sampling(component).0)
            .max()
            .unwrap_or(1);
        let most_down = components
            .iter()
            .map(|component| sampling(component).1)
            .max()
            .unwrap_or(1);
        let mcus = Blocks {
            across: width.div_ceil(8 * most_across),
            down: height.div_ceil(8 * most_down),
        };
        let eighths = needed_eighths(width.max(height));
        let components = components.iter().map(|component| {
            let (across, down) = sampling(component);
            let (block_width, exact_width) = plane(width, across, most_across, eighths);
            let (block_height, exact_height) = plane(height, down, most_down, eighths);
            Component {
                id: component[0],
                quantisation: component[2],
                across,
                down,
                blocks: Blocks {
                    across: (width * across).div_ceil(8 * most_across),
                    down: (height * down).div_ceil(8 * most_down),
                },
                all_blocks: Blocks {
                    across: mcus.across * across,
                    down: mcus.down * down,
                },
                plane: Plane {
                    width: exact_width.ceil() as u32,
                    height: exact_height.ceil() as u32,
                    exact_width,
                    exact_height,
                    block_width,
                    block_height,
                },
            }
        });
        Ok(Self {
            progressive,
            width,
            height,
            components: components.collect(),
            mcus,
        })
    }
}

/// How many eighths of the full size are enough for a stored photo.
fn needed_eighths(longer_side: u32) -> u32 {
    let enough = |eighths: &u32| longer_side * eighths >= PHOTO_SIDE * 8;
    (1..8).find(enough).unwrap_or(8)
}

/// In one direction: the samples of a block, and those of the whole picture. A component with fewer samples than others
/// is not reduced as much.
fn plane(length: u32, samples: u32, most: u32, eighths: u32) -> (usize, f64) {
    let per_block = (eighths * most).div_ceil(samples).min(8);
    let exact = f64::from(length * samples * per_block) / f64::from(most * 8);
    (per_block as usize, exact)
}
