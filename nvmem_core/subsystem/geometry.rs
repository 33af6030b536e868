// SPDX-License-Identifier: GPL-2.0

//! Strides, words, and the bytes of a cell.
//!
//! Pure logic, on `core` alone.

use super::bits::Bits;

/// How a device can be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Accesses begin at multiples of this, in bytes. Not zero.
    stride: u32,
    /// Accesses have multiples of this, in bytes. Not zero.
    word_size: u32,
}

/// What is asked for of a cell, as in `struct nvmem_cell_info`. Zero stands for "not given".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub offset: u32,
    pub raw_len: usize,
    pub bytes: u32,
    pub bit_offset: u32,
    pub nbits: u32,
}

/// Where a cell is, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// In bytes, from the begin of the device.
    pub offset: u32,
    /// What is read from the provider, in bytes: a multiple of the word size.
    pub raw_len: usize,
    /// What a consumer gets, in bytes.
    pub bytes: usize,
    /// Which bits, if not all.
    pub bits: Option<Bits>,
    /// The bit offset as it was given, for the cell's name.
    pub bit_offset: u32,
}

/// Why a cell is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Its offset is not a multiple of the stride.
    Offset,
    /// Its raw length was given, and is not a multiple of the word size.
    RawLen,
    /// Its bits are out of all range.
    Bits,
}

impl Geometry {
    /// Zero means one; [`None`] if either is negative.
    pub fn new(stride: i32, word_size: i32) -> Option<Self> {
        Some(Self {
            stride: u32::try_from(stride).ok()?.max(1),
            word_size: u32::try_from(word_size).ok()?.max(1),
        })
    }

    pub fn stride(self) -> u32 {
        self.stride
    }

    pub fn word_size(self) -> u32 {
        self.word_size
    }

    /// Limits an access of `len` bytes at `offset` to whole words: its offset and its length.
    ///
    /// [`None`] if the offset is no multiple of the stride, or is one that no provider can be asked for since it
    /// exceeds 32 bits, or if there is less than a word.
    pub fn whole_words(self, offset: u64, len: usize) -> Option<(u32, usize)> {
        // Converted before it is divided: a 32-bit kernel has no 64-bit division.
        let offset = u32::try_from(offset).ok()?;
        let word = self.word_size as usize;

        if offset.checked_rem(self.stride) != Some(0) || len < word {
            return None;
        }
        Some((offset, len.checked_sub(len.checked_rem(word)?)?))
    }

    /// The extent of the cell that is asked for.
    pub fn cell(self, request: &Request) -> Result<Extent, Invalid> {
        let word = self.word_size as usize;
        let bit_offset = request.bit_offset as usize;
        let given = request.bytes as usize;

        let bits = match (request.nbits as usize, bit_offset) {
            (0, 0) => None,
            // Bits are skipped and not counted: all that are left.
            (0, _) => {
                let left = given
                    .checked_mul(8)
                    .and_then(|all| all.checked_sub(bit_offset));
                Some(
                    left.and_then(|left| Bits::new(bit_offset, left))
                        .ok_or(Invalid::Bits)?,
                )
            }
            (nbits, _) => Some(Bits::new(bit_offset, nbits).ok_or(Invalid::Bits)?),
        };

        let (bytes, raw_len) = match bits {
            Some(bits) if request.nbits != 0 => {
                let bytes = bits.stored_bytes();
                (
                    bytes,
                    bytes.checked_next_multiple_of(word).ok_or(Invalid::Bits)?,
                )
            }
            _ if request.raw_len != 0 => (given, request.raw_len),
            _ => (
                given,
                given
                    .checked_next_multiple_of(word)
                    .ok_or(Invalid::RawLen)?,
            ),
        };

        if request.offset.checked_rem(self.stride) != Some(0) {
            return Err(Invalid::Offset);
        }
        if raw_len.checked_rem(word) != Some(0) {
            return Err(Invalid::RawLen);
        }
        Ok(Extent {
            offset: request.offset,
            raw_len,
            bytes,
            bits,
            bit_offset: request.bit_offset,
        })
    }
}
