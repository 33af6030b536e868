// SPDX-License-Identifier: GPL-2.0

//! The pure logic of the EEPROM driver, over all chips and properties.

use crate::eeprom::{
    chip::{is_private, AddressWidth, Chip, Contents},
    deadline::{poll, Failure, Stopped},
    memory::{Limits, Memory, Properties, Refused, Step},
};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    read: 128,
    write: 128,
};

fn chip(size: u32, width: AddressWidth) -> Chip {
    Chip::new(size, width)
}

fn memory(chip: &Chip, properties: Properties) -> Result<Memory, Refused> {
    Memory::new(chip, &properties, 0x50, LIMITS)
}

/// A chip that is accepted, its properties and limits.
fn accepted() -> impl Strategy<Value = (Chip, Properties, Limits)> {
    let width = prop_oneof![Just(AddressWidth::One), Just(AddressWidth::Two)];
    (
        width,
        1..=8u32,
        1..=256u32,
        0..9u32,
        any::<bool>(),
        1..4u16,
        1..200usize,
        1..200usize,
    )
        .prop_map(
            |(width, addresses, part, page, rolls, address_step, read, write)| {
                // Sizes that end within the last address, or with it.
                let size = (addresses - 1) * width.span() + part * (width.span() / 256);
                let mut chip = chip(size, width);
                chip.address_step = address_step;
                let properties = Properties {
                    page_size: Some((1 << page).min(1 << size.ilog2())),
                    no_read_rollover: !rolls,
                    ..Properties::default()
                };
                (chip, properties, Limits { read, write })
            },
        )
}

/// All steps of an access, with the offset of each.
fn steps(offset: u32, count: usize, next: impl Fn(u32, usize) -> Option<Step>) -> Vec<(u32, Step)> {
    let (mut at, mut left, mut all) = (offset, count, Vec::new());
    while left > 0 {
        let step = next(at, left).expect("a step");
        all.push((at, step));
        assert!((1..=left).contains(&step.len));
        at += step.len as u32;
        left -= step.len;
    }
    all
}

/// The byte of the chip at an i2c address and a memory address.
fn offset_of(chip: &Chip, address: u16, word: u16) -> u32 {
    let distance = address - 0x50;
    assert_eq!(distance % chip.address_step, 0);
    u32::from(distance / chip.address_step) * chip.width.span() + u32::from(word)
}

proptest! {
    #[test]
    fn each_byte_is_accessed_once_where_it_is(
        (chip, properties, limits) in accepted(),
        start in any::<u32>(),
        count in 0..3000usize,
        writes in any::<bool>(),
    ) {
        let memory = Memory::new(&chip, &properties, 0x50, limits).unwrap();
        let offset = start % chip.size;
        let count = count.min((chip.size - offset) as usize);
        prop_assert!(memory.contains(offset, count));

        let mut at = offset;
        let all = if writes {
            steps(offset, count, |at, left| memory.write_step(at, left))
        } else {
            steps(offset, count, |at, left| memory.read_step(at, left))
        };
        for (begin, step) in all {
            prop_assert_eq!(begin, at);
            prop_assert_eq!(offset_of(&chip, step.address, step.word), at);
            at += step.len as u32;
        }
        prop_assert_eq!(at, offset + count as u32);
    }

    #[test]
    fn no_write_crosses_a_page_or_an_address(
        (chip, properties, limits) in accepted(),
        start in any::<u32>(),
        count in 1..3000usize,
    ) {
        let memory = Memory::new(&chip, &properties, 0x50, limits).unwrap();
        let page = properties.page_size.unwrap();
        let offset = start % chip.size;
        let count = count.min((chip.size - offset) as usize);
        for (begin, step) in steps(offset, count, |at, left| memory.write_step(at, left)) {
            let last = begin + step.len as u32 - 1;
            prop_assert_eq!(begin / page, last / page);
            prop_assert_eq!(begin / chip.width.span(), last / chip.width.span());
            prop_assert!(step.len <= limits.write);
        }
    }

    #[test]
    fn no_read_exceeds_the_limit_or_straddles(
        (chip, properties, limits) in accepted(),
        start in any::<u32>(),
        count in 1..3000usize,
    ) {
        let memory = Memory::new(&chip, &properties, 0x50, limits).unwrap();
        let offset = start % chip.size;
        let count = count.min((chip.size - offset) as usize);
        for (begin, step) in steps(offset, count, |at, left| memory.read_step(at, left)) {
            let last = begin + step.len as u32 - 1;
            prop_assert!(step.len <= limits.read);
            if properties.no_read_rollover {
                prop_assert_eq!(begin / chip.width.span(), last / chip.width.span());
            } else {
                // A chip that rolls over is asked for as much as the limit allows.
                prop_assert_eq!(step.len, limits.read.min(count - (begin - offset) as usize));
            }
        }
    }

    #[test]
    fn nothing_outside_is_accessed(
        (chip, properties, limits) in accepted(),
        offset in any::<u32>(),
        count in prop_oneof![0..9000usize, any::<usize>()],
    ) {
        let memory = Memory::new(&chip, &properties, 0x50, limits).unwrap();
        let inside = u128::from(offset) + count as u128 <= u128::from(chip.size);
        prop_assert_eq!(memory.contains(offset, count), inside);
        if offset >= chip.size {
            prop_assert_eq!(memory.read_step(offset, count), None);
            prop_assert_eq!(memory.write_step(offset, count), None);
        }
    }

    #[test]
    fn any_properties_are_refused_or_safe(
        (chip, _, limits) in accepted(),
        read_only in any::<bool>(),
        contents in prop_oneof![Just(Contents::Memory), Just(Contents::Serial), Just(Contents::Mac)],
        page_size in proptest::option::of(0..1024u32),
        size in proptest::option::of(prop_oneof![0..600u32, any::<u32>()]),
        addresses in proptest::option::of(0..12u32),
        address_width in proptest::option::of(prop_oneof![Just(8u32), Just(16u32), any::<u32>()]),
        address in 0..0x80u16,
        no_read_rollover in any::<bool>(),
        start in any::<u32>(),
    ) {
        let chip = Chip { read_only, contents, ..chip };
        let properties = Properties {
            page_size, size, address_width, addresses, read_only: false, no_read_rollover,
        };
        if let Ok(memory) = Memory::new(&chip, &properties, address, limits) {
            let (size, width) = (memory.size(), Memory::width(&chip, &properties).unwrap());
            prop_assert!(size > 0);
            let mut allowed = vec![address];
            allowed.extend(memory.further_addresses());
            prop_assert!(allowed.iter().all(|&address| address <= 0x7f) && allowed.len() <= 8);
            prop_assert!(allowed.len() as u64 * u64::from(width.span()) >= u64::from(size));
            let offset = start % size;
            for step in [memory.read_step(offset, 1), memory.write_step(offset, 1)] {
                let step = step.expect("a step");
                prop_assert!(allowed.contains(&step.address));
                prop_assert!(u32::from(step.word) < width.span());
            }
        }
    }

    #[test]
    fn the_last_attempt_begins_at_the_deadline_or_later(
        limit in 0..100i64,
        takes in 0..30i64,
        pauses in 1..30i64,
    ) {
        let time = core::cell::Cell::new(1000i64);
        let begun = core::cell::RefCell::new(Vec::new());
        let result: Result<(), _> = poll(
            limit,
            || time.get(),
            || time.set(time.get() + pauses),
            || {
                begun.borrow_mut().push(time.get() - 1000);
                time.set(time.get() + takes);
                Err(Failure::<()>::Transient)
            },
        );
        prop_assert_eq!(result, Err(Stopped::TimedOut));
        let begun = begun.into_inner();
        let (last, before) = begun.split_last().unwrap();
        prop_assert!(*last >= limit && before.iter().all(|at| *at < limit));
        // There is no pause after the last attempt.
        prop_assert_eq!(time.get() - 1000, last + takes);
    }
}

#[test]
fn polling_ends_with_the_first_success_or_final_failure() {
    for (outcome, wanted) in [
        (Ok(7), Ok(7)),
        (Err(Failure::Final("gone")), Err(Stopped::Failed("gone"))),
    ] {
        let mut left = 3;
        let result = poll(
            100,
            || 0,
            || {},
            || {
                left -= 1;
                if left > 0 {
                    Err(Failure::Transient)
                } else {
                    outcome
                }
            },
        );
        assert_eq!(result, wanted);
        assert_eq!(left, 0);
    }
}

#[test]
fn bad_properties_are_refused_for_their_reason() {
    let small = chip(256, AddressWidth::One);
    let large = chip(8192, AddressWidth::Two);
    let serial = Chip::fixed(16, AddressWidth::One, Contents::Serial);
    let mac = Chip::fixed(6, AddressWidth::One, Contents::Mac);
    let page_size = |bytes| Properties {
        page_size: Some(bytes),
        ..Properties::default()
    };
    let size = |bytes| Properties {
        size: Some(bytes),
        ..Properties::default()
    };
    let addresses = |count| Properties {
        addresses: Some(count),
        ..Properties::default()
    };
    let width = |bits| Properties {
        address_width: Some(bits),
        ..Properties::default()
    };

    for (chip, properties, refused) in [
        (small, size(0), Refused::NoSize),
        (small, page_size(0), Refused::PageSize(0)),
        (small, page_size(24), Refused::PageSize(24)),
        (
            small,
            page_size(512),
            Refused::LargePage {
                page_size: 512,
                size: 256,
                span: 256,
            },
        ),
        (
            chip(2048, AddressWidth::One),
            page_size(512),
            Refused::LargePage {
                page_size: 512,
                size: 2048,
                span: 256,
            },
        ),
        (small, addresses(0), Refused::Addresses(0)),
        (small, addresses(9), Refused::Addresses(9)),
        (
            small,
            size(257),
            Refused::Reach {
                size: 257,
                addresses: 1,
                span: 256,
            },
        ),
        (
            small,
            size(u32::MAX),
            Refused::Reach {
                size: u32::MAX,
                addresses: 8,
                span: 256,
            },
        ),
        (
            large,
            width(8),
            Refused::Reach {
                size: 8192,
                addresses: 8,
                span: 256,
            },
        ),
        (small, width(12), Refused::AddressWidth(12)),
        (
            serial,
            size(129),
            Refused::Contents {
                contents: Contents::Serial,
                size: 129,
            },
        ),
        (
            mac,
            size(0xa1),
            Refused::Contents {
                contents: Contents::Mac,
                size: 0xa1,
            },
        ),
    ] {
        let properties = if refused
            == (Refused::Reach {
                size: 257,
                addresses: 1,
                span: 256,
            }) {
            Properties {
                addresses: Some(1),
                ..properties
            }
        } else {
            properties
        };
        assert_eq!(
            memory(&chip, properties),
            Err(refused),
            "{chip:?} {properties:?}"
        );
        assert!(!refused.to_string().is_empty());
    }
    assert_eq!(
        Memory::new(&small, &addresses(4), 0x7d, LIMITS),
        Err(Refused::LastAddress(0x80))
    );
    let none = Limits {
        read: 128,
        write: 0,
    };
    assert_eq!(
        Memory::new(&small, &Properties::default(), 0x50, none),
        Err(Refused::NoTransfer)
    );
    // A chip that is not written has no use for its pages.
    for bytes in [24, 4096] {
        assert!(memory(&mac, page_size(bytes)).is_ok());
    }
}

#[test]
fn chips_are_addressed_as_their_data_sheets_say() {
    for (chip, offset, address, word) in [
        (chip(256, AddressWidth::One), 0xff, 0x50, 0xff),
        (chip(2048, AddressWidth::One), 0x7ff, 0x57, 0xff),
        (chip(8192, AddressWidth::Two), 0x1234, 0x50, 0x1234),
        (chip(262_144, AddressWidth::Two), 0x3_0001, 0x53, 1),
        // A 24c1025 has its second half four addresses higher.
        (
            Chip {
                address_step: 4,
                ..chip(131_072, AddressWidth::Two)
            },
            0x1_0000,
            0x54,
            0,
        ),
        (
            Chip::fixed(16, AddressWidth::One, Contents::Serial),
            15,
            0x50,
            0x8f,
        ),
        (
            Chip::fixed(16, AddressWidth::Two, Contents::Serial),
            0,
            0x50,
            0x800,
        ),
        (
            Chip::fixed(6, AddressWidth::One, Contents::Mac),
            0,
            0x50,
            0x9a,
        ),
        (
            Chip::fixed(8, AddressWidth::One, Contents::Mac),
            7,
            0x50,
            0x9f,
        ),
    ] {
        let memory = memory(&chip, Properties::default()).unwrap();
        let step = Step {
            address,
            word,
            len: 1,
        };
        assert_eq!(memory.read_step(offset, 1), Some(step), "{chip:?}");
    }
}

#[test]
fn addresses_are_reserved() {
    let further = |chip: &Chip, properties| -> Vec<u16> {
        memory(chip, properties)
            .unwrap()
            .further_addresses()
            .collect()
    };
    let none = Properties::default();
    assert_eq!(further(&chip(256, AddressWidth::One), none), []);
    assert_eq!(
        further(&chip(1024, AddressWidth::One), none),
        [0x51, 0x52, 0x53]
    );
    let tiny = Chip {
        takes_eight_addresses: true,
        ..chip(16, AddressWidth::One)
    };
    assert_eq!(further(&tiny, none).len(), 7);
    let more = Properties {
        addresses: Some(8),
        ..none
    };
    assert_eq!(further(&chip(4096, AddressWidth::Two), more).len(), 7);
    let far = Chip {
        address_step: 4,
        ..chip(131_072, AddressWidth::Two)
    };
    assert_eq!(further(&far, none), [0x54]);
}

#[test]
fn private_bytes_of_a_vaio() {
    let private: Vec<u32> = (0..256).filter(|&offset| is_private(offset)).collect();
    let wanted: Vec<u32> = (0..0x20).chain(0xc0..0xe0).collect();
    assert_eq!(private, wanted);
}
