//! From samples to quantised coefficients.

use std::f32::consts::PI;

use super::{Component, Jpeg};

/// The coefficients of a component, each block in zigzag order.
pub struct Blocks {
    /// Sampling factors.
    pub across: usize,
    pub down: usize,
    /// Size in blocks, as a scan of this component alone has them.
    pub width: usize,
    pub height: usize,
    /// How many blocks a row has with those that only fill the last MCU.
    pub stride: usize,
    pub coefficients: Vec<[i32; 64]>,
}

/// Where each coefficient of the zigzag order stands in the rows of a block.
pub fn zigzag() -> [usize; 64] {
    let mut order: Vec<usize> = (0..64).collect();
    order.sort_by_key(|place| {
        let (row, column) = (place / 8, place % 8);
        let diagonal = row + column;
        (diagonal, if diagonal % 2 == 0 { column } else { row })
    });
    order.try_into().unwrap()
}

/// How many MCUs of interleaved scans the picture has across and down.
pub fn mcus(jpeg: &Jpeg) -> (usize, usize) {
    let (across, down) = jpeg.largest_factors();
    (
        usize::from(jpeg.width).div_ceil(8 * across),
        usize::from(jpeg.height).div_ceil(8 * down),
    )
}

pub fn blocks(jpeg: &Jpeg, component: &Component) -> Blocks {
    let (largest_across, largest_down) = jpeg.largest_factors();
    let (across, down) = (usize::from(component.across), usize::from(component.down));
    let (width, height) = (usize::from(jpeg.width), usize::from(jpeg.height));
    let (own_width, own_height) = (
        (width * across).div_ceil(largest_across),
        (height * down).div_ceil(largest_down),
    );
    let (mcus_across, mcus_down) = mcus(jpeg);
    let (stride, rows) = (mcus_across * across, mcus_down * down);

    // The mean of the pixels that a sample covers. Beyond the edges the last ones are repeated.
    let span = |at: usize, largest: usize, factor: usize, end: usize| {
        let first = (at * largest / factor).min(end - 1);
        first..((at + 1) * largest).div_ceil(factor).clamp(first + 1, end)
    };
    let sample = |x: usize, y: usize| {
        let (x, y) = (x.min(own_width - 1), y.min(own_height - 1));
        if (across, down) == (largest_across, largest_down) {
            return f32::from(component.samples[y * width + x]);
        }
        let xs = span(x, largest_across, across, width);
        let ys = span(y, largest_down, down, height);
        let count = xs.len() * ys.len();
        let rows = ys.map(|y| &component.samples[y * width..]);
        let sum: usize = rows
            .flat_map(|row| &row[xs.clone()])
            .map(|&sample| usize::from(sample))
            .sum();
        let number = |number: usize| f32::from(u16::try_from(number).unwrap());
        number(sum) / number(count)
    };
    let zigzag = zigzag();
    let cosines = cosines();
    let coefficients = (0..stride * rows)
        .map(|block| {
            let (left, top) = (block % stride * 8, block / stride * 8);
            let samples = std::array::from_fn(|y| std::array::from_fn(|x| sample(left + x, top + y) - 128.0));
            let transformed = transformed(&cosines, &samples);
            std::array::from_fn(|place| {
                let (row, column) = (zigzag[place] / 8, zigzag[place] % 8);
                quantised(
                    transformed[row][column] / f32::from(component.quantisation[place]),
                    place,
                )
            })
        })
        .collect();
    Blocks {
        across,
        down,
        width: own_width.div_ceil(8),
        height: own_height.div_ceil(8),
        stride,
        coefficients,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the value is clamped")]
fn quantised(value: f32, place: usize) -> i32 {
    // What the categories of the baseline can express.
    let (least, greatest) = if place == 0 {
        (-1024.0, 1023.0)
    } else {
        (-1023.0, 1023.0)
    };
    value.round().clamp(least, greatest) as i32
}

/// The basis of the cosine transform: a row for each frequency.
fn cosines() -> [[f32; 8]; 8] {
    let number = |index: usize| f32::from(u8::try_from(index).unwrap());
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 { 0.125_f32.sqrt() } else { 0.5 };
        std::array::from_fn(|at| scale * ((2.0 * number(at) + 1.0) * number(frequency) * PI / 16.0).cos())
    })
}

/// The cosine transform of a block: of its rows, then of the columns of the result.
fn transformed(cosines: &[[f32; 8]; 8], samples: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let of_rows = |rows: &[[f32; 8]; 8]| -> [[f32; 8]; 8] {
        // Each frequency becomes a row, so that the same again transforms the columns.
        std::array::from_fn(|frequency| std::array::from_fn(|row| product(&cosines[frequency], &rows[row])))
    };
    of_rows(&of_rows(samples))
}

/// Written out, because tests are hardly optimised.
fn product(a: &[f32; 8], b: &[f32; 8]) -> f32 {
    let first = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
    first + a[4] * b[4] + a[5] * b[5] + a[6] * b[6] + a[7] * b[7]
}
