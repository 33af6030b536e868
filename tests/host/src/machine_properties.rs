// SPDX-License-Identifier: GPL-2.0

//! What holds for the state machine whatever happens.

#![expect(unused_must_use, reason = "answers are looked at where they matter")]

use crate::{
    bus::*,
    machine::{Change, Refusal, RespondError},
};
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
enum Step {
    WriteRequested,
    WriteReceived(u8),
    ReadRequested,
    ReadProcessed,
    Stop,
    Take,
    PutBack,
    Respond(Vec<u8>),
    Expire,
}

/// Bytes that get somewhere: commands and lengths are more likely than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        prop::sample::select(vec![
            0x02, 0x03, 0x06, 0x07, 0x08, 0x09, 0, 1, 2, 31, 32, 33
        ]),
        any::<u8>(),
    ]
}

fn message(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..=max)
}

/// A step of the bus alone.
fn event() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::WriteRequested),
        12 => byte().prop_map(Step::WriteReceived),
        2 => Just(Step::ReadRequested),
        4 => Just(Step::ReadProcessed),
        3 => Just(Step::Stop),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => event(),
        2 => Just(Step::Take),
        1 => Just(Step::PutBack),
        2 => message(300).prop_map(Step::Respond),
        1 => Just(Step::Expire),
    ]
}

/// Does a step of the bus.
fn play(machine: &mut TestMachine, step: &Step) -> (Change, Result<(), Refusal>) {
    match step {
        Step::WriteRequested => machine.write_requested(),
        Step::WriteReceived(byte) => machine.write_received(*byte),
        Step::ReadRequested => (Change::None, machine.read_requested().1),
        Step::ReadProcessed => (Change::None, machine.read_processed().1),
        Step::Stop => machine.stop(),
        _ => panic!("not of the bus: {step:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Any steps in any order: no panic, and each step keeps its promises.
    #[test]
    fn steps_keep_their_promises(steps in vec(step(), 0..400)) {
        let mut machine = machine();
        let mut ticket = None;

        for step in steps {
            let busy = machine.can_respond();
            let unread = machine.request().map(<[u8]>::to_vec);

            match &step {
                Step::Take => {
                    let taken = machine.take_request();
                    prop_assert_eq!(&taken.as_ref().map(|t| t.1.as_slice().to_vec()), &unread);
                    ticket = taken.map(|t| t.0).or(ticket);
                    prop_assert!(machine.request().is_none());
                }
                Step::PutBack => {
                    if let Some(ticket) = ticket {
                        let back = machine.put_back(ticket);
                        prop_assert_eq!(machine.request().is_some(), back || unread.is_some());
                    }
                }
                Step::Respond(response) => {
                    let result = machine.respond(response);
                    if !busy {
                        prop_assert_ne!(result, Ok(()));
                        prop_assert_ne!(result, Err(RespondError::Length));
                    } else {
                        prop_assert_eq!(result.is_ok(), response.len() <= 254);
                    }
                }
                Step::Expire => {
                    prop_assert_eq!(machine.expire(), busy);
                    prop_assert!(!machine.can_respond());
                }
                event => {
                    let (change, answer) = play(&mut machine, event);
                    let now_busy = machine.can_respond();
                    // Busy is busy, whatever the event.
                    prop_assert_eq!(answer == Err(Refusal::Busy), now_busy);
                    // No event ends the wait for a response, or touches an unread request.
                    prop_assert!(now_busy || !busy);
                    if busy {
                        prop_assert_eq!(machine.request().map(<[u8]>::to_vec), unread);
                        prop_assert_eq!(change, Change::None);
                    }
                    // A request arrives exactly when this is said, whole and unread.
                    prop_assert_eq!(change == Change::Requested, now_busy && !busy);
                    if change == Change::Requested {
                        let len = machine.request().map_or(0, <[u8]>::len);
                        prop_assert!((1..=254).contains(&len));
                    }
                }
            }
        }
    }

    /// After any noise a request and its response pass unchanged.
    #[test]
    fn noise_is_survived(
        noise in vec(event(), 0..200),
        request in message(254),
        response in message(254),
        pec in any::<bool>(),
    ) {
        let mut machine = machine();
        for step in &noise {
            play(&mut machine, step);
        }
        machine.expire();

        prop_assert_eq!(send(&mut machine, &request, pec), Change::Requested);
        prop_assert_eq!(machine.request(), Some(&request[..]));
        machine.respond(&response).unwrap();
        prop_assert_eq!(fetch(&mut machine), Ok(response));
    }

    /// Noise that begins no request does not keep the host from its response.
    #[test]
    fn noise_does_not_lose_a_response(
        response in message(254),
        noise in vec(event(), 0..50),
    ) {
        let mut machine = machine();
        respond(&mut machine, &response);
        let mut gone = false;
        for step in &noise {
            gone |= play(&mut machine, step).0 != Change::None;
        }
        machine.stop();
        if !gone {
            // The noise may have ended in a read that got the last byte.
            let fetched = fetch(&mut machine);
            prop_assert!(fetched == Ok(response) || fetched == Err(Refusal::NoResponse));
        }
    }

    /// A request is delivered only if the bytes on the bus spell it.
    #[test]
    fn single_part_is_taken_only_if_well_formed(
        command in byte(),
        bytes in vec(any::<u8>(), 0..40),
        len in byte(),
    ) {
        let mut machine = machine();
        raw_write(&mut machine, &[&[command, len], &bytes[..]].concat()).unwrap();
        let change = machine.stop().0;

        let len = usize::from(len);
        let whole = bytes.len() == len
            || bytes.len() == len + 1 && bytes[len] == write_pec(command, &bytes[..len]);
        let taken = command == 0x02 && (1..=32).contains(&len) && whole;
        prop_assert_eq!(change == Change::Requested, taken);
        if taken {
            prop_assert_eq!(machine.request(), Some(&bytes[..len]));
        }
    }
}
