//! The inverse discrete cosine transform (ITU-T T.81, A.3.3), also at fractions of the full size.
//!
//! A block of 8×8 samples at n/8 of its size is the inverse transform, over n samples, of its n lowest frequencies.

use std::f32::consts::PI;

/// How many samples and frequencies a block has in each direction.
pub(super) const BLOCK: usize = 8;

/// Turns the coefficients of blocks into samples.
pub(super) struct InverseDct {
    /// Samples per block, 1 to 8.
    across: usize,
    down: usize,
    /// By frequency, the wave at each sample.
    waves_across: [[f32; BLOCK]; BLOCK],
    waves_down: [[f32; BLOCK]; BLOCK],
}

impl InverseDct {
    pub(super) fn new(across: usize, down: usize) -> Self {
        Self {
            across,
            down,
            waves_across: waves(across),
            waves_down: waves(down),
        }
    }

    /// The samples of a block with these coefficients, by row. Those beyond its size are not set.
    pub(super) fn samples(&self, coefficients: &[[f32; BLOCK]; BLOCK]) -> [[u8; BLOCK]; BLOCK] {
        let mut samples = [[0; BLOCK]; BLOCK];
        for (y, samples) in samples.iter_mut().enumerate().take(self.down) {
            let mut row = [0_f32; BLOCK];
            for (waves, coefficients) in self.waves_down.iter().zip(coefficients).take(self.down) {
                add(&mut row, coefficients, waves[y]);
            }
            // Samples are stored as differences from 128. The half is for rounding.
            let mut values = [128.5_f32; BLOCK];
            for (waves, amplitude) in self.waves_across.iter().zip(row).take(self.across) {
                add(&mut values, waves, amplitude);
            }
            // The conversion cuts off fractions, and what does not fit into a byte.
            *samples = values.map(|value| value as u8);
        }
        samples
    }
}

fn add(sum: &mut [f32; BLOCK], values: &[f32; BLOCK], factor: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value * factor;
    }
}

/// For each of the `count` lowest frequencies, the wave over `count` samples.
fn waves(count: usize) -> [[f32; BLOCK]; BLOCK] {
    let mut waves = [[0.0; BLOCK]; BLOCK];
    for (frequency, wave) in waves.iter_mut().enumerate().take(count) {
        let amplitude = if frequency == 0 { 0.125_f32.sqrt() } else { 0.5 };
        for (sample, value) in wave.iter_mut().enumerate().take(count) {
            let angle = (2 * sample + 1) as f32 * frequency as f32 * PI / (2 * count) as f32;
            *value = amplitude * angle.cos();
        }
    }
    waves
}
