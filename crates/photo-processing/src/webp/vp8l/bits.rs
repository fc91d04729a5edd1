//! Bits, from the lowest of each byte up.

use crate::PhotoError;

/// Reads bits.
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits, from the lowest up; zeros after the first `available`.
    buffer: u64,
    available: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            buffer: 0,
            available: 0,
        }
    }

    /// Reads a number of up to 32 bits.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, PhotoError> {
        let next = self.peek() & ((1 << count) - 1);
        self.skip(count)?;
        Ok(u32::try_from(next).expect("at most 32 bits"))
    }

    pub(super) fn flag(&mut self) -> Result<bool, PhotoError> {
        Ok(self.take(1)? == 1)
    }

    /// The next 56 bits or more; zeros follow the last bit there is.
    pub(super) fn peek(&mut self) -> u64 {
        if self.available < 56 {
            if let Some(next) = self.rest.first_chunk() {
                self.buffer |= u64::from_le_bytes(*next) << self.available;
                let bytes = (63 - self.available) / 8;
                self.available += bytes * 8;
                self.rest = &self.rest[bytes as usize..];
                // Bits of the byte that was not counted come again.
                self.buffer &= u64::MAX >> (64 - self.available);
            } else {
                while self.available <= 56
                    && let Some((byte, rest)) = self.rest.split_first()
                {
                    self.buffer |= u64::from(*byte) << self.available;
                    self.available += 8;
                    self.rest = rest;
                }
            }
        }
        self.buffer
    }

    /// Skips bits that have been looked at.
    pub(super) fn skip(&mut self, count: u32) -> Result<(), PhotoError> {
        self.available = self.available.checked_sub(count).ok_or(PhotoError::Damaged)?;
        self.buffer >>= count;
        Ok(())
    }
}
