// SPDX-License-Identifier: GPL-2.0

//! The pure logic of `nvmem_core` against slow and obvious models of it.

use crate::{
    bits::Bits,
    geometry::{Geometry, Invalid, Request},
    keepout::{self, Keepout, Piece},
};
use proptest::{collection::vec, prelude::*};

/// Bit `i` of a byte string, the lowest bit of the first byte being the first.
fn bit(bytes: &[u8], i: usize) -> bool {
    bytes
        .get(i / 8)
        .is_some_and(|byte| byte >> (i % 8) & 1 == 1)
}

/// A cell's bit offset and number of bits, and stored bytes that have them.
fn cell() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    (0..40usize, 1..80usize).prop_flat_map(|(offset, count)| {
        let bytes = (offset + count).div_ceil(8);
        (
            Just(offset),
            Just(count),
            vec(any::<u8>(), bytes..bytes + 3),
        )
    })
}

/// Sorted keepouts whose boundaries and gaps are multiples of `word`.
fn keepouts(word: u32) -> impl Strategy<Value = Vec<Keepout>> {
    vec((0..4u32, 1..5u32, any::<u8>()), 0..6).prop_map(move |parts| {
        let mut at = 0;
        parts
            .into_iter()
            .map(|(gap, len, value)| {
                let start = at + gap * word;
                at = start + len * word;
                Keepout {
                    start,
                    end: at,
                    value,
                }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn extracting_takes_the_bits_and_no_others((offset, count, stored) in cell()) {
        let bits = Bits::new(offset, count).unwrap();
        let mut value = stored.clone();
        bits.extract(&mut value);
        for i in 0..value.len() * 8 {
            prop_assert_eq!(bit(&value, i), i < count && bit(&stored, offset + i));
        }
    }

    #[test]
    fn inserting_replaces_the_bits_and_no_others(
        (offset, count, stored) in cell(),
        value in vec(any::<u8>(), 0..12),
    ) {
        let bits = Bits::new(offset, count).unwrap();
        let mut written = stored.clone();
        bits.insert(&mut written, &value);
        for i in 0..stored.len() * 8 {
            let ours = (offset..offset + count).contains(&i);
            let wanted = if ours { bit(&value, i - offset) } else { bit(&stored, i) };
            prop_assert_eq!(bit(&written, i), wanted, "bit {}", i);
        }
    }

    #[test]
    fn what_was_inserted_is_extracted((offset, count, mut stored) in cell(), value in vec(any::<u8>(), 12)) {
        let bits = Bits::new(offset, count).unwrap();
        bits.insert(&mut stored, &value);
        bits.extract(&mut stored);
        for i in 0..count {
            prop_assert_eq!(bit(&stored, i), bit(&value, i));
        }
    }

    #[test]
    fn bytes_that_are_not_shared_need_not_be_read((offset, count, stored) in cell(), value in vec(any::<u8>(), 12)) {
        let bits = Bits::new(offset, count).unwrap();
        let bytes = bits.stored_bytes();
        let (mut written, mut blind) = (stored[..bytes].to_vec(), vec![0; bytes]);
        bits.insert(&mut written, &value);
        bits.insert(&mut blind, &value);
        if !bits.shares_bytes() {
            prop_assert_eq!(written, blind);
        }
    }

    #[test]
    fn pieces_cover_an_access_in_order(
        (word, keepouts) in (1..5u32).prop_flat_map(|word| (Just(word), keepouts(word))),
        offset in 0..120u32,
        len in 0..120usize,
    ) {
        prop_assert_eq!(keepout::validate(&keepouts, word, word), Ok(()));
        let inside = |at: u32| keepouts.iter().find(|keepout| (keepout.start..keepout.end).contains(&at));
        let mut done = 0;
        let mut last_was_keepout = None;
        for piece in keepout::split(&keepouts, offset, len) {
            let (range, from_provider) = match piece {
                Piece::Provider { offset: from, range } => {
                    prop_assert_eq!(from, offset + range.start as u32);
                    for i in range.clone() {
                        prop_assert_eq!(inside(offset + i as u32), None);
                    }
                    // Pieces of the provider are as long as can be.
                    prop_assert_ne!(last_was_keepout, Some(false));
                    (range, true)
                }
                Piece::Keepout { value, range } => {
                    for i in range.clone() {
                        prop_assert_eq!(inside(offset + i as u32).map(|keepout| keepout.value), Some(value));
                    }
                    (range, false)
                }
            };
            prop_assert_eq!(range.start, done);
            prop_assert!(range.end > range.start);
            done = range.end;
            last_was_keepout = Some(!from_provider);
        }
        prop_assert_eq!(done, len);
    }

    #[test]
    fn splitting_never_panics(
        keepouts in vec((any::<u32>(), any::<u32>(), any::<u8>()), 0..4),
        offset in any::<u32>(),
        len in any::<usize>(),
        word in 1..=u32::MAX,
    ) {
        let keepouts: Vec<_> = keepouts.into_iter().map(|(start, end, value)| Keepout { start, end, value }).collect();
        if keepout::validate(&keepouts, word, word).is_ok() {
            for piece in keepout::split(&keepouts, offset, len) {
                let (Piece::Provider { range, .. } | Piece::Keepout { range, .. }) = piece;
                prop_assert!(range.start < range.end && range.end <= len);
            }
        }
    }

    #[test]
    fn any_request_for_a_cell_is_answered(
        stride in 0..9i32,
        word in 0..9i32,
        offset in any::<u32>(),
        raw_len in any::<usize>(),
        bytes in any::<u32>(),
        bit_offset in any::<u32>(),
        nbits in any::<u32>(),
    ) {
        let geometry = Geometry::new(stride, word).unwrap();
        let request = Request { offset, raw_len, bytes, bit_offset, nbits };
        if let Ok(extent) = geometry.cell(&request) {
            prop_assert_eq!(extent.raw_len % geometry.word_size() as usize, 0);
            prop_assert_eq!(extent.offset % geometry.stride(), 0);
            if nbits != 0 {
                prop_assert_eq!(extent.bytes, (bit_offset as usize + nbits as usize).div_ceil(8));
                prop_assert!(extent.raw_len >= extent.bytes);
            }
        }
    }

    #[test]
    fn whole_words_begin_at_a_stride(stride in 1..9i32, word in 1..9i32, offset in 0..99u64, len in 0..99usize) {
        let geometry = Geometry::new(stride, word).unwrap();
        let fits = offset % stride as u64 == 0 && len >= word as usize;
        let wanted = fits.then(|| (offset as u32, len / word as usize * word as usize));
        prop_assert_eq!(geometry.whole_words(offset, len), wanted);
    }
}

#[test]
fn whole_words_end_where_32_bits_do() {
    let last = u64::from(u32::MAX);
    for stride in [1, 3, 5] {
        let geometry = Geometry::new(stride, 1).unwrap();
        assert_eq!(geometry.whole_words(last, 4), Some((u32::MAX, 4)));
        // Multiples of each stride, and of each when cut to 32 bits.
        for beyond in [15 << 32, (last + 1) * 30, u64::MAX - u64::MAX % 15] {
            assert_eq!(geometry.whole_words(beyond, 4), None);
        }
    }
}

#[test]
fn keepouts_are_refused_for_what_is_wrong_with_them() {
    let region = |start, end| Keepout {
        start,
        end,
        value: 0,
    };
    let validate = |list: &[Keepout]| keepout::validate(list, 4, 2);
    for (list, wanted) in [
        (vec![region(0, 4), region(8, 12)], Ok(())),
        (vec![region(4, 8), region(8, 12)], Ok(())),
        (
            vec![region(8, 12), region(0, 4)],
            Err(keepout::Invalid::Unsorted),
        ),
        (
            vec![region(0, 8), region(4, 12)],
            Err(keepout::Invalid::Unsorted),
        ),
        (vec![region(8, 4)], Err(keepout::Invalid::Backwards)),
        (vec![region(4, 6)], Err(keepout::Invalid::WordSize)),
        (vec![region(2, 8)], Err(keepout::Invalid::WordSize)),
        (vec![region(5, 9)], Err(keepout::Invalid::Stride)),
    ] {
        assert_eq!(validate(&list), wanted, "{list:?}");
    }
}

#[test]
fn cells_get_the_length_that_is_left_open() {
    let geometry = Geometry::new(2, 4).unwrap();
    let request = |offset, raw_len, bytes| Request {
        offset,
        raw_len,
        bytes,
        ..Request::default()
    };
    // Rounded up when it is not given, refused when it is given and wrong.
    assert_eq!(geometry.cell(&request(2, 0, 5)).unwrap().raw_len, 8);
    assert_eq!(geometry.cell(&request(2, 12, 5)).unwrap().raw_len, 12);
    assert_eq!(geometry.cell(&request(2, 5, 5)), Err(Invalid::RawLen));
    assert_eq!(geometry.cell(&request(3, 0, 4)), Err(Invalid::Offset));

    // Bits that are skipped and not counted: all that are left.
    let rest = Request {
        bytes: 2,
        bit_offset: 3,
        ..Request::default()
    };
    assert_eq!(geometry.cell(&rest).unwrap().bits, Bits::new(3, 13));
    assert_eq!(Geometry::new(-1, 1), None);
    assert_eq!(Geometry::new(1, -1), None);
}
