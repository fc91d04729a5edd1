//! Writes compressed data (RFC 1951) of any length without compressing as much.

use super::bits::Bits;

/// Compressed data in the making.
#[derive(Default)]
pub struct Deflate {
    bits: Bits,
}

impl Deflate {
    /// Within a block of the fixed codes, which the caller begins by [`Deflate::fixed_block`].
    pub fn literals(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match u32::from(*byte) {
                byte @ ..144 => self.bits.code(0x30 + byte, 8),
                byte => self.bits.code(0x190 + byte - 144, 9),
            }
        }
    }

    /// Repeats at least three bytes from so many bytes before.
    pub fn copies(&mut self, mut count: usize, distance: usize) {
        while count > 0 {
            // What is left is not too short to be a copy.
            let length = if count > 260 { 258 } else { count.min(257) };
            let length = if (1..3).contains(&(count - length)) {
                length - 3
            } else {
                length
            };
            self.copy(length, distance);
            count -= length;
        }
    }

    fn copy(&mut self, length: usize, distance: usize) {
        if length == 258 {
            self.bits.code(0xC5, 8);
        } else {
            let (symbol, bits, rest) = prefix(length - 3, 4);
            match 257 + symbol {
                symbol @ ..280 => self.bits.code(symbol - 256, 7),
                symbol => self.bits.code(0xC0 + symbol - 280, 8),
            }
            self.bits.put(rest, bits);
        }
        let (symbol, bits, rest) = prefix(distance - 1, 2);
        self.bits.code(symbol, 5);
        self.bits.put(rest, bits);
    }

    pub fn fixed_block(&mut self) {
        self.bits.put(0b01 << 1, 3);
    }

    pub fn end_block(&mut self) {
        self.bits.code(0, 7);
    }

    /// A block with tables of its own, and no data.
    pub fn empty_block_with_tables(&mut self) {
        self.bits.put(0b10 << 1, 3);
        // 257 codes for literals and lengths, 1 for distances, and 18 for the lengths of these codes.
        self.bits.put(0, 5);
        self.bits.put(0, 5);
        self.bits.put(14, 4);
        // In the order of RFC 1951, 3.2.7: 18 has 1 bit, 0 and 1 have 2.
        for index in 0..18 {
            self.bits.put(
                match index {
                    2 => 1,
                    3 | 17 => 2,
                    _ => 0,
                },
                3,
            );
        }
        // 138 and 117 zeros, two codes of 1 bit, and no code for distances. The codes are 18: 0, 0: 10, 1: 11.
        for zeros in [138, 117] {
            self.bits.code(0, 1);
            self.bits.put(zeros - 11, 7);
        }
        self.bits.code(0b11, 2);
        self.bits.code(0b11, 2);
        self.bits.code(0b10, 2);
        // The end of the block is the second code.
        self.bits.code(1, 1);
    }

    /// The data with header and without checksum, which is not needed once all is read.
    pub fn finish(mut self) -> Vec<u8> {
        // An empty last block.
        self.bits.put(0b011, 3);
        self.end_block();
        [vec![0x78, 0x01], self.bits.finish()].concat()
    }

    pub fn len(&self) -> usize {
        self.bits.bytes.len()
    }
}

/// The symbol of a value whose codes have `per_step` symbols for each number of further bits; these, and how many.
fn prefix(value: usize, per_step: usize) -> (u32, u32, u32) {
    let value = u32::try_from(value).unwrap();
    let per_step = u32::try_from(per_step).unwrap();
    if value < 2 * per_step {
        return (value, 0, 0);
    }
    let bits = value.ilog2() - per_step.ilog2();
    let symbol = per_step * bits + (value >> bits);
    (symbol, bits, value & ((1 << bits) - 1))
}
