// SPDX-License-Identifier: GPL-2.0

//! The state machine, scenario by scenario: what hosts, controllers and daemons do to it.

#![expect(unused_must_use, reason = "answers are looked at where they matter")]

use crate::{
    bus::*,
    machine::{Abort, Busy, Change, Counters, RespondError},
};

/// A write is refused and changes nothing.
const REFUSED: (Change, Result<(), Busy>) = (Change::None, Err(Busy));

/// A write is taken and changes nothing.
const TAKEN: (Change, Result<(), Busy>) = (Change::None, Ok(()));

/// A machine that holds the request 18 01.
fn requested() -> TestMachine {
    let mut machine = machine();
    assert_eq!(write(&mut machine, 0x02, &[0x18, 0x01]), Change::Requested);
    machine
}

/// A machine that holds `response` for the host.
fn responding(response: &[u8]) -> TestMachine {
    let mut machine = machine();
    respond(&mut machine, response);
    machine
}

#[test]
fn single_part_request_and_response() {
    let mut machine = requested();
    assert_eq!(machine.request(), Some(&[0x18, 0x01][..]));
    assert_eq!(machine.take_request().unwrap().1.as_slice(), [0x18, 0x01]);
    assert_eq!(machine.request(), None);
    assert_eq!(machine.respond(&[0x1c, 0x01, 0x00]), Ok(()));
    assert_eq!(fetch(&mut machine), Ok(vec![0x1c, 0x01, 0x00]));
    assert_eq!(fetch(&mut machine), Ok(vec![]));
}

#[test]
fn messages_of_every_length() {
    for len in 1..=254 {
        for pec in [false, true] {
            let message = pattern(len);
            let mut machine = machine();
            assert_eq!(
                send(&mut machine, &message, pec),
                Change::Requested,
                "{len}"
            );
            assert_eq!(machine.request(), Some(&message[..]), "{len}");
            machine.respond(&message).unwrap();
            assert_eq!(fetch(&mut machine), Ok(message), "{len}");
        }
    }
}

#[test]
fn writes_are_busy_while_a_request_waits_and_reads_get_zeros() {
    let mut machine = requested();
    for round in 1..=3 {
        assert_eq!(machine.write_requested(), REFUSED);
        assert_eq!(machine.write_received(0x03), REFUSED);
        assert_eq!(machine.read_requested(), 0);
        assert_eq!(machine.read_processed(), 0);
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.counters().busy, round);
    }
    assert_eq!(machine.request(), Some(&[0x18, 0x01][..]));
    assert_eq!(machine.take_abort(), None);
}

#[test]
fn read_while_busy_gets_nothing_of_the_previous_response() {
    let mut machine = responding(&[1, 2, 3, 4]);
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.read_requested(), 4);
    assert_eq!(machine.read_processed(), 1);
    assert_eq!(send(&mut machine, &[0x42], false), Change::Requested);

    assert_eq!(machine.read_processed(), 0);
    machine.stop();
    assert_eq!(raw_write(&mut machine, &[0x03]), Err(Busy));
    assert_eq!(machine.read_requested(), 0);
    assert_eq!(machine.read_processed(), 0);
}

#[test]
fn writes_are_busy_until_the_response_comes_or_the_time_is_over() {
    let mut machine = requested();
    machine.take_request();
    assert_eq!(machine.write_requested(), REFUSED);
    machine.respond(&[1]).unwrap();
    assert_eq!(machine.write_requested(), TAKEN);

    let mut machine = requested();
    assert_eq!(machine.write_requested(), REFUSED);
    machine.expire();
    assert_eq!(machine.write_requested(), TAKEN);
}

#[test]
fn pec_is_sent_if_the_host_sent_one() {
    for pec in [false, true] {
        let mut machine = machine();
        send(&mut machine, &[0x18, 0x01], pec);
        machine.respond(&[1, 2, 3]).unwrap();
        let bytes = begin_read(&mut machine, 0x03, 2, RepeatedStart::Silent).unwrap();
        let code = if pec { read_pec(0x03, &[1, 2, 3]) } else { 0 };
        assert_eq!(bytes, [1, 2, 3, code, 0]);
    }
}

#[test]
fn wrong_pec_drops_the_request() {
    let mut machine = machine();
    raw_write(&mut machine, &[0x02, 1, 0x42, !write_pec(0x02, &[0x42])]).unwrap();
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.request(), None);
}

#[test]
fn wrong_pec_in_the_middle_drops_the_message_until_the_next_start() {
    let mut machine = machine();
    let block = pattern(32);
    write(&mut machine, 0x06, &block);
    raw_write(&mut machine, &[&[0x07, 32], &block[..], &[0x00]].concat()).unwrap();
    machine.stop();
    assert_eq!(write(&mut machine, 0x07, &block), Change::None);
    assert_eq!(write(&mut machine, 0x08, &[1]), Change::None);
    assert_eq!(send(&mut machine, &block, false), Change::Requested);
}

#[test]
fn empty_requests_are_dropped() {
    let mut machine = machine();
    assert_eq!(write(&mut machine, 0x02, &[]), Change::None);
    assert_eq!(write(&mut machine, 0x06, &[]), Change::None);
    raw_write(&mut machine, &[0x02]).unwrap();
    assert_eq!(machine.stop(), Change::None);
}

#[test]
fn first_part_must_be_full() {
    let mut machine = machine();
    assert_eq!(write(&mut machine, 0x06, &pattern(31)), Change::None);
    assert_eq!(write(&mut machine, 0x08, &[1]), Change::None);
}

#[test]
fn last_part_may_be_a_short_or_empty_middle_part() {
    for last in [0, 1, 31] {
        let mut machine = machine();
        let message = pattern(64 + last);
        write(&mut machine, 0x06, &message[..32]);
        assert_eq!(write(&mut machine, 0x07, &message[32..64]), Change::None);
        assert_eq!(write(&mut machine, 0x07, &message[64..]), Change::Requested);
        assert_eq!(machine.request(), Some(&message[..]));
    }
}

#[test]
fn last_part_may_be_full_or_empty() {
    for last in [0, 32] {
        let mut machine = machine();
        let message = pattern(32 + last);
        write(&mut machine, 0x06, &message[..32]);
        assert_eq!(write(&mut machine, 0x08, &message[32..]), Change::Requested);
        assert_eq!(machine.request(), Some(&message[..]));
    }
}

// The defects of the C driver that a state machine can have; the numbers are those of the README's
// table.

#[test]
fn d01_overlong_part_is_dropped() {
    let mut machine = machine();
    raw_write(&mut machine, &[&[0x02, 32], &pattern(300)[..]].concat()).unwrap();
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(send(&mut machine, &[1], false), Change::Requested);
}

#[test]
fn d02_full_part_with_pec_is_whole() {
    let mut machine = machine();
    assert_eq!(
        write_with_pec(&mut machine, 0x02, &pattern(32)),
        Change::Requested
    );
    assert_eq!(machine.request(), Some(&pattern(32)[..]));
}

#[test]
fn d03_message_of_255_bytes_is_dropped_whole() {
    let mut machine = machine();
    assert_eq!(send(&mut machine, &pattern(255), false), Change::None);
    assert_eq!(machine.request(), None);
    assert_eq!(send(&mut machine, &pattern(254), false), Change::Requested);
}

#[test]
fn d04_further_parts_need_a_first_one() {
    for command in [0x07, 0x08] {
        let mut machine = machine();
        assert_eq!(write(&mut machine, command, &pattern(8)), Change::None);

        // Nor do they continue what was delivered.
        let mut machine = requested();
        machine.respond(&[1]).unwrap();
        assert_eq!(write(&mut machine, command, &pattern(8)), Change::None);
        assert_eq!(fetch(&mut machine), Ok(vec![1]));
    }
}

#[test]
fn d05_unread_request_is_not_torn() {
    let mut machine = requested();
    write(&mut machine, 0x06, &pattern(32));
    write(&mut machine, 0x08, &pattern(32));
    assert_eq!(machine.request(), Some(&[0x18, 0x01][..]));
}

#[test]
fn d06_writes_while_busy_do_not_count_once_the_response_came() {
    let mut machine = requested();
    // A controller that cannot refuse delivers all of this.
    machine.write_requested();
    machine.write_received(0x06);
    machine.write_received(32);
    machine.respond(&[0x1c, 0x01, 0x00]).unwrap();
    pattern(32).iter().for_each(|byte| {
        machine.write_received(*byte);
    });
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(write(&mut machine, 0x08, &[1]), Change::None);
    assert_eq!(fetch(&mut machine), Ok(vec![0x1c, 0x01, 0x00]));
}

#[test]
fn d07_only_the_first_byte_is_a_command() {
    for start in [0x02, 0x06] {
        let mut machine = machine();
        raw_write(&mut machine, &[0xff, start, 1, 0x42]).unwrap();
        assert_eq!(machine.stop(), Change::None);

        // Nor is a byte that follows the bytes of a read.
        let mut machine = responding(&[1, 2]);
        begin_read(&mut machine, 0x03, 0, RepeatedStart::Silent).unwrap();
        assert_eq!(write_bytes(&mut machine, &[start, 1, 0x42]), Ok(()));
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.counters().displaced, 0);

        // Nor is one that follows a read without a command.
        machine.read_requested();
        assert_eq!(write_bytes(&mut machine, &[start, 1, 0x42]), Ok(()));
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
    }
}

#[test]
fn d08_response_read_in_part_is_kept() {
    let mut machine = responding(&[1, 2, 3, 4]);
    assert_eq!(machine.write_requested().1, Ok(()));
    machine.write_received(0x03).1.unwrap();
    assert_eq!(machine.read_requested(), 4);
    assert_eq!(machine.read_processed(), 1);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.respond(&[9]), Err(RespondError::NoRequest));
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2, 3, 4]));
}

#[test]
fn d08_block_of_a_multi_part_response_read_in_part_comes_again() {
    let message = pattern(100);
    let mut machine = responding(&message);
    read(&mut machine, 0x03).unwrap();
    raw_write(&mut machine, &[0x09]).unwrap();
    assert_eq!(machine.read_requested(), 32);
    machine.read_processed();
    machine.stop();

    let again = read(&mut machine, 0x09).unwrap();
    assert_eq!((again[0], &again[1..]), (0, &message[30..61]));
    // A host may also begin anew.
    assert_eq!(fetch(&mut machine), Ok(message));
}

#[test]
fn d08_response_is_dropped_when_the_next_request_begins() {
    for start in [0x02, 0x06] {
        let mut machine = responding(&[1, 2]);
        machine.write_requested();
        assert_eq!(
            machine.write_received(start),
            (Change::ResponseGone, Ok(()))
        );
        machine.stop();
        assert_eq!(read(&mut machine, 0x03), Ok(vec![]));
    }
}

#[test]
fn d09_next_block_needs_the_first_one() {
    let message = pattern(100);
    let mut machine = responding(&message);
    assert_eq!(read(&mut machine, 0x09), Ok(vec![]));

    // A first block that was read in part does not count.
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.read_requested(), 32);
    machine.stop();
    assert_eq!(read(&mut machine, 0x09), Ok(vec![]));
    assert_eq!(fetch(&mut machine), Ok(message));

    let mut machine = responding(&[1, 2]);
    assert_eq!(read(&mut machine, 0x09), Ok(vec![]));
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn d10_request_can_be_put_back() {
    let mut machine = requested();
    let (ticket, _) = machine.take_request().unwrap();
    assert_eq!(machine.take_request().map(|(ticket, _)| ticket), None);
    assert!(machine.put_back(ticket));
    assert_eq!(machine.take_request().unwrap().1.as_slice(), [0x18, 0x01]);
}

#[test]
fn d10_request_is_not_put_back_in_place_of_another() {
    let mut machine = requested();
    let (old, _) = machine.take_request().unwrap();
    machine.respond(&[1]).unwrap();
    assert!(!machine.put_back(old));
    send(&mut machine, &[9], false);
    machine.take_request().unwrap();
    assert!(!machine.put_back(old));
    machine.expire();
    assert!(!machine.put_back(old));
}

#[test]
fn d18_late_response_is_refused_and_reads_get_zeros() {
    let mut machine = requested();
    assert!(machine.expire());
    assert_eq!(machine.request(), None);
    assert_eq!(machine.respond(&[1]), Err(RespondError::NoRequest));
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.read_requested(), 0);
    assert_eq!(machine.read_processed(), 0);
    machine.stop();
    assert!(!machine.expire());
    assert_eq!(send(&mut machine, &[0x42], false), Change::Requested);
}

#[test]
fn expiry_spares_a_response() {
    let mut machine = responding(&[1, 2]);
    assert!(!machine.expire());
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn respond_takes_one_response_of_1_to_254_bytes_for_a_request() {
    assert_eq!(machine().respond(&[1]), Err(RespondError::NoRequest));

    let mut machine = requested();
    assert!(machine.can_respond());
    assert_eq!(machine.respond(&[]), Err(RespondError::Length));
    assert_eq!(machine.respond(&pattern(255)), Err(RespondError::Length));
    assert_eq!(machine.respond(&pattern(254)), Ok(()));
    assert!(!machine.can_respond());
}

#[test]
fn response_while_the_previous_one_waits_answers_no_request() {
    let mut machine = responding(&pattern(60));
    for response in [&[][..], &[9], &pattern(255)] {
        assert_eq!(machine.respond(response), Err(RespondError::NoRequest));
    }
    read(&mut machine, 0x03);
    assert_eq!(machine.respond(&[9]), Err(RespondError::NoRequest));
    assert_eq!(fetch(&mut machine), Ok(pattern(60)));
    assert_eq!(machine.respond(&[9]), Err(RespondError::NoRequest));
}

#[test]
fn answering_an_unread_request_takes_it_away() {
    let mut machine = requested();
    machine.respond(&[1]).unwrap();
    assert!(machine.take_request().is_none());
}

#[test]
fn response_is_gone_once_the_last_block_is_fetched() {
    let mut machine = responding(&pattern(40));
    begin_read(&mut machine, 0x03, 0, RepeatedStart::Silent).unwrap();
    assert_eq!(machine.stop(), Change::None);
    begin_read(&mut machine, 0x09, 0, RepeatedStart::Silent).unwrap();
    assert_eq!(machine.stop(), Change::ResponseGone);
}

// What controllers do differently.

#[test]
fn stop_at_the_repeated_start() {
    let message = pattern(100);
    let mut machine = responding(&message);
    let mut block = |command| {
        let block = begin_read(&mut machine, command, 0, RepeatedStart::Stop).unwrap();
        machine.stop();
        block
    };
    assert_eq!(block(0x03)[2..], message[..30]);
    assert_eq!(block(0x09)[1..], message[30..61]);
    assert_eq!(block(0x09)[1..], message[61..92]);
    assert_eq!(block(0x09)[1..], message[92..]);
}

#[test]
fn second_stop() {
    let mut machine = responding(&[1, 2]);
    machine.stop();
    assert_eq!(machine.stop(), Change::None);

    // At the repeated start, too.
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(read_block(&mut machine, 0), [1, 2]);
    assert_eq!(machine.stop(), Change::ResponseGone);
    assert_eq!(machine.stop(), Change::None);
}

#[test]
fn address_reported_twice() {
    let mut machine = machine();
    machine.write_requested().1.unwrap();
    raw_write(&mut machine, &[0x02, 1, 0x42]).unwrap();
    assert_eq!(machine.stop(), Change::Requested);
}

#[test]
fn no_stop_between_blocks() {
    let message = pattern(60);
    let mut machine = responding(&message);
    let first = begin_read(&mut machine, 0x03, 0, RepeatedStart::Silent).unwrap();
    let last = begin_read(&mut machine, 0x09, 0, RepeatedStart::Silent).unwrap();
    assert_eq!([&first[2..], &last[1..]].concat(), message);
    assert_eq!(machine.write_requested().0, Change::ResponseGone);
}

#[test]
fn prefetched_bytes_beyond_the_block_are_zero() {
    let mut machine = responding(&[1, 2]);
    let bytes = begin_read(&mut machine, 0x03, 16, RepeatedStart::Silent).unwrap();
    assert_eq!(bytes, [&[1, 2][..], &[0; 16]].concat());
    assert_eq!(machine.stop(), Change::ResponseGone);
}

// Controllers that report the next address before the stop.

/// Writes `bytes` without a stop, and addresses the target again.
fn write_and_address(bytes: &[u8]) -> (TestMachine, (Change, Result<(), Busy>)) {
    let mut machine = machine();
    raw_write(&mut machine, bytes).unwrap();
    let answer = machine.write_requested();
    (machine, answer)
}

#[test]
fn address_ends_a_part_as_a_stop_would() {
    let mut not_its_pec = part(0x02, &[0x42], true);
    not_its_pec[3] ^= 1;
    for (name, bytes, request, abort) in [
        ("request", part(0x02, &[0x42], false), true, None),
        ("request with a PEC", part(0x02, &[0x42], true), true, None),
        ("longest", part(0x02, &pattern(32), true), true, None),
        ("first part", part(0x06, &pattern(32), true), false, None),
        ("wrong PEC", not_its_pec, false, Some(Abort::Pec)),
        (
            "no data",
            part(0x02, &[], false),
            false,
            Some(Abort::Length),
        ),
        (
            "short first part",
            part(0x06, &pattern(31), false),
            false,
            Some(Abort::Length),
        ),
        (
            "last part alone",
            part(0x08, &[1], false),
            false,
            Some(Abort::Sequence),
        ),
    ] {
        let (mut machine, answer) = write_and_address(&bytes);
        let wanted = match request {
            true => (Change::Requested, Err(Busy)),
            false => TAKEN,
        };
        assert_eq!(answer, wanted, "{name}");
        assert_eq!(machine.take_abort(), abort, "{name}");
        let len = usize::from(bytes[1]);
        let data = request.then(|| &bytes[2..2 + len]);
        assert_eq!(machine.request(), data, "{name}");
        assert_eq!(machine.counters().busy, u32::from(request), "{name}");

        // A stop has the same result.
        let mut stopped = crate::bus::machine();
        raw_write(&mut stopped, &bytes).unwrap();
        assert_eq!(stopped.stop(), answer.0, "{name}");
        assert_eq!(stopped.take_abort(), abort, "{name}");
    }
}

#[test]
fn address_drops_a_part_that_is_not_whole() {
    let part = |command| part(command, &pattern(32), false);
    for (name, bytes) in [
        ("command alone", vec![0x02]),
        ("no data", vec![0x02, 2]),
        ("data missing", vec![0x02, 2, 0xde]),
        ("first part", part(0x06)[..33].to_vec()),
        ("bytes too many", vec![0x02, 1, 2, 3, 4]),
        ("overlong", [part(0x02), vec![1, 2]].concat()),
        ("length 33", [&[0x02, 33], &pattern(33)[..]].concat()),
    ] {
        let (mut machine, answer) = write_and_address(&bytes);
        assert_eq!(answer, TAKEN, "{name}");
        assert_eq!(machine.take_abort(), Some(Abort::Interrupted), "{name}");
        assert_eq!(machine.counters().interrupted, 1, "{name}");

        // The write that began counts, with the stop before its bytes or without.
        assert_eq!(machine.stop(), Change::None, "{name}");
        write_bytes(&mut machine, &[0x02, 2, 0xaa, 0x55]).unwrap();
        assert_eq!(machine.stop(), Change::Requested, "{name}");
        assert_eq!(machine.request(), Some(&[0xaa, 0x55][..]), "{name}");

        let (mut machine, _) = write_and_address(&bytes);
        write_bytes(&mut machine, &[0x02, 2, 0xaa, 0x55]).unwrap();
        assert_eq!(machine.stop(), Change::Requested, "{name}");
        assert_eq!(machine.request(), Some(&[0xaa, 0x55][..]), "{name}");
    }
}

#[test]
fn message_with_an_unfinished_part_is_dropped() {
    let message = pattern(65);
    for late_stop in [false, true] {
        let mut machine = machine();
        write(&mut machine, 0x06, &message[..32]);
        raw_write(&mut machine, &[&[0x07, 32], &message[32..63]].concat()).unwrap();
        assert_eq!(machine.write_requested(), TAKEN);
        if late_stop {
            assert_eq!(machine.stop(), Change::None);
        }
        write_bytes(&mut machine, &part(0x08, &message[64..], false)).unwrap();
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.counters().last_abort, Some(Abort::Sequence));
        assert_eq!(machine.counters().interrupted, 1);
        assert_eq!(send(&mut machine, &message, false), Change::Requested);
    }
}

#[test]
fn parts_that_no_stop_ended_are_joined() {
    for pec in [false, true] {
        let message = pattern(200);
        let mut machine = machine();
        for part in parts(&message, pec) {
            raw_write(&mut machine, &part).unwrap();
        }
        assert_eq!(machine.request(), None);
        assert_eq!(machine.write_requested(), (Change::Requested, Err(Busy)));
        assert_eq!(machine.request(), Some(&message[..]));
    }
}

#[test]
fn late_stop_after_the_address_that_ended_a_request() {
    let (mut machine, _) = write_and_address(&[0x02, 1, 0x42]);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.write_received(0x03), REFUSED);
    assert_eq!(machine.read_requested(), 0);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.request(), Some(&[0x42][..]));
    assert_eq!(machine.counters().requests, 1);

    machine.respond(&[1, 2]).unwrap();
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn write_whose_address_ended_a_request_is_ignored() {
    let (mut machine, _) = write_and_address(&[0x02, 1, 0x42]);
    for byte in [0x02, 1] {
        assert_eq!(machine.write_received(byte), REFUSED);
    }
    // Also if the response comes before its stop.
    machine.respond(&[1, 2]).unwrap();
    assert_eq!(machine.write_received(0x43), TAKEN);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.counters().requests, 1);
    assert_eq!(machine.counters().last_abort, None);
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn late_stop_after_the_address_that_ended_a_read() {
    let mut machine = responding(&pattern(40));
    begin_read(&mut machine, 0x03, 0, RepeatedStart::Silent).unwrap();
    assert_eq!(machine.write_requested(), TAKEN);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.phase(), "response partly fetched");

    machine.write_received(0x09);
    assert_eq!(read_block(&mut machine, 0).len(), 11);
    assert_eq!(machine.write_requested(), (Change::ResponseGone, Ok(())));
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.counters().responses, 1);

    write_bytes(&mut machine, &[0x02, 1, 0x42]).unwrap();
    assert_eq!(machine.stop(), Change::Requested);
}

#[test]
fn late_stop_while_the_target_is_busy() {
    let mut machine = requested();
    // The response comes between the late stop and the bytes: these are a write of their own.
    assert_eq!(machine.write_requested(), REFUSED);
    assert_eq!(machine.stop(), Change::None);
    machine.respond(&[1, 2]).unwrap();
    assert_eq!(machine.write_received(0x03), TAKEN);
    assert_eq!(read_block(&mut machine, 0), [1, 2]);
    assert_eq!(machine.stop(), Change::ResponseGone);
}

#[test]
fn busy_write_does_not_end_in_a_request_at_the_next_address() {
    let mut machine = requested();
    raw_write(&mut machine, &[]);
    assert_eq!(write_bytes(&mut machine, &[0x02]), Err(Busy));
    machine.respond(&[1, 2]).unwrap();
    write_bytes(&mut machine, &[1, 0x42]).unwrap();
    assert_eq!(machine.write_requested(), TAKEN);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.counters().last_abort, None);
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn address_spares_a_read_command_and_a_delivered_request() {
    // A read command that no read followed is no part.
    let (mut machine, answer) = write_and_address(&[0x03]);
    assert_eq!(answer, TAKEN);
    assert_eq!(machine.take_abort(), None);

    // The bytes of a request do not count twice.
    send(&mut machine, &[0x42], false);
    machine.respond(&[1]).unwrap();
    assert_eq!(machine.write_requested(), TAKEN);
    assert_eq!(machine.write_requested(), TAKEN);
    assert_eq!(machine.counters().requests, 1);
    assert_eq!(machine.counters().last_abort, None);
}

// Controllers that report no address for a write that follows a write.

#[test]
fn byte_after_a_stop_begins_a_write() {
    for pec in [false, true] {
        let mut machine = machine();
        machine.stop();
        let message = pattern(65);
        for part in parts(&message, pec) {
            assert_eq!(write_bytes(&mut machine, &part), Ok(()));
            machine.stop();
        }
        assert_eq!(machine.request(), Some(&message[..]));
        machine.respond(&[1, 2]).unwrap();
        assert_eq!(machine.write_received(0x03), TAKEN);
        let code = if pec { read_pec(0x03, &[1, 2]) } else { 0 };
        assert_eq!(read_block(&mut machine, 1), [1, 2, code]);
        assert_eq!(machine.stop(), Change::ResponseGone);
    }
}

#[test]
fn byte_after_a_stop_while_busy() {
    let mut machine = requested();
    for round in 1..=3 {
        // One write, whatever its number of bytes.
        assert_eq!(machine.write_received(0x06), REFUSED);
        assert_eq!(machine.write_received(32), REFUSED);
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.counters().busy, round);
    }

    // What began as ignored stays so.
    assert_eq!(machine.write_received(0x02), REFUSED);
    machine.respond(&[1, 2]).unwrap();
    assert_eq!(write_bytes(&mut machine, &[0x02, 1, 0x42]), Ok(()));
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.counters().busy, 4);
    assert_eq!(machine.counters().last_abort, None);
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn byte_after_the_stop_of_a_read_begins_a_write() {
    let mut machine = responding(&[1, 2]);
    read(&mut machine, 0x03).unwrap();
    assert_eq!(write_bytes(&mut machine, &[0x02, 1, 0x42]), Ok(()));
    assert_eq!(machine.stop(), Change::Requested);
    assert_eq!(machine.request(), Some(&[0x42][..]));
}

#[test]
fn byte_after_a_stop_displaces_the_response_if_it_begins_a_request() {
    let mut machine = responding(&[1, 2]);
    assert_eq!(machine.write_received(0x02), (Change::ResponseGone, Ok(())));
    assert_eq!(machine.counters().displaced, 1);
}

#[test]
fn byte_after_a_read_command_and_a_stop_begins_a_write() {
    let mut machine = responding(&[1, 2]);
    raw_write(&mut machine, &[0x03]).unwrap();
    machine.stop();
    // The host polls again; the first command is void.
    assert_eq!(machine.write_received(0x09), TAKEN);
    assert_eq!(machine.read_requested(), 0);
    assert_eq!(machine.take_abort(), Some(Abort::Sequence));
    machine.stop();

    raw_write(&mut machine, &[0x03]).unwrap();
    machine.stop();
    assert_eq!(write_bytes(&mut machine, &[0x02, 1, 0x42]), Ok(()));
    assert_eq!(machine.stop(), Change::Requested);
}

#[test]
fn byte_after_a_stop_that_is_no_command() {
    let mut machine = machine();
    write(&mut machine, 0x06, &pattern(32));
    assert_eq!(write_bytes(&mut machine, &[0xff, 0x02, 1]), Ok(()));
    assert_eq!(machine.take_abort(), Some(Abort::Command));
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(write(&mut machine, 0x08, &[1]), Change::None);
    assert_eq!(machine.counters().sequence, 1);
}

#[test]
fn messages_of_200_bytes_on_controllers_with_each_habit() {
    let habits = [
        Habits::default(),
        Habits {
            address_once: true,
            ..Habits::default()
        },
        Habits {
            late_stops: vec![true],
            ..Habits::default()
        },
        Habits {
            address_once: true,
            late_stops: vec![true],
            ..Habits::default()
        },
    ];
    for habits in habits {
        for (len, pec) in [(2, false), (2, true), (200, false), (200, true)] {
            let mut host = Controller::new(habits.clone());
            for round in 1..=2 {
                host.send(&pattern(len), pec);
                assert_eq!(
                    host.machine.request(),
                    Some(&pattern(len)[..]),
                    "{habits:?}"
                );
                if round == 2 {
                    // The host polls while the target is busy.
                    assert_eq!(host.read(0x03), [], "{habits:?}");
                }
                host.machine.respond(&pattern(len)).unwrap();
                assert_eq!(host.fetch(), pattern(len), "{habits:?}");
            }
            assert_eq!(host.read(0x03), [], "{habits:?}");
            assert_eq!(host.machine.counters().responses, 2, "{habits:?}");
            assert_eq!(host.machine.counters().last_abort, None, "{habits:?}");
        }
    }
}

// Reads that get nothing.

#[test]
fn read_that_breaks_off_a_write_gets_zeros() {
    // A host writes the read command first, so a read ends no part, even one that is whole.
    for len in [1, 2] {
        let mut machine = machine();
        raw_write(&mut machine, &[0x02, len, 0xab]).unwrap();
        assert_eq!(machine.read_requested(), 0);
        assert_eq!(machine.take_abort(), Some(Abort::Interrupted));
        assert_eq!(machine.read_processed(), 0);
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.request(), None);
    }
}

#[test]
fn read_without_a_command_gets_zeros_and_keeps_the_response() {
    let mut machine = responding(&[1, 2]);
    assert_eq!(machine.read_requested(), 0);
    assert_eq!(machine.read_processed(), 0);
    machine.stop();
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn data_behind_a_read_command_is_an_error_of_the_host() {
    let mut machine = responding(&[1, 2]);
    raw_write(&mut machine, &[0x03, 0x01]).unwrap();
    assert_eq!(machine.read_requested(), 0);
    machine.stop();
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn counters_and_phases() {
    let mut machine = machine();
    let mut counters = Counters::default();
    assert_eq!((machine.counters(), machine.phase()), (&counters, "idle"));

    // Each kind of abort.
    let block = pattern(32);
    raw_write(&mut machine, &[0xff]);
    machine.stop();
    counters.commands += 1;
    raw_write(&mut machine, &[0x03, 0x00]);
    machine.stop();
    counters.commands += 1;
    write(&mut machine, 0x08, &[1]);
    counters.sequence += 1;
    raw_write(&mut machine, &pattern(300));
    raw_write(&mut machine, &[&[0x02], &pattern(300)[..]].concat());
    machine.stop();
    counters.commands += 1;
    counters.overlong += 1;
    write(&mut machine, 0x02, &[]);
    counters.length += 1;
    raw_write(&mut machine, &[0x02, 1, 0x42, 0x00]);
    machine.stop();
    counters.pec += 1;
    send(&mut machine, &pattern(255), false);
    counters.message += 1;
    raw_write(&mut machine, &[0x02, 1]);
    machine.read_requested();
    machine.stop();
    counters.interrupted += 1;
    counters.last_abort = Some(Abort::Interrupted);
    assert_eq!(machine.counters(), &counters);

    write(&mut machine, 0x06, &block);
    assert_eq!(machine.phase(), "receiving");
    write(&mut machine, 0x08, &block);
    assert_eq!(machine.phase(), "requested");
    machine.take_request();
    assert_eq!(machine.phase(), "awaiting response");
    read(&mut machine, 0x03);
    machine.respond(&pattern(60));
    assert_eq!(machine.phase(), "responding");
    read(&mut machine, 0x03);
    assert_eq!(machine.phase(), "response partly fetched");
    read(&mut machine, 0x09);
    send(&mut machine, &[1], false);
    machine.respond(&[1]);
    send(&mut machine, &[1], false);
    machine.expire();
    counters.requests += 3;
    counters.responses += 1;
    counters.displaced += 1;
    counters.timeouts += 1;
    counters.busy += 1;
    assert_eq!((machine.counters(), machine.phase()), (&counters, "idle"));
}

// A stop may be reported late, in the middle of the transaction that follows.

#[test]
fn late_stop_in_a_part_makes_no_command_of_the_rest() {
    for first in [&[0x02][..], &[0x02, 6], &[0x02, 6, 0xaa]] {
        let mut machine = machine();
        raw_write(&mut machine, first).unwrap();
        assert_eq!(machine.stop(), Change::None);
        for byte in [0x02, 2, 0x18, 0x01] {
            machine.write_received(byte);
        }
        assert_eq!(machine.stop(), Change::None);
        assert_eq!(machine.request(), None);
        assert_eq!(write(&mut machine, 0x02, &[0x42]), Change::Requested);
    }
}

#[test]
fn late_stop_in_a_block_keeps_the_rest() {
    let mut machine = responding(&[1, 2, 3]);
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.read_requested(), 3);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!(machine.read_processed(), 1);
    assert_eq!(machine.stop(), Change::None);
    assert_eq!([machine.read_processed(), machine.read_processed()], [2, 3]);
    assert_eq!(machine.stop(), Change::ResponseGone);
}

#[test]
fn bytes_count_only_after_an_address_or_a_stop() {
    let mut machine = machine();
    for byte in [0x02, 1, 0x42] {
        machine.write_received(byte);
    }
    assert_eq!(machine.stop(), Change::None);
    for byte in [0x02, 1, 0x42] {
        machine.write_received(byte);
    }
    assert_eq!(machine.stop(), Change::Requested);
}
