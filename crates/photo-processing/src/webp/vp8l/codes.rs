//! Prefix codes (RFC 9649, section 3.7.2).

use super::bits::Bits;
use crate::PhotoError;

/// The most bits of a code.
const LONGEST: usize = 15;
/// Codes of up to this length are found in a table at once.
const FAST: usize = 8;

/// The order in which the lengths of the codes for lengths are stored.
const LENGTH_ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// A prefix code for symbols.
pub(super) enum Code {
    /// The only symbol, which needs no bits.
    One(u16),
    Many {
        /// By the next bits, symbol and length of the code; length 0 if it is longer.
        fast: Vec<(u16, u8)>,
        /// By length, how many codes there are.
        counts: [u16; LONGEST + 1],
        /// The symbols in the order of their codes.
        symbols: Vec<u16>,
    },
}

impl Code {
    /// Reads the description of a code for so many symbols.
    pub(super) fn read(bits: &mut Bits, symbols: usize) -> Result<Self, PhotoError> {
        let mut lengths = vec![0; symbols];
        if bits.flag()? {
            let has_two = bits.flag()?;
            let size = if bits.flag()? { 8 } else { 1 };
            let mut set = |symbol: u32| {
                let length = lengths.get_mut(symbol as usize).ok_or(PhotoError::Damaged)?;
                *length = 1;
                Ok(())
            };
            set(bits.take(size)?)?;
            if has_two {
                set(bits.take(8)?)?;
            }
        } else {
            read_lengths(bits, &mut lengths)?;
        }
        Self::new(&lengths)
    }

    /// The code whose symbols have these lengths.
    fn new(lengths: &[u8]) -> Result<Self, PhotoError> {
        let mut counts = [0_u16; LONGEST + 1];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        let used: u16 = counts.iter().sum();
        if used == 1 {
            let symbol = lengths.iter().position(|length| *length > 0).map(u16::try_from);
            return Ok(Self::One(symbol.expect("there is one").expect("few symbols")));
        }
        // Where the symbols of each length begin, and the first code of each length.
        let (mut places, mut codes) = ([0_u16; LONGEST + 2], [0_u32; LONGEST + 2]);
        for length in 1..=LONGEST {
            places[length + 1] = places[length] + counts[length];
            codes[length + 1] = (codes[length] + u32::from(counts[length])) << 1;
        }
        // Every sequence of bits must be a code.
        if codes[LONGEST + 1] != 1 << (LONGEST + 1) {
            return Err(PhotoError::Damaged);
        }
        let longest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let mut fast = vec![(0, 0); 1 << longest.min(FAST)];
        let mut symbols = vec![0; usize::from(used)];
        for (symbol, length) in (0_u16..).zip(lengths).filter(|(_, length)| **length > 0) {
            let index = usize::from(*length);
            symbols[usize::from(places[index])] = symbol;
            places[index] += 1;
            if index <= FAST {
                // The first bit of a code is the lowest of those that are read.
                let first = codes[index].reverse_bits() >> (32 - index);
                for place in (first as usize..fast.len()).step_by(1 << index) {
                    fast[place] = (symbol, *length);
                }
            }
            codes[index] += 1;
        }
        Ok(Self::Many { fast, counts, symbols })
    }

    /// Reads a symbol.
    pub(super) fn symbol(&self, bits: &mut Bits) -> Result<u16, PhotoError> {
        match self {
            Self::One(symbol) => Ok(*symbol),
            Self::Many { fast, counts, symbols } => {
                let next = bits.peek();
                let (symbol, length) = fast[usize::from(next.to_le_bytes()[0]) & (fast.len() - 1)];
                if length > 0 {
                    bits.skip(length.into())?;
                    return Ok(symbol);
                }
                let (mut code, mut first, mut place) = (0, 0, 0);
                for (length, count) in (0..).zip(counts).skip(1) {
                    code = code << 1 | (next >> (length - 1) & 1) as usize;
                    let count = usize::from(*count);
                    if code < first + count {
                        bits.skip(length)?;
                        return Ok(symbols[place + code - first]);
                    }
                    first = (first + count) << 1;
                    place += count;
                }
                Err(PhotoError::Damaged)
            }
        }
    }
}

/// Reads the length of each code. They are coded themselves.
fn read_lengths(bits: &mut Bits, lengths: &mut [u8]) -> Result<(), PhotoError> {
    let mut of_lengths = [0; LENGTH_ORDER.len()];
    let count = 4 + bits.take(4)? as usize;
    for symbol in &LENGTH_ORDER[..count.min(LENGTH_ORDER.len())] {
        of_lengths[*symbol] = bits.take(3)?.to_le_bytes()[0];
    }
    let code = Code::new(&of_lengths)?;
    let mut coded = lengths.len();
    if bits.flag()? {
        let size = 2 + 2 * bits.take(3)?;
        coded = 2 + bits.take(size)? as usize;
        if coded > lengths.len() {
            return Err(PhotoError::Damaged);
        }
    }
    let (mut place, mut previous) = (0, 8);
    while place < lengths.len() && coded > 0 {
        coded -= 1;
        let symbol = code.symbol(bits)?;
        let (length, times) = match symbol {
            16 => (previous, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            _ => (symbol.to_le_bytes()[0], 1),
        };
        let end = place + times as usize;
        lengths.get_mut(place..end).ok_or(PhotoError::Damaged)?.fill(length);
        if length > 0 {
            previous = length;
        }
        place = end;
    }
    Ok(())
}
