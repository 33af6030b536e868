// SPDX-License-Identifier: GPL-2.0

//! Wire formats, case by case.

use crate::{
    bus::{pattern, read_pec, write_pec, CrcPec, ADDRESS},
    protocol::*,
};

const WIRE_ADDRESS: u8 = ADDRESS << 1;

fn part(bytes: &[u8]) -> Part {
    let mut part = Part::EMPTY;
    bytes.iter().for_each(|byte| part.push(*byte));
    part
}

#[test]
fn crc_has_the_smbus_check_value() {
    assert_eq!(CrcPec::update(0, b"123456789"), 0xf4);
    assert_eq!(CrcPec::update(CrcPec::update(0, b"1234"), b"56789"), 0xf4);
}

#[test]
fn commands_are_those_of_the_specification() {
    for byte in 0..=0xff {
        let command = Command::try_from(byte);
        assert_eq!(
            command.is_ok(),
            [0x02, 0x03, 0x06, 0x07, 0x08, 0x09].contains(&byte)
        );
        if let Ok(command) = command {
            assert_eq!(command as u8, byte);
            assert_eq!(command.starts_request(), [0x02, 0x06].contains(&byte));
            assert_eq!(command.is_read(), [0x03, 0x09].contains(&byte));
        }
    }
}

#[test]
fn part_lengths() {
    let block = pattern(32);
    let with = |len: u8, data: &[u8]| [&[len], data].concat();
    let good = write_pec(0x02, &block);

    for (name, bytes, result) in [
        ("nothing", vec![], Err(PartError::Length)),
        ("empty", vec![0], Ok(0)),
        ("one byte", vec![1, 0xaa], Ok(1)),
        ("full", with(32, &block), Ok(32)),
        ("short of data", vec![2, 0xaa], Err(PartError::Length)),
        (
            "two bytes too many",
            vec![1, 0xaa, 0xbb, 0xcc],
            Err(PartError::Length),
        ),
        (
            "length 33",
            with(33, &[&block[..], &[0]].concat()),
            Err(PartError::Length),
        ),
        ("length 255", with(255, &block), Err(PartError::Length)),
        (
            "full with PEC",
            with(32, &[&block[..], &[good]].concat()),
            Ok(32),
        ),
        (
            "wrong PEC",
            with(32, &[&block[..], &[!good]].concat()),
            Err(PartError::Pec),
        ),
        (
            "35 bytes",
            with(32, &[&block[..], &[good, 0]].concat()),
            Err(PartError::Overlong),
        ),
        (
            "300 bytes",
            with(32, &pattern(300)),
            Err(PartError::Overlong),
        ),
    ] {
        let part = part(&bytes);
        let parsed = part.parse::<CrcPec>(WIRE_ADDRESS, Command::WriteSingle);
        assert_eq!(parsed.map(|(data, _)| data.len()), result, "{name}");
    }
}

#[test]
fn part_is_whole_with_as_many_bytes_as_its_length_says() {
    for len in 0..=0xff {
        for count in 0..=40 {
            // Bytes after the length, one of which may be a PEC.
            let bytes = [&[len], &pattern(count)[..]].concat();
            let data = usize::from(len);
            let whole = data <= 32 && (count == data || count == data + 1);
            assert_eq!(
                part(&bytes).is_whole(),
                whole,
                "length {len}, {count} bytes"
            );
        }
    }

    // Without a length no part is whole, whatever an earlier one had.
    assert!(!Part::EMPTY.is_whole());
    let mut part = part(&[1, 0x42]);
    part.clear();
    assert!(!part.is_whole());
    part.push(0);
    assert!(part.is_whole());
}

#[test]
fn part_is_fresh_after_clear() {
    let mut part = part(&pattern(100));
    part.clear();
    [1, 0x42].iter().for_each(|byte| part.push(*byte));
    assert!(part.is_whole());
    let parsed = part.parse::<CrcPec>(WIRE_ADDRESS, Command::WriteSingle);
    assert_eq!(parsed, Ok((&[0x42][..], false)));
}

#[test]
fn message_takes_254_bytes_and_no_more() {
    let mut message = Message::EMPTY;
    assert_eq!(message.extend(&pattern(254)), Ok(()));
    assert_eq!(message.extend(&[1]), Err(TooLong));
    assert_eq!(message.as_slice(), pattern(254));
    assert_eq!(message.set(&pattern(255)), Err(TooLong));
    assert_eq!(message.as_slice(), pattern(254));
    assert_eq!(message.set(&[9]), Ok(()));
    assert_eq!(message.as_slice(), [9]);
}

/// All blocks of a message, as (bytes, PEC).
fn blocks(message: &[u8]) -> Vec<(Vec<u8>, u8)> {
    let mut blocks = Vec::new();
    let mut progress = Progress::Start;
    let mut command = Command::ReadStart;
    while progress != Progress::Done {
        let mut block = Block::EMPTY;
        block
            .prepare::<CrcPec>(command, progress, message, WIRE_ADDRESS, true)
            .unwrap();
        let bytes = (0..block.len()).map(|_| block.next()).collect();
        progress = block.fetched().unwrap();
        command = Command::ReadNext;
        blocks.push((bytes, block.next()));
    }
    blocks
}

#[test]
fn blocks_of_a_message() {
    for (len, lengths) in [
        (1, vec![1]),
        (32, vec![32]),
        (33, vec![32, 4]),
        (61, vec![32, 32]),
        (62, vec![32, 32, 2]),
        (92, vec![32, 32, 32]),
        (254, vec![32, 32, 32, 32, 32, 32, 32, 32, 8]),
    ] {
        let message = pattern(len);
        let blocks = blocks(&message);
        let found: Vec<_> = blocks.iter().map(|(bytes, _)| bytes.len()).collect();
        assert_eq!(found, lengths, "{len} bytes");

        let mut joined: Vec<u8> = Vec::new();
        for (index, (bytes, pec)) in blocks.iter().enumerate() {
            let (command, header) = match index {
                0 if blocks.len() == 1 => (0x03, vec![]),
                0 => (0x03, vec![0x00, 0x01]),
                _ if index + 1 == blocks.len() => (0x09, vec![0xff]),
                _ => (0x09, vec![index as u8 - 1]),
            };
            assert_eq!(bytes[..header.len()], header, "{len} bytes, block {index}");
            assert_eq!(*pec, read_pec(command, bytes), "{len} bytes, block {index}");
            joined.extend(&bytes[header.len()..]);
        }
        assert_eq!(joined, message);
    }
}

#[test]
fn block_out_of_sequence() {
    let long = pattern(100);
    let mut block = Block::EMPTY;
    let mut prepare = |command, progress, message: &[u8]| {
        block.prepare::<CrcPec>(command, progress, message, WIRE_ADDRESS, false)
    };

    assert_eq!(prepare(Command::ReadNext, Progress::Start, &long), None);
    assert_eq!(prepare(Command::ReadNext, Progress::Done, &long), None);
    assert_eq!(prepare(Command::ReadNext, Progress::Start, &[1, 2]), None);
    assert_eq!(prepare(Command::WriteSingle, Progress::Start, &long), None);
}

#[test]
fn block_without_pec_ends_in_zeros() {
    let mut block = Block::EMPTY;
    block
        .prepare::<CrcPec>(
            Command::ReadStart,
            Progress::Start,
            &[7, 8],
            WIRE_ADDRESS,
            false,
        )
        .unwrap();
    assert_eq!(block.fetched(), None);
    assert_eq!((block.len(), block.next()), (2, 7));
    assert_eq!(block.fetched(), None);
    assert_eq!(block.next(), 8);
    assert_eq!(block.fetched(), Some(Progress::Done));
    assert_eq!((block.next(), block.next()), (0, 0));
}
