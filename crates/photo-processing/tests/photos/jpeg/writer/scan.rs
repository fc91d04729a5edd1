//! From coefficients to the entropy-coded data of a scan (T.81, Annexes F and G).

use std::collections::BTreeMap;

use super::Scan;
use super::blocks::Blocks;
use super::huffman::Table;

/// What a scan consists of before its symbols have codes.
pub enum Token {
    /// A symbol of the table with this class (0 for DC, 1 for AC, in the high half) and number.
    Symbol(u8, u8),
    /// So many bits, as they are.
    Bits(u32, u8),
    Restart,
}

/// The tokens of a scan. `selectors` has the number of the Huffman tables of each of its components.
pub fn tokens(
    scan: &Scan,
    progressive: bool,
    components: &[Blocks],
    mcus: (usize, usize),
    selectors: &[u8],
) -> Vec<Token> {
    let mut coder = Coder {
        scan,
        predictions: vec![0; selectors.len()],
        run: 0,
        corrections: Vec::new(),
        table: 0,
        tokens: Vec::new(),
    };
    for (number, unit) in units(scan, components, mcus).into_iter().enumerate() {
        if scan.restart > 0 && number > 0 && number % usize::from(scan.restart) == 0 {
            coder.end_run();
            coder.predictions.fill(0);
            coder.tokens.push(Token::Restart);
        }
        for (nth, block) in unit {
            let block = &components[scan.components[nth]].coefficients[block];
            let (dc, ac) = (selectors[nth], 0x10 | selectors[nth]);
            coder.table = ac;
            match (progressive, scan.first, scan.high) {
                (false, ..) => {
                    coder.dc(block[0], nth, dc);
                    coder.ac(block, 1);
                }
                (true, 0, 0) => coder.dc(block[0] >> scan.low, nth, dc),
                (true, 0, _) => coder.bit(block[0] >> scan.low),
                (true, _, 0) => coder.ac(block, scan.first),
                (true, ..) => coder.refine(block),
            }
        }
    }
    coder.end_run();
    coder.tokens
}

/// The blocks of each MCU: the number of the component within the scan, and the place among its blocks.
fn units(scan: &Scan, components: &[Blocks], mcus: (usize, usize)) -> Vec<Vec<(usize, usize)>> {
    if let [only] = scan.components[..] {
        let of = &components[only];
        let places = (0..of.height).flat_map(|y| (0..of.width).map(move |x| y * of.stride + x));
        return places.map(|place| vec![(0, place)]).collect();
    }
    let unit = |left: usize, top: usize| {
        let mut blocks = Vec::new();
        for (nth, &component) in scan.components.iter().enumerate() {
            let of = &components[component];
            for y in top * of.down..(top + 1) * of.down {
                blocks.extend((left * of.across..(left + 1) * of.across).map(|x| (nth, y * of.stride + x)));
            }
        }
        blocks
    };
    (0..mcus.1).flat_map(|y| (0..mcus.0).map(move |x| unit(x, y))).collect()
}

struct Coder<'a> {
    scan: &'a Scan,
    /// The last DC value of each component of the scan.
    predictions: Vec<i32>,
    /// How many blocks have ended since the last code.
    run: u32,
    /// The correction bits of these blocks.
    corrections: Vec<bool>,
    /// The AC table of the current component.
    table: u8,
    tokens: Vec<Token>,
}

impl Coder<'_> {
    fn bit(&mut self, value: i32) {
        self.tokens.push(Token::Bits(u32::from(value & 1 == 1), 1));
    }

    /// A symbol whose low half is the category of the value, and the value's bits.
    fn value(&mut self, table: u8, zeros: u8, value: i32) {
        let category = u8::try_from(u32::BITS - value.unsigned_abs().leading_zeros()).unwrap();
        self.tokens.push(Token::Symbol(table, zeros << 4 | category));
        let bits = if value < 0 { value - 1 } else { value };
        let mask = (1_u32 << category) - 1;
        self.tokens.push(Token::Bits(bits.cast_unsigned() & mask, category));
    }

    fn dc(&mut self, value: i32, nth: usize, table: u8) {
        let difference = value - std::mem::replace(&mut self.predictions[nth], value);
        self.value(table, 0, difference);
    }

    /// The coefficients from `first` on, all of them in a sequential picture, or the high bits of a band.
    fn ac(&mut self, block: &[i32; 64], first: u8) {
        let mut zeros = 0;
        for &value in &block[usize::from(first)..=usize::from(self.scan.last)] {
            // Division rounds towards zero; a shift would not.
            let value = value / (1 << self.scan.low);
            if value == 0 {
                zeros += 1;
                continue;
            }
            self.end_run();
            while zeros > 15 {
                self.tokens.push(Token::Symbol(self.table, 0xF0));
                zeros -= 16;
            }
            self.value(self.table, zeros, value);
            zeros = 0;
        }
        if zeros > 0 {
            self.end_block(&[]);
        }
    }

    /// One more bit of each coefficient of the band.
    fn refine(&mut self, block: &[i32; 64]) {
        let band = &block[usize::from(self.scan.first)..=usize::from(self.scan.last)];
        let band: Vec<i32> = band.iter().map(|&value| value / (1 << self.scan.low)).collect();
        let last_new = band.iter().rposition(|value| value.abs() == 1);
        let (mut zeros, mut corrections) = (0, Vec::new());
        for (place, &value) in band.iter().enumerate() {
            if value == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && last_new.is_some_and(|last| place <= last) {
                self.end_run();
                self.tokens.push(Token::Symbol(self.table, 0xF0));
                self.correct(&std::mem::take(&mut corrections));
                zeros -= 16;
            }
            if value.abs() > 1 {
                corrections.push(value.abs() & 1 == 1);
                continue;
            }
            self.end_run();
            self.tokens.push(Token::Symbol(self.table, zeros << 4 | 1));
            self.tokens.push(Token::Bits(u32::from(value > 0), 1));
            self.correct(&std::mem::take(&mut corrections));
            zeros = 0;
        }
        if zeros > 0 || !corrections.is_empty() {
            self.end_block(&corrections);
        }
    }

    fn correct(&mut self, corrections: &[bool]) {
        let bits = corrections.iter().map(|&bit| Token::Bits(u32::from(bit), 1));
        self.tokens.extend(bits);
    }

    /// Nothing but correction bits follows in this block. In a progressive scan (the others start at DC) such blocks
    /// are counted.
    fn end_block(&mut self, corrections: &[bool]) {
        self.run += 1;
        self.corrections.extend(corrections);
        if self.scan.first == 0 || self.run == 0x7FFF {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            let category = u8::try_from(self.run.ilog2()).unwrap();
            self.tokens.push(Token::Symbol(self.table, category << 4));
            self.tokens.push(Token::Bits(self.run - (1 << category), category));
            self.run = 0;
        }
        let corrections = std::mem::take(&mut self.corrections);
        self.correct(&corrections);
    }
}

/// How often each symbol of each table occurs.
pub fn frequencies(tokens: &[Token]) -> BTreeMap<u8, [u64; 256]> {
    let mut tables = BTreeMap::new();
    for token in tokens {
        if let Token::Symbol(table, symbol) = token {
            tables.entry(*table).or_insert([0; 256])[usize::from(*symbol)] += 1;
        }
    }
    tables
}

/// The bytes of the scan.
pub fn data(tokens: &[Token], tables: &BTreeMap<u8, Table>) -> Vec<u8> {
    let codes: BTreeMap<_, _> = tables.iter().map(|(&table, codes)| (table, codes.codes())).collect();
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u64, 0_u8);
    let mut restarts = (0..8).cycle();
    for token in tokens {
        let (value, length) = match *token {
            Token::Symbol(table, symbol) => {
                let (code, length) = codes[&table][usize::from(symbol)].unwrap();
                (u32::from(code), length)
            }
            Token::Bits(value, length) => (value, length),
            Token::Restart => {
                let padding = (8 - count % 8) % 8;
                ((1 << padding) - 1, padding)
            }
        };
        bits = bits << length | u64::from(value);
        count += length;
        while count >= 8 {
            count -= 8;
            push(&mut bytes, (bits >> count).to_be_bytes()[7]);
        }
        if matches!(token, Token::Restart) {
            bytes.extend([0xFF, 0xD0 + restarts.next().unwrap()]);
        }
    }
    if count > 0 {
        push(&mut bytes, ((bits << 8 | 0xFF) >> count).to_be_bytes()[7]);
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, byte: u8) {
    bytes.push(byte);
    if byte == 0xFF {
        bytes.push(0);
    }
}
