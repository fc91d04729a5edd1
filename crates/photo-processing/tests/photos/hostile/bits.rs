//! Writes bits from the lowest of each byte up.

#[derive(Default)]
pub struct Bits {
    pub bytes: Vec<u8>,
    buffer: u64,
    count: u32,
}

impl Bits {
    pub fn put(&mut self, value: u32, count: u32) {
        self.buffer |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.buffer.to_le_bytes()[0]);
            self.buffer >>= 8;
            self.count -= 8;
        }
    }

    /// Puts a code, whose highest bit comes first.
    pub fn code(&mut self, code: u32, length: u32) {
        self.put(code.reverse_bits() >> (32 - length), length);
    }

    /// The bytes, of which the last is filled up.
    pub fn finish(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.bytes
    }
}
