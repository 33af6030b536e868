// SPDX-License-Identifier: GPL-2.0

//! The state machine, scenario by scenario: what hosts, controllers and daemons do to it.

#![expect(unused_must_use, reason = "answers are looked at where they matter")]

use crate::{
    bus::*,
    machine::{Abort, Change, Counters, Refusal, RespondError},
};

const BUSY: Result<(), Refusal> = Err(Refusal::Busy);

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
    assert_eq!(fetch(&mut machine), Err(Refusal::NoResponse));
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
fn every_event_is_busy_while_a_request_waits() {
    let mut machine = requested();
    for _ in 0..3 {
        assert_eq!(machine.write_requested().1, BUSY);
        assert_eq!(machine.write_received(0x03).1, BUSY);
        assert_eq!(machine.read_requested(), (0, BUSY));
        assert_eq!(machine.read_processed(), (0, BUSY));
        assert_eq!(machine.stop(), (Change::None, BUSY));
    }
}

#[test]
fn the_stop_that_completes_a_request_is_busy() {
    let mut machine = machine();
    raw_write(&mut machine, &[0x02, 1, 0x42]).unwrap();
    assert_eq!(machine.stop(), (Change::Requested, BUSY));
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
    assert_eq!(machine.stop(), (Change::None, Ok(())));
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
    assert_eq!(machine.stop().0, Change::None);
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
    assert_eq!(machine.stop(), (Change::None, Ok(())));
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
    assert_eq!(machine.stop(), (Change::None, Ok(())));
    assert_eq!(write(&mut machine, 0x08, &[1]), Change::None);
    assert_eq!(fetch(&mut machine), Ok(vec![0x1c, 0x01, 0x00]));
}

#[test]
fn d07_only_the_first_byte_is_a_command() {
    for start in [0x02, 0x06] {
        let mut machine = machine();
        raw_write(&mut machine, &[0xff, start, 1, 0x42]).unwrap();
        assert_eq!(machine.stop().0, Change::None);

        // Nor is one a command that no address came before.
        machine.write_received(start);
        machine.write_received(1);
        machine.write_received(0x42);
        assert_eq!(machine.stop().0, Change::None);
    }
}

#[test]
fn d08_response_read_in_part_is_kept() {
    let mut machine = responding(&[1, 2, 3, 4]);
    assert_eq!(machine.write_requested().1, Ok(()));
    machine.write_received(0x03).1.unwrap();
    assert_eq!(machine.read_requested(), (4, Ok(())));
    assert_eq!(machine.read_processed(), (1, Ok(())));
    assert_eq!(machine.stop(), (Change::None, Ok(())));
    assert_eq!(machine.respond(&[9]), Err(RespondError::Pending));
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2, 3, 4]));
}

#[test]
fn d08_block_of_a_multi_part_response_read_in_part_comes_again() {
    let message = pattern(100);
    let mut machine = responding(&message);
    read(&mut machine, 0x03).unwrap();
    raw_write(&mut machine, &[0x09]).unwrap();
    assert_eq!(machine.read_requested().0, 32);
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
        assert_eq!(read(&mut machine, 0x03), Err(Refusal::NoResponse));
    }
}

#[test]
fn d09_next_block_needs_the_first_one() {
    let message = pattern(100);
    let mut machine = responding(&message);
    assert_eq!(read(&mut machine, 0x09), Err(Refusal::NoResponse));

    // A first block that was read in part does not count.
    raw_write(&mut machine, &[0x03]).unwrap();
    machine.read_requested().1.unwrap();
    machine.stop();
    assert_eq!(read(&mut machine, 0x09), Err(Refusal::NoResponse));
    assert_eq!(fetch(&mut machine), Ok(message));

    let mut machine = responding(&[1, 2]);
    assert_eq!(read(&mut machine, 0x09), Err(Refusal::NoResponse));
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
fn d18_late_response_is_refused_and_reads_are_too() {
    let mut machine = requested();
    assert!(machine.expire());
    assert_eq!(machine.request(), None);
    assert_eq!(machine.respond(&[1]), Err(RespondError::NoRequest));
    raw_write(&mut machine, &[0x03]).unwrap();
    assert_eq!(machine.read_requested(), (0, Err(Refusal::NoResponse)));
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
    assert_eq!(machine.respond(&[1]), Err(RespondError::Pending));
}

#[test]
fn answering_an_unread_request_takes_it_away() {
    let mut machine = requested();
    machine.respond(&[1]).unwrap();
    assert!(machine.take_request().is_none());
}

#[test]
fn the_last_block_fetched_lets_writers_on() {
    let mut machine = responding(&pattern(40));
    begin_read(&mut machine, 0x03, 0, RepeatedStart::Silent).unwrap();
    assert_eq!(machine.stop().0, Change::None);
    begin_read(&mut machine, 0x09, 0, RepeatedStart::Silent).unwrap();
    assert_eq!(machine.stop().0, Change::ResponseGone);
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
    assert_eq!(machine.stop(), (Change::None, Ok(())));
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn address_reported_twice() {
    let mut machine = machine();
    machine.write_requested().1.unwrap();
    raw_write(&mut machine, &[0x02, 1, 0x42]).unwrap();
    assert_eq!(machine.stop().0, Change::Requested);
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
    assert_eq!(machine.stop().0, Change::ResponseGone);
}

#[test]
fn unfinished_write_is_void_at_the_next_address() {
    let mut machine = machine();
    raw_write(&mut machine, &[0x02, 2, 0xde]).unwrap();
    assert_eq!(write(&mut machine, 0x02, &[0xaa, 0x55]), Change::Requested);
    assert_eq!(machine.request(), Some(&[0xaa, 0x55][..]));
}

#[test]
fn message_with_an_unfinished_part_is_dropped() {
    let message = pattern(65);
    let mut machine = machine();
    write(&mut machine, 0x06, &message[..32]);
    raw_write(&mut machine, &[&[0x07, 32], &message[32..64]].concat()).unwrap();
    // No stop: a controller that empties its queue late may not see one.
    assert_eq!(write(&mut machine, 0x08, &message[64..]), Change::None);
    assert_eq!(machine.counters().last_abort, Some(Abort::Sequence));
    assert_eq!(machine.counters().interrupted, 1);
    assert_eq!(send(&mut machine, &message, false), Change::Requested);
}

#[test]
fn read_that_breaks_off_a_write_gets_zeros() {
    let mut machine = machine();
    raw_write(&mut machine, &[0x02, 2, 0xab]).unwrap();
    assert_eq!(machine.read_requested(), (0, Ok(())));
    assert_eq!(machine.read_processed(), (0, Ok(())));
    assert_eq!(machine.stop(), (Change::None, Ok(())));
}

#[test]
fn read_without_a_command_gets_zeros_and_keeps_the_response() {
    let mut machine = responding(&[1, 2]);
    assert_eq!(machine.read_requested(), (0, Ok(())));
    assert_eq!(machine.read_processed(), (0, Ok(())));
    machine.stop();
    assert_eq!(fetch(&mut machine), Ok(vec![1, 2]));
}

#[test]
fn data_behind_a_read_command_is_an_error_of_the_host() {
    let mut machine = responding(&[1, 2]);
    raw_write(&mut machine, &[0x03, 0x01]).unwrap();
    assert_eq!(machine.read_requested(), (0, Ok(())));
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
