// SPDX-License-Identifier: GPL-2.0

//! Cells that do not begin or end at a byte: which bits of the stored bytes are theirs.
//!
//! Stored bytes are taken as one little-endian number. The value of a cell is that number, shifted
//! down by the cell's bit offset and cut to its number of bits. Pure logic, on `core` alone.

/// The bits of a cell, counted from the lowest bit of its first stored byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    offset: usize,
    count: usize,
}

impl Bits {
    /// The `count` bits after the first `offset`; [`None`] if there is none, or too many to count.
    pub fn new(offset: usize, count: usize) -> Option<Self> {
        if count == 0 {
            return None;
        }
        // All that follows adds at most 7 to this sum.
        offset.checked_add(count)?.checked_add(7)?;
        Some(Self { offset, count })
    }

    /// The number of bytes that the cell touches.
    pub fn stored_bytes(self) -> usize {
        self.end().div_ceil(8)
    }

    /// The number of bytes of the cell's value.
    pub fn value_bytes(self) -> usize {
        self.count.div_ceil(8)
    }

    /// Whether the cell shares its first or last byte with others, whose bits a write must keep.
    pub fn shares_bytes(self) -> bool {
        self.offset % 8 != 0 || self.end() % 8 != 0 || self.offset >= 8
    }

    fn end(self) -> usize {
        self.offset.saturating_add(self.count)
    }

    /// Replaces the stored bytes by the value, with zeros up to their end.
    pub fn extract(self, bytes: &mut [u8]) {
        let (skip, shift) = (self.offset / 8, self.offset % 8);

        for i in 0..bytes.len() {
            let from = i.saturating_add(skip);
            let pair = u16::from_le_bytes([at(bytes, from), at(bytes, from.saturating_add(1))]);
            let [low, _] = ((pair >> shift) & u16::from(self.value_mask(i))).to_le_bytes();
            if let Some(byte) = bytes.get_mut(i) {
                *byte = low;
            }
        }
    }

    /// Puts the value into the stored bytes, and keeps all bits that are not the cell's.
    ///
    /// What `value` lacks is zero; what it has in excess of the cell is ignored.
    pub fn insert(self, bytes: &mut [u8], value: &[u8]) {
        let (skip, shift) = (self.offset / 8, self.offset % 8);

        for (i, byte) in bytes.iter_mut().skip(skip).enumerate() {
            let masked = |i: usize| at(value, i) & self.value_mask(i);
            // Each byte gets the upper part of one byte of the value, and the lower of the next.
            let below = i.checked_sub(1);
            let pair = |f: &dyn Fn(usize) -> u8| {
                let [_, high] =
                    (u16::from_le_bytes([below.map_or(0, f), f(i)]) << shift).to_le_bytes();
                high
            };
            let mask = pair(&|i| self.value_mask(i));
            *byte = (*byte & !mask) | pair(&masked);
        }
    }

    /// Which bits of the value's byte `i` there are.
    fn value_mask(self, i: usize) -> u8 {
        let bits = self.count.saturating_sub(i.saturating_mul(8));
        let bits = u32::try_from(bits).unwrap_or(u32::MAX);
        !u8::MAX.checked_shl(bits).unwrap_or(0)
    }
}

/// The byte at `i`, or zero beyond the end.
fn at(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}
