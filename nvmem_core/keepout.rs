// SPDX-License-Identifier: GPL-2.0

//! Regions that a provider must not be asked for: reads fill them, writes skip them.
//!
//! Pure logic, on `core` alone.

use core::ops::Range;

/// A region that is kept out of, `start..end`, and what reads find there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepout {
    pub start: u32,
    pub end: u32,
    pub value: u8,
}

/// Why a list of keepouts is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Not in ascending order, or overlapping.
    Unsorted,
    /// The end is before the start.
    Backwards,
    /// A region, or the gap before it, is smaller than a word.
    WordSize,
    /// A boundary is not a multiple of the stride.
    Stride,
}

/// Checks that accesses can be split at `keepouts` without breaking a word or the stride.
pub fn validate(keepouts: &[Keepout], word_size: u32, stride: u32) -> Result<(), Invalid> {
    let mut previous_end = 0;

    for keepout in keepouts {
        let Some(gap) = keepout.start.checked_sub(previous_end) else {
            return Err(Invalid::Unsorted);
        };
        let Some(len) = keepout.end.checked_sub(keepout.start) else {
            return Err(Invalid::Backwards);
        };
        if len < word_size || (gap != 0 && gap < word_size) {
            return Err(Invalid::WordSize);
        }
        let boundary = |at: u32| at.checked_rem(stride) == Some(0);
        if !boundary(keepout.start) || !boundary(keepout.end) {
            return Err(Invalid::Stride);
        }
        previous_end = keepout.end;
    }
    Ok(())
}

/// A part of an access, as a range of the caller's buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes are the provider's, from `offset` on.
    Provider { offset: u32, range: Range<usize> },
    /// These bytes are kept out of, and read as `value`.
    Keepout { value: u8, range: Range<usize> },
}

/// Splits an access of `len` bytes at `offset` into [`Piece`]s, which cover it in order.
///
/// `keepouts` have passed [`validate`]. An access that reaches beyond what an offset can name ends
/// there.
pub fn split(keepouts: &[Keepout], offset: u32, len: usize) -> Split<'_> {
    let start = u64::from(offset);
    Split {
        keepouts,
        start,
        at: start,
        end: start.saturating_add(len as u64),
    }
}

/// The iterator that [`split`] returns.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    keepouts: &'a [Keepout],
    start: u64,
    at: u64,
    end: u64,
}

impl Split<'_> {
    /// The buffer's range for what lies between `self.at` and `end`, which it advances to.
    fn advance(&mut self, end: u64) -> Range<usize> {
        let from = self.at;
        self.at = end;
        // CAST: both lie within the buffer, whose length is a `usize`.
        (from.saturating_sub(self.start) as usize)..(end.saturating_sub(self.start) as usize)
    }
}

impl Iterator for Split<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.at >= self.end {
            return None;
        }
        // The next keepout that is not wholly before what is left.
        while let [first, rest @ ..] = self.keepouts {
            if u64::from(first.end) > self.at {
                break;
            }
            self.keepouts = rest;
        }
        let next = self.keepouts.first().copied();

        match next {
            Some(keepout) if u64::from(keepout.start) <= self.at => {
                let range = self.advance(self.end.min(u64::from(keepout.end)));
                Some(Piece::Keepout {
                    value: keepout.value,
                    range,
                })
            }
            _ => {
                let offset = u32::try_from(self.at).ok()?;
                let end = next.map_or(self.end, |keepout| self.end.min(u64::from(keepout.start)));
                let range = self.advance(end);
                Some(Piece::Provider { offset, range })
            }
        }
    }
}
