//! Bits of a scan, and the Huffman codes in them (ITU-T T.81, F.2.2).

use crate::PhotoError;

/// Reads the bits of a scan up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    position: usize,
    /// The next bits, from the highest bit down; zeros, or bits that are read again, after the first `available`.
    buffer: u64,
    available: u32,
    /// Whether a marker follows, or nothing. There may be very many bytes that fill up before it.
    at_end: bool,
    overrun: bool,
}

/// Bits that are in the buffer before each symbol, if there are so many: its code and the value after it have at most
/// 16 each.
const AT_HAND: u32 = 32;

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            buffer: 0,
            available: 0,
            at_end: false,
            overrun: false,
        }
    }

    /// Where the reader is, in bytes, at or before the next marker.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Fails if more bits were read than there are.
    pub(super) fn check(&self) -> Result<(), PhotoError> {
        if self.overrun { Err(PhotoError::Damaged) } else { Ok(()) }
    }

    /// Reads up to 16 bits as a number.
    pub(super) fn take(&mut self, count: u32) -> i32 {
        self.fill();
        self.taken(count)
    }

    /// Reads a code of this table.
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, PhotoError> {
        self.fill();
        let next = u16::try_from(self.buffer >> 48).expect("16 bits");
        let (length, symbol) = table.lookup(next).ok_or(PhotoError::Damaged)?;
        self.skip(length);
        Ok(symbol)
    }

    /// Reads a signed number of up to 16 bits, whose first bit tells its sign (T.81, F.12). It follows a symbol, so its
    /// bits are at hand.
    pub(super) fn signed(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        let value = self.taken(count);
        if value < 1 << (count - 1) {
            value - (1 << count) + 1
        } else {
            value
        }
    }

    /// Goes to what follows the next restart marker, which must have this number.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), PhotoError> {
        (self.buffer, self.available, self.at_end) = (0, 0, false);
        loop {
            match self.data.get(self.position..self.position + 2) {
                Some([0xFF, marker]) if *marker == 0xD0 | number => {
                    self.position += 2;
                    return Ok(());
                }
                // Bytes that no block needs, and bytes that fill up before the marker.
                Some([0xFF, 0 | 0xFF] | [..=0xFE, _]) => self.position += 1,
                _ => return Err(PhotoError::Damaged),
            }
        }
    }

    fn taken(&mut self, count: u32) -> i32 {
        if count == 0 {
            return 0;
        }
        let value = i32::try_from(self.buffer >> (64 - count)).expect("at most 16 bits");
        self.skip(count);
        value
    }

    fn skip(&mut self, count: u32) {
        self.overrun |= count > self.available;
        self.available = self.available.saturating_sub(count);
        self.buffer <<= count;
    }

    fn fill(&mut self) {
        if self.available >= AT_HAND || self.at_end {
            return;
        }
        // Eight bytes at once, if none of them is FF.
        if let Some(next) = self.data.get(self.position..).and_then(<[u8]>::first_chunk) {
            let next = u64::from_be_bytes(*next);
            let zero_if_ff = !next;
            let has_ff = zero_if_ff.wrapping_sub(0x0101_0101_0101_0101) & next & 0x8080_8080_8080_8080 != 0;
            if !has_ff {
                self.buffer |= next >> self.available;
                let bytes = (63 - self.available) / 8;
                self.position += bytes as usize;
                self.available += bytes * 8;
                return;
            }
        }
        while self.available <= 56 {
            let Some((byte, length)) = self.next_byte() else {
                self.at_end = true;
                return;
            };
            self.buffer |= u64::from(byte) << (56 - self.available);
            self.position += length;
            self.available += 8;
        }
    }

    /// The next byte of data, and how many bytes stand for it: FF is written as FF 00. `None` at a marker.
    fn next_byte(&self) -> Option<(u8, usize)> {
        let rest = self.data.get(self.position..)?;
        let first = *rest.first()?;
        if first != 0xFF {
            return Some((first, 1));
        }
        let filling = rest.iter().take_while(|byte| **byte == 0xFF).count();
        (rest.get(filling) == Some(&0)).then_some((0xFF, filling + 1))
    }
}

/// Codes of up to this length are found in a table at once.
const FAST: u32 = 9;

/// A Huffman table (T.81, annex C).
#[derive(Clone)]
pub(super) struct Huffman {
    /// Length and symbol of the code that begins with these bits; length 0 if it is longer.
    fast: Box<[(u8, u8); 1 << FAST]>,
    /// For each length: the first 16 bits that are too large for a code of this length.
    ends: [u32; 17],
    /// For each length: what to add to a code to get the position of its symbol.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Makes the table in which `counts[n]` codes have `n + 1` bits.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, PhotoError> {
        let mut table = Self {
            fast: Box::new([(0, 0); 1 << FAST]),
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut position) = (0_u32, 0_usize);
        for (length, count) in (1_u32..).zip(counts) {
            table.offsets[length as usize] = position as i32 - code as i32;
            for _ in 0..*count {
                let symbol = *symbols.get(position).ok_or(PhotoError::Damaged)?;
                if code >> length != 0 {
                    return Err(PhotoError::Damaged);
                }
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    table.fast[first..first + (1 << (FAST - length))].fill((length as u8, symbol));
                }
                code += 1;
                position += 1;
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// Length and symbol of the code at the beginning of these bits.
    fn lookup(&self, next: u16) -> Option<(u32, u8)> {
        let (length, symbol) = self.fast[usize::from(next >> (16 - FAST))];
        if length != 0 {
            return Some((length.into(), symbol));
        }
        let next = u32::from(next);
        let length = (FAST + 1..=16).find(|length| next < self.ends[*length as usize])?;
        let position = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        Some((length, *self.symbols.get(usize::try_from(position).ok()?)?))
    }
}
