//! Predicts a pixel by its neighbours (RFC 9649, section 4.1).

use std::ops::Range;

const BLACK: u32 = 0xFF00_0000;

/// What a pixel is predicted by.
#[derive(Clone, Copy)]
struct Neighbours {
    left: u32,
    top: u32,
    /// Left above.
    corner: u32,
    /// Right above.
    right: u32,
}

/// Adds to each pixel of the first row what its neighbours predict.
pub(super) fn undo_first(row: &mut [u32]) {
    let mut left = BLACK;
    for pixel in row {
        *pixel = add(*pixel, left);
        left = *pixel;
    }
}

/// Adds to each pixel of another row what its neighbours predict. `above` is the row before it, and `modes` what holds for
/// each tile of so many columns, in its green sample.
pub(super) fn undo(row: &mut [u32], above: &[u32], modes: &[u32], tile: usize) {
    row[0] = add(row[0], above[0]);
    for (number, mode) in modes.iter().enumerate() {
        let columns = (number * tile).max(1)..((number + 1) * tile).min(row.len());
        // The loop is inside, so that it is compiled for each mode.
        match mode >> 8 & 15 {
            1 => each(row, above, columns, |near| near.left),
            2 => each(row, above, columns, |near| near.top),
            3 => each(row, above, columns, |near| near.right),
            4 => each(row, above, columns, |near| near.corner),
            5 => each(row, above, columns, |near| mean(mean(near.left, near.right), near.top)),
            6 => each(row, above, columns, |near| mean(near.left, near.corner)),
            7 => each(row, above, columns, |near| mean(near.left, near.top)),
            8 => each(row, above, columns, |near| mean(near.corner, near.top)),
            9 => each(row, above, columns, |near| mean(near.top, near.right)),
            10 => each(row, above, columns, |near| {
                mean(mean(near.left, near.corner), mean(near.top, near.right))
            }),
            11 => each(row, above, columns, select),
            12 => each(row, above, columns, slope),
            13 => each(row, above, columns, half_slope),
            _ => each(row, above, columns, |_| BLACK),
        }
    }
}

fn each(row: &mut [u32], above: &[u32], columns: Range<usize>, predicted: impl Fn(Neighbours) -> u32) {
    for x in columns {
        let near = Neighbours {
            left: row[x - 1],
            top: above[x],
            corner: above[x - 1],
            // After the last pixel of a row comes the first one of the next.
            right: *above.get(x + 1).unwrap_or(&row[0]),
        };
        row[x] = add(row[x], predicted(near));
    }
}

/// The sum of each sample, without what does not fit.
pub(super) fn add(a: u32, b: u32) -> u32 {
    const EVERY_OTHER: u32 = 0xFF00_FF00;
    let high = (a & EVERY_OTHER).wrapping_add(b & EVERY_OTHER) & EVERY_OTHER;
    let low = (a & !EVERY_OTHER).wrapping_add(b & !EVERY_OTHER) & !EVERY_OTHER;
    high | low
}

/// The mean of each sample, rounded down.
fn mean(a: u32, b: u32) -> u32 {
    (((a ^ b) & 0xFEFE_FEFE) >> 1) + (a & b)
}

/// The one of two that is nearer to what continues the slope.
fn select(near: Neighbours) -> u32 {
    let [left, top, corner] = [near.left, near.top, near.corner].map(u32::to_le_bytes);
    let difference = |index: usize| {
        let [left, top, corner] = [left, top, corner].map(|pixel| i32::from(pixel[index]));
        (left - corner).abs() - (top - corner).abs()
    };
    if difference(0) + difference(1) + difference(2) + difference(3) > 0 {
        near.left
    } else {
        near.top
    }
}

/// What continues the slope, limited to a byte.
fn slope(near: Neighbours) -> u32 {
    let [left, top, corner] = [near.left, near.top, near.corner].map(u32::to_le_bytes);
    samples(|index| i32::from(left[index]) + i32::from(top[index]) - i32::from(corner[index]))
}

/// The mean of two, and half of what it differs from the corner.
fn half_slope(near: Neighbours) -> u32 {
    let [middle, corner] = [mean(near.left, near.top), near.corner].map(u32::to_le_bytes);
    samples(|index| {
        let (middle, corner) = (i32::from(middle[index]), i32::from(corner[index]));
        middle + (middle - corner) / 2
    })
}

/// The pixel with these samples, limited to a byte.
fn samples(value: impl Fn(usize) -> i32) -> u32 {
    let sample = |index| value(index).clamp(0, 255).to_le_bytes()[0];
    u32::from_le_bytes([sample(0), sample(1), sample(2), sample(3)])
}
