// SPDX-License-Identifier: GPL-2.0

//! What holds for the state machine whatever happens.

#![expect(unused_must_use, reason = "answers are looked at where they matter")]

use crate::{
    bus::*,
    machine::{Busy, Change, RespondError},
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

/// The command of a part, of several more likely than of one.
fn part_command() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![0x02, 0x06, 0x06, 0x07, 0x07, 0x08])
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

/// Any combination of what controllers do differently.
fn habits() -> impl Strategy<Value = Habits> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, vec(any::<bool>(), 0..6)).prop_map(|(flags, late_stops)| Habits {
        address_once: flags.0,
        address_twice: flags.1,
        stop_at_repeated_start: flags.2,
        stop_twice: flags.3,
        late_stops,
    })
}

/// The answer to a step of the bus.
struct Answer {
    change: Change,
    /// For a write, whether it was taken.
    taken: Option<Result<(), Busy>>,
    /// For a read, the byte.
    byte: Option<u8>,
}

/// Does a step of the bus.
fn play(machine: &mut TestMachine, step: &Step) -> Answer {
    let (change, taken, byte) = match step {
        Step::WriteRequested => {
            let (change, taken) = machine.write_requested();
            (change, Some(taken), None)
        }
        Step::WriteReceived(byte) => {
            let (change, taken) = machine.write_received(*byte);
            (change, Some(taken), None)
        }
        Step::ReadRequested => (Change::None, None, Some(machine.read_requested())),
        Step::ReadProcessed => (Change::None, None, Some(machine.read_processed())),
        Step::Stop => (machine.stop(), None, None),
        _ => panic!("not of the bus: {step:?}"),
    };
    Answer {
        change,
        taken,
        byte,
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
                    let Answer { change, taken, byte } = play(&mut machine, event);
                    let now_busy = machine.can_respond();
                    // A write is busy exactly while a request waits, and a read gets nothing then.
                    if let Some(taken) = taken {
                        prop_assert_eq!(taken == Err(Busy), now_busy);
                    }
                    if now_busy {
                        prop_assert_eq!(byte.unwrap_or(0), 0);
                    }
                    // No event ends the wait for a response, or touches an unread request.
                    prop_assert!(now_busy || !busy);
                    if busy {
                        prop_assert_eq!(machine.request().map(<[u8]>::to_vec), unread);
                        prop_assert_eq!(change, Change::None);
                    }
                    // A request arrives exactly when this is reported, whole and unread.
                    prop_assert_eq!(change == Change::Requested, now_busy && !busy);
                    if change == Change::Requested {
                        let len = machine.request().map_or(0, <[u8]>::len);
                        prop_assert!((1..=254).contains(&len));
                    }
                }
            }
        }
    }

    /// After any noise that has ended a request and its response pass unchanged.
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
        // The next address could end a request that is part of the noise.
        machine.stop();
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
        for step in noise.iter().chain([&Step::Stop]) {
            gone |= play(&mut machine, step).change == Change::ResponseGone;
        }
        if !gone {
            prop_assert_eq!(fetch(&mut machine), Ok(response));
        }
    }

    /// Requests and their responses pass whatever the controller does differently.
    #[test]
    fn habits_of_controllers_are_tolerated(
        habits in habits(),
        exchanges in vec((message(254), message(254), any::<bool>(), 0..3), 1..4),
    ) {
        let mut host = Controller::new(habits);
        for (request, response, pec, polls) in &exchanges {
            host.send(request, *pec);
            prop_assert_eq!(host.machine.request(), Some(&request[..]));
            for _ in 0..*polls {
                prop_assert_eq!(host.read(0x03), []);
            }
            prop_assert_eq!(host.machine.respond(response), Ok(()));
            prop_assert_eq!(&host.fetch(), response);
        }
        // The response is gone after the last stop, at the next address at the latest.
        prop_assert_eq!(host.read(0x03), []);

        let counters = host.machine.counters();
        prop_assert_eq!(counters.requests as usize, exchanges.len());
        prop_assert_eq!(counters.responses as usize, exchanges.len());
        prop_assert_eq!(counters.last_abort, None);
    }

    /// A part has the same result whether a stop or the next address ends it, if it is whole.
    #[test]
    fn address_ends_whole_parts_as_a_stop_does(
        parts in vec((part_command(), prop_oneof![Just(32), 0..=32usize], 0..3u8), 1..6),
    ) {
        let (mut stopped, mut addressed) = (machine(), machine());
        for (command, len, pec) in parts {
            let mut bytes = part(command, &pattern(len), pec > 0);
            if pec == 2 {
                bytes.last_mut().map(|pec| *pec ^= 1);
            }
            for machine in [&mut stopped, &mut addressed] {
                raw_write(machine, &bytes);
            }
            let by_stop = stopped.stop();
            stopped.write_requested();
            let (by_address, taken) = addressed.write_requested();

            prop_assert_eq!(by_address, by_stop);
            prop_assert_eq!(taken == Err(Busy), addressed.can_respond());
            prop_assert_eq!(addressed.request(), stopped.request());
            prop_assert_eq!(addressed.phase(), stopped.phase());
            prop_assert_eq!(addressed.counters(), stopped.counters());
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
        let change = machine.stop();

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
