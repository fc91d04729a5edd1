//! Huffman tables: the standard ones, and those made for the symbols of a scan (T.81, Annex K).

/// How the codes of a scan are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Huffman {
    /// The standard tables for luminance, once before the first scan. They have no symbols for progressive scans.
    Standard,
    /// The shortest codes, defined before each scan.
    Optimal,
    /// Some codes of all 16 bits, defined before each scan.
    Long,
}

/// A table as its segment holds it.
#[derive(Debug, Clone)]
pub struct Table {
    /// How many codes have 1 to 16 bits.
    counts: [u8; 16],
    symbols: Vec<u8>,
}

impl Table {
    pub fn standard(of_ac: bool) -> Self {
        if of_ac {
            Self {
                counts: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D],
                symbols: STANDARD_AC.to_vec(),
            }
        } else {
            Self {
                counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
                symbols: (0..=11).collect(),
            }
        }
    }

    /// The shortest codes for symbols that occur so often.
    pub fn optimal(frequencies: &[u64; 256]) -> Self {
        // The last one is reserved: no code consists of ones only.
        let mut frequencies: Vec<u64> = frequencies.iter().copied().chain([1]).collect();
        let mut lengths = [0_usize; 257];
        let mut trees: Vec<Vec<usize>> = (0..257).map(|symbol| vec![symbol]).collect();
        let rarest = |frequencies: &[u64], but: Option<usize>| {
            let used = (0..257).filter(|&symbol| frequencies[symbol] > 0 && Some(symbol) != but);
            used.min_by_key(|&symbol| (frequencies[symbol], std::cmp::Reverse(symbol)))
        };
        while let Some(first) = rarest(&frequencies, None)
            && let Some(second) = rarest(&frequencies, Some(first))
        {
            frequencies[first] += std::mem::take(&mut frequencies[second]);
            let joined = std::mem::take(&mut trees[second]);
            trees[first].extend(joined);
            for &symbol in &trees[first] {
                lengths[symbol] += 1;
            }
        }
        let mut symbols: Vec<u8> = (0..=255).filter(|&symbol| lengths[usize::from(symbol)] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        Self {
            counts: limited(&lengths),
            symbols,
        }
    }

    /// Codes of very different lengths for the symbols that occur, whatever their frequency.
    pub fn long(frequencies: &[u64; 256]) -> Self {
        let mut skewed = [0; 256];
        let mut next = 0;
        for (skewed, _) in std::iter::zip(&mut skewed, frequencies).filter(|&(_, &frequency)| frequency > 0) {
            *skewed = 1 << next;
            next = (next + 1).min(18);
        }
        Self::optimal(&skewed)
    }

    /// What stands in a DHT segment after the class and number.
    pub fn payload(&self) -> Vec<u8> {
        [&self.counts[..], &self.symbols].concat()
    }

    /// The code of each symbol, and its length.
    pub fn codes(&self) -> [Option<(u16, u8)>; 256] {
        let mut codes = [None; 256];
        let mut symbols = self.symbols.iter();
        let mut code = 0;
        for (length, &count) in (1..).zip(&self.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = Some((u16::try_from(code).unwrap(), length));
                code += 1;
            }
            code <<= 1;
        }
        codes
    }
}

/// How many codes have each length, none longer than 16 bits (T.81, figure K.3), without the reserved code.
fn limited(lengths: &[usize; 257]) -> [u8; 16] {
    let mut counts = [0_u8; 64];
    for &length in lengths.iter().filter(|&&length| length > 0) {
        counts[length] += 1;
    }
    for length in (17..64).rev() {
        while counts[length] > 0 {
            let shorter = (1..length - 1).rev().find(|&length| counts[length] > 0).unwrap();
            counts[length] -= 2;
            counts[length - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
    }
    let longest = (1..=16).rev().find(|&length| counts[length] > 0).unwrap();
    counts[longest] -= 1;
    counts[1..=16].try_into().unwrap()
}

#[rustfmt::skip]
const STANDARD_AC: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];
