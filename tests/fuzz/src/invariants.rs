// SPDX-License-Identifier: GPL-2.0

//! What must hold after every step. All of it is said here:
//!
//! - A write is refused as busy exactly while a request awaits its response. A read gets length 0 and
//!   zeros meanwhile.
//! - No event ends that wait, or changes a request that nobody took.
//! - An address begins a write, as does a byte after a stop. A stop ends a part, as does the next
//!   address if all bytes of the part are there.
//! - A request is there exactly when the bytes on the bus spelled one, and byte for byte that one.
//! - The host reads just the blocks of the response, each with its length and, if the host's own
//!   parts have one, its packet error code; where there is no block it reads length 0 and zeros.
//! - A response is there until the host has the whole of it, or begins the next request; a block
//!   that it has in part it can read again.
//! - A change is reported exactly when it happens.
//! - A request is taken once. It comes back only if it still awaits its response, and is itself.
//! - A response is taken exactly when a request waits for one, and has 1 to 254 bytes.
//! - The phase and the counters tell what happened. The reason why an event dropped bytes of the host
//!   is told once, and is the right one.

use crate::{
    machine::{Abort, Change, Counters, Machine, RespondError, Ticket},
    model::Model,
    player::SlowPec,
    protocol::Message,
};

/// The answer to an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) change: Change,
    /// The byte for the host, if the event is a read.
    pub(crate) byte: Option<u8>,
    /// Whether the target refuses it, if the event is a write.
    pub(crate) refused: Option<bool>,
}

/// What the machine shows of itself.
pub(crate) struct View {
    waiting: bool,
    responding: bool,
    unread: Option<Vec<u8>>,
    /// Why bytes were dropped since the view before, and how often any were.
    abort: Option<Abort>,
    aborts: u32,
}

impl View {
    pub(crate) fn of(machine: &mut Machine<SlowPec>) -> Self {
        Self {
            waiting: machine.can_respond(),
            responding: matches!(machine.phase(), "responding" | "response partly fetched"),
            unread: machine.request().map(<[u8]>::to_vec),
            abort: machine.take_abort(),
            aborts: aborts(machine.counters()),
        }
    }
}

/// How often bytes of the host were dropped, for whatever reason.
fn aborts(counters: &Counters) -> u32 {
    counters.commands
        + counters.sequence
        + counters.overlong
        + counters.length
        + counters.pec
        + counters.message
        + counters.interrupted
}

/// After an event on the bus, which the model would have answered with `expected`, and dropped bytes
/// for the reason `abort`.
pub(crate) fn after_event(
    before: &View,
    now: &View,
    outcome: Outcome,
    expected: Outcome,
    abort: Option<Abort>,
) {
    if let Some(refused) = outcome.refused {
        assert_eq!(
            refused, now.waiting,
            "a write is refused exactly while a request awaits its response"
        );
    }
    if before.waiting {
        assert!(now.waiting, "no event ends the wait for a response");
        assert_eq!(before.unread, now.unread, "no event changes a request");
    }
    assert_eq!(
        outcome.change == Change::Requested,
        now.waiting && !before.waiting,
        "a request is reported exactly when it arrives"
    );
    assert_eq!(
        outcome.change == Change::ResponseGone,
        before.responding && !now.responding,
        "the end of a response is reported exactly when it comes"
    );
    if now.waiting {
        assert_eq!(
            outcome.byte.unwrap_or(0),
            0,
            "meanwhile the host reads length 0 and zeros"
        );
    }
    assert_eq!(
        now.aborts - before.aborts,
        u32::from(now.abort.is_some()),
        "dropped bytes are told and counted once"
    );
    assert_eq!(outcome, expected, "the event is answered as by the model");
    assert_eq!(now.abort, abort, "bytes are dropped for the model's reason");
}

/// After [`Machine::take_request`].
pub(crate) fn after_take(
    before: &View,
    now: &View,
    taken: Option<&(Ticket, Message)>,
    expected: Option<&(usize, Vec<u8>)>,
) {
    let taken = taken.map(|(_, message)| message.as_slice());
    assert_eq!(taken, before.unread.as_deref(), "the unread request is had");
    assert_eq!(
        taken,
        expected.map(|(_, bytes)| &bytes[..]),
        "it is the model's"
    );
    assert_eq!(now.unread, None, "a request is taken once");
    assert_eq!(now.waiting, before.waiting, "it still awaits its response");
}

/// After [`Machine::put_back`].
pub(crate) fn after_put_back(before: &View, now: &View, back: bool, expected: bool) {
    assert_eq!(
        back, expected,
        "a request comes back exactly if it is the one that awaits its response, and was taken"
    );
    assert_eq!(
        now.unread.is_some(),
        back || before.unread.is_some(),
        "it is to be had again"
    );
    assert_eq!(now.waiting, before.waiting, "nothing else changes");
}

/// After [`Machine::respond`].
pub(crate) fn after_respond(
    before: &View,
    now: &View,
    len: usize,
    result: Result<(), RespondError>,
    expected: Result<(), RespondError>,
) {
    assert_eq!(
        result.is_ok(),
        before.waiting && (1..=254).contains(&len),
        "a response is taken exactly when a request waits for one, and the length is right"
    );
    assert_eq!(result, expected, "the reason is the model's");
    if result.is_ok() {
        assert!(now.responding && !now.waiting, "then the host is next");
        assert_eq!(now.unread, None, "an answered request is not read");
    } else {
        assert_eq!(before.unread, now.unread, "a refusal changes nothing");
        assert_eq!(
            before.waiting, now.waiting,
            "a request still awaits its response"
        );
        assert_eq!(
            before.responding, now.responding,
            "a response still awaits the host"
        );
    }
}

/// After [`Machine::expire`].
pub(crate) fn after_expire(before: &View, now: &View, expired: bool, expected: bool) {
    assert_eq!(expired, before.waiting, "only a request expires");
    assert_eq!(expired, expected, "as the model's does");
    assert!(!now.waiting, "and is void then");
    assert_eq!(before.responding, now.responding, "a response stays");
}

/// After every step.
pub(crate) fn always(machine: &Machine<SlowPec>, now: &View, model: &Model) {
    assert_eq!(
        now.unread.as_deref(),
        model.unread(),
        "the request is the one that the bytes on the bus spelled"
    );
    assert_eq!(
        now.waiting,
        model.request.is_some(),
        "a request awaits its response until it comes, or too much time has passed"
    );
    assert_eq!(
        now.responding,
        model.response.is_some(),
        "a response is there until the host has it, or begins the next request"
    );
    assert!(
        !(now.waiting && now.responding),
        "one thing is due at a time"
    );
    assert_eq!(machine.phase(), model.phase(), "the phase is the model's");

    let counters = machine.counters();
    for (what, counter, expected) in [
        ("requests", counters.requests, model.delivered),
        ("responses", counters.responses, model.fetched),
        ("displaced responses", counters.displaced, model.displaced),
        ("timeouts", counters.timeouts, model.expired),
        ("refused writes", counters.busy, model.refused),
    ] {
        assert_eq!(counter as usize, expected, "{what} are counted");
    }
}
