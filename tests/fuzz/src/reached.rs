// SPDX-License-Identifier: GPL-2.0

//! What scripts reached: shows that the model does not agree with the machine just for want of
//! anything happening, and shows the fuzzer where something new has happened.

use crate::{
    invariants::Outcome,
    machine::{Abort, Change},
    model::{valid_part, Model, Reading, LONGEST_MESSAGE},
    player::Event,
};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

macro_rules! milestones {
    ($($name:ident: $text:literal,)*) => {
        /// Something that a useful corpus reaches.
        #[derive(Clone, Copy)]
        pub(crate) enum Milestone {
            $($name,)*
        }

        const TEXTS: &[&str] = &[$($text,)*];
    };
}

milestones! {
    SinglePart: "request in one part",
    SeveralParts: "request in several parts",
    LongestRequest: "request of 254 bytes",
    RequestWithPec: "request with a PEC",
    RequestWithout: "request without one",
    PartsDropped: "parts dropped for one that is invalid",
    PartsReplaced: "parts dropped for a new first one",
    WrongPec: "part with a wrong PEC",
    Overlong: "full part with a PEC, and bytes behind that",
    TooLong: "message of more than 254 bytes",
    Busy: "write refused while a request waits",
    BusyRead: "read begun while a request waits",
    BusyWrite: "whole request ignored while another waits",
    LateWrite: "write begun while a request waits, and ended later as a whole request",
    ByteBegins: "request whose only or last part a byte began, without an address",
    ByteBeginsRead: "block read whose command came without an address",
    ByteWhileBusy: "write begun by a byte, without an address, while a request waits",
    AddressEnds: "request ended by the next address",
    AddressEndsPart: "part of several ended by the next address",
    AddressEndsInvalid: "invalid part ended by the next address",
    AddressInterrupts: "parts dropped at the next address, since bytes are missing",
    LateStop: "request with a stop after the address of its last part",
    Taken: "request taken",
    PutBack: "request put back",
    PutBackLate: "request not put back, since it is answered or expired",
    PutBackOther: "request not put back, since another one was taken",
    Expired: "request expired",
    WrongLength: "response of wrong length",
    TooEarly: "response refused, since the previous one is not fetched",
    OneBlock: "response fetched in one block",
    SeveralBlocks: "response fetched in several blocks",
    FullLastBlock: "response fetched whose last block is full",
    LongestResponse: "response of 9 blocks fetched",
    BlockPec: "block read with its PEC",
    NoBlockPec: "block read without one, although the request before had one",
    ReadInPart: "block read in part",
    ReadAgain: "block read in part, then whole",
    BegunAnew: "response begun anew",
    AnewAndOn: "response begun anew behind several blocks, and read on",
    StopBetween: "block read although a stop came at the repeated start",
    FirstIsDue: "read of a further block that gets nothing, since the first one is due",
    NoResponse: "read that gets nothing, since there is no response",
    Displaced: "response dropped for the next request",
}

/// Each event in each state of the model, reached or not.
const PAIRS: usize = Model::STATES * Event::KINDS;

/// What an input has reached, for the fuzzer, which values anything new as it does a new edge. It
/// finds this by the section, and clears it word by word.
#[repr(align(8))]
struct Features([AtomicU8; TEXTS.len() + PAIRS]);

#[cfg_attr(
    feature = "libfuzzer",
    used,
    link_section = "__libfuzzer_extra_counters"
)]
static FEATURES: Features = Features([const { AtomicU8::new(0) }; TEXTS.len() + PAIRS]);

/// How often scripts reached each milestone, and which pairs.
pub struct Reached {
    milestones: [usize; TEXTS.len()],
    pairs: [bool; PAIRS],
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            milestones: [0; TEXTS.len()],
            pairs: [false; PAIRS],
        }
    }
}

impl Reached {
    /// Adds what another script reached.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.milestones.iter_mut().zip(other.milestones) {
            *mine += others;
        }
        for (mine, others) in self.pairs.iter_mut().zip(other.pairs) {
            *mine |= others;
        }
    }

    /// All milestones, and how often they were reached.
    pub fn milestones(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        TEXTS.iter().copied().zip(self.milestones)
    }

    /// How many pairs of a state and an event were reached.
    pub fn pairs(&self) -> usize {
        self.pairs.iter().filter(|reached| **reached).count()
    }
}

/// What the model held before an event.
pub(crate) struct Was {
    state: usize,
    under_way: bool,
    expects_read: bool,
    waiting: bool,
    assembled: usize,
    blocks: usize,
    full_last_block: bool,
    /// What block is read, and whether the host has its data.
    reading: Option<(usize, bool)>,
}

impl Was {
    pub(crate) fn of(model: &Model) -> Self {
        let blocks = model.response.as_ref().map_or(&[][..], |r| &r.blocks);
        Self {
            state: model.state(),
            under_way: model.is_under_way(),
            expects_read: model.expects_read(),
            waiting: model.request.is_some(),
            assembled: model.assembled(),
            blocks: blocks.len(),
            full_last_block: blocks.len() > 1 && blocks.last().is_some_and(|b| b.len() == 32),
            reading: model.reading.as_ref().map(Reading::progress),
        }
    }
}

/// Sees what events reach.
#[derive(Default)]
pub(crate) struct Watcher {
    reached: Reached,
    /// The bytes that the host wrote in this transaction, refused or not.
    written: Vec<u8>,
    /// Whether a request waited when the write began; none if the transaction is no write.
    refused: Option<bool>,
    /// The write began without an address.
    by_byte: bool,
    /// The latest address ended a part.
    address_ended: bool,
    /// A stop, and nothing else, came since then before the write.
    late_stop: bool,
    /// Whether the latest request had a packet error code, and the one before.
    pec: (bool, bool),
    /// The block that the host last read in part.
    read_in_part: Option<usize>,
    /// The host had several blocks, and read the first one again.
    begun_anew: bool,
}

impl Watcher {
    pub(crate) fn reached(self) -> Reached {
        self.reached
    }

    pub(crate) fn reach(&mut self, milestone: Milestone) {
        self.reached.milestones[milestone as usize] += 1;
        FEATURES.0[milestone as usize].store(1, Relaxed);
    }

    /// Counts what an event reached.
    pub(crate) fn note(
        &mut self,
        event: Event,
        outcome: Outcome,
        abort: Option<Abort>,
        was: &Was,
        model: &Model,
    ) {
        let pair = was.state * Event::KINDS + event.kind();
        self.reached.pairs[pair] = true;
        FEATURES.0[TEXTS.len() + pair].store(1, Relaxed);

        if outcome.refused == Some(true) && was.waiting {
            self.reach(Milestone::Busy);
        }

        match (event, outcome.change) {
            (_, Change::Requested) => self.note_request(event, was, model),
            (Event::WriteReceived(_), Change::ResponseGone) => self.reach(Milestone::Displaced),
            (_, Change::ResponseGone) => {
                self.reach(match was.blocks {
                    1 => Milestone::OneBlock,
                    _ => Milestone::SeveralBlocks,
                });
                if was.full_last_block {
                    self.reach(Milestone::FullLastBlock);
                }
                if was.blocks == 9 {
                    self.reach(Milestone::LongestResponse);
                }
            }
            (Event::Stop, Change::None) => self.note_part(was, model),
            (Event::WriteRequested, Change::None) => match abort {
                Some(Abort::Interrupted) if was.assembled > 0 => {
                    self.reach(Milestone::AddressInterrupts);
                }
                Some(Abort::Interrupted) => {}
                Some(_) => self.reach(Milestone::AddressEndsInvalid),
                None if model.assembled() > was.assembled => self.reach(Milestone::AddressEndsPart),
                None => {}
            },
            _ => {}
        }

        self.note_read(event, outcome, was, model);
        self.note_write(event, was, model);
    }

    /// Follows the write that is under way.
    fn note_write(&mut self, event: Event, was: &Was, model: &Model) {
        match event {
            Event::WriteRequested => {
                self.written.clear();
                self.refused = Some(model.request.is_some());
                self.by_byte = false;
                self.late_stop = false;
                self.address_ended = model.assembled() > was.assembled;
            }
            Event::WriteReceived(byte) => {
                if !was.under_way {
                    self.refused = Some(was.waiting);
                    self.by_byte = true;
                    if was.waiting {
                        self.reach(Milestone::ByteWhileBusy);
                    }
                }
                self.address_ended = false;
                self.written.push(byte);
                if was.assembled > 0 && self.refused == Some(false) && self.written == [0x06] {
                    self.reach(Milestone::PartsReplaced);
                }
            }
            // A byte that follows begins a write or is ignored.
            _ => {
                self.late_stop = self.address_ended && event == Event::Stop;
                self.written.clear();
                self.refused = None;
                self.address_ended = false;
            }
        }
    }

    fn note_request(&mut self, event: Event, was: &Was, model: &Model) {
        if event == Event::WriteRequested {
            self.reach(Milestone::AddressEnds);
        }
        if self.by_byte {
            self.reach(Milestone::ByteBegins);
        }
        if self.late_stop {
            self.reach(Milestone::LateStop);
        }
        self.reach(match was.assembled {
            0 => Milestone::SinglePart,
            _ => Milestone::SeveralParts,
        });
        self.pec = (model.has_pec(), self.pec.0);
        self.reach(match self.pec.0 {
            true => Milestone::RequestWithPec,
            false => Milestone::RequestWithout,
        });
        if model.unread().is_some_and(|request| request.len() == 254) {
            self.reach(Milestone::LongestRequest);
        }
    }

    /// A write has ended that brought no request.
    fn note_part(&mut self, was: &Was, model: &Model) {
        if was.assembled > 0 && model.assembled() == 0 {
            self.reach(Milestone::PartsDropped);
        }
        let part = valid_part(&self.written);
        match (self.refused, part, &self.written[..]) {
            (Some(true), Ok(([_, ..], _)), [0x02, ..]) => self.reach(match was.waiting {
                true => Milestone::BusyWrite,
                false => Milestone::LateWrite,
            }),
            (Some(false), Ok((data, _)), [0x07 | 0x08, ..]) => {
                if was.assembled + data.len() > LONGEST_MESSAGE {
                    self.reach(Milestone::TooLong);
                }
            }
            (Some(false), Err(_), [0x02, len @ 1..=32, rest @ ..]) => {
                let more = rest.len().saturating_sub(usize::from(*len));
                if more == 1 {
                    self.reach(Milestone::WrongPec);
                } else if *len == 32 && more > 1 && valid_part(&self.written[..35]).is_ok() {
                    self.reach(Milestone::Overlong);
                }
            }
            _ => {}
        }
    }

    fn note_read(&mut self, event: Event, outcome: Outcome, was: &Was, model: &Model) {
        if event == Event::ReadRequested && outcome.byte == Some(0) {
            match model.response {
                _ if was.waiting => self.reach(Milestone::BusyRead),
                _ if !was.expects_read => {}
                Some(_) => self.reach(Milestone::FirstIsDue),
                None => self.reach(Milestone::NoResponse),
            }
        }
        match (event, was.reading, &model.reading) {
            (Event::ReadRequested, _, Some(reading)) => {
                if self.by_byte {
                    self.reach(Milestone::ByteBeginsRead);
                }
                let fetched = model.response.as_ref().map_or(0, |r| r.fetched);
                if reading.number == 0 && fetched > 0 {
                    self.reach(Milestone::BegunAnew);
                    self.begun_anew = fetched > 1;
                }
            }
            (Event::ReadProcessed, _, Some(reading)) => {
                if reading.handed_out == reading.len + 1 {
                    if self.pec.0 {
                        self.reach(Milestone::BlockPec);
                    } else if self.pec.1 {
                        self.reach(Milestone::NoBlockPec);
                    }
                }
            }
            (Event::Stop | Event::WriteRequested, Some((number, whole)), None) => {
                if !whole {
                    self.reach(Milestone::ReadInPart);
                    self.read_in_part = Some(number);
                } else {
                    if self.read_in_part.take() == Some(number) {
                        self.reach(Milestone::ReadAgain);
                    }
                    if self.begun_anew && number > 0 {
                        self.reach(Milestone::AnewAndOn);
                    }
                }
            }
            _ => {}
        }
        if model.response.is_none() {
            self.read_in_part = None;
            self.begun_anew = false;
        }
    }
}
